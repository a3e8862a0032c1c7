from dataclasses import replace
from pathlib import Path

import pytest
import torch

from data.errors import ConfigError
from models.student import Need, Shelf
from models.students.dgr import DgrConfig
from models.teacher import PairTexts
from models.writing_student import index_of

QUERIES = ["where does the rhine rise", "yellow metal"]


@pytest.fixture(params=["minder", "dgr"])
def config(request, tiny_minder):
    """Of each kind that writes; both open the same weights."""
    return tiny_minder.config if request.param == "minder" else DgrConfig(name="dgr", base="tiny-minder")


def test_it_finds_with_the_index_and_its_scores_have_no_unit(config):
    assert config.finds_with == {Need.IDENTIFIERS}
    assert config.scale == "unknown"


def test_it_teaches_as_it_finds_and_only_where_the_index_is(
    config, tiny_minder, tiny_collection, tiny_identifiers
):
    passages = tiny_collection["passages"]["text"].to_pylist()
    assert config.as_teacher(tiny_minder.folder, PairTexts(QUERIES, passages)) is None
    teacher = config.as_teacher(tiny_minder.folder, PairTexts(QUERIES, passages, tiny_identifiers))
    shelf = Shelf(tiny_collection["passages"], identifiers=tiny_identifiers)
    retriever = config.load(tiny_minder.folder).retriever(shelf)
    hits = retriever.search(retriever.encode(QUERIES), 1)
    for place in range(len(QUERIES)):
        found = teacher.score(hits.rows[place] * 0 + place, hits.rows[place])
        assert found.tolist() == pytest.approx(hits.scores[place].tolist(), rel=1e-4)


def test_an_index_is_given_or_asked_for():
    assert index_of(Path("identifiers")) == Path("identifiers")
    with pytest.raises(ConfigError, match="Pass what the stage index_identifiers made"):
        index_of(None)


@pytest.mark.parametrize("learn", [True, False])
def test_words_learn_or_stay_as_they_are(config, make_lesson, tiny_minder, learn):
    """A minder starts from its backbone's words, a dgr from its base's."""
    training = config.training.model_copy(update={"max_steps": 2, "epochs": 2.0, "warmup_share": 0.0})
    chosen = config.model_copy(update={"train_words": learn, "training": training})
    student = chosen.build(0)
    before = None if config.builds_on else words(student)
    student.train(replace(make_lesson(), base=tiny_minder, scorer=lambda pairs: pairs["qid"].str.len_chars()))
    start = words(tiny_minder.config.load(tiny_minder.folder)) if before is None else before
    assert torch.equal(words(student), start) != learn


def words(student):
    return student.model.get_encoder().get_input_embeddings().weight.detach().clone()
