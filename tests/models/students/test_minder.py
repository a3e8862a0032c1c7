from dataclasses import replace

import pytest

from data.errors import ConfigError
from models.student import Need, Shelf
from models.students.minder import MinderConfig
from models.training import TrainingConfig


@pytest.fixture
def config(tiny_backbone):
    return MinderConfig(
        name="minder",
        backbone=str(tiny_backbone),
        decoder_layers=1,
        rows={"title": 1, "body": 1, "query": 1},
        training=TrainingConfig(max_steps=2, batch_size=4, precision="float32"),
    )


def test_it_needs_the_index_and_no_teacher(config):
    assert config.needs == config.finds_with == {Need.IDENTIFIERS}
    assert config.takes == ()


def test_its_facts_say_what_it_learned_from_and_whether_it_writes_identifiers(config, make_lesson):
    student = config.build(seed=0)
    student.train(make_lesson())
    facts = student.facts
    assert (facts["queries"], facts["steps"], facts["lists"]) == (4, 2, 8)
    assert 0 <= facts["valid_identifiers"] <= 1
    assert facts["parameters"] == sum(each.numel() for each in student.model.parameters())


def test_without_an_index_it_neither_learns_nor_searches(config, make_lesson, tiny_collection):
    student = config.build(seed=0)
    with pytest.raises(ConfigError, match="found no index of identifiers"):
        student.train(replace(make_lesson(), identifiers=None))
    with pytest.raises(ConfigError, match="found no index of identifiers"):
        student.retriever(Shelf(tiny_collection["passages"]))


def test_long_queries_keep_their_mark(config):
    model = config.build(seed=0).generative.model
    text = " ".join(["gold"] * 100) + " || title || +"
    read = model.tokenizer(text, truncation=True, max_length=model.max_tokens)["input_ids"]
    assert len(read) == model.max_tokens
    assert read[-8:] == model.tokenizer(text)["input_ids"][-8:]
