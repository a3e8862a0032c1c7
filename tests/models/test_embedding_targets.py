from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from data.errors import ConfigError
from models.batches import ListSettings, draw_lists
from models.embedding_targets import (
    check_lengths,
    generated,
    numbered,
    pair_vectors,
    passage_vectors,
    prompted,
    query_vectors,
    score_goals,
)
from models.encoders.asymmetric import TwoTowers
from models.encoders.text_encoder import EncoderConfig
from models.losses.embed_distill import Goals, VectorTable
from models.targets import Factor
from models.teachers.dual_encoder import DualEncoderConfig
from models.training import TrainingConfig

SETTINGS = ListSettings(negatives=3)


class Words:
    """Reads pairs: a text's vector is its length and that of the other."""

    def __init__(self):
        self.read = []

    def embed_pairs(self, queries, passages):
        self.read += list(zip(queries, passages, strict=True))
        sizes = np.float32([[len(query), len(passage)] for query, passage in self.read])
        return sizes, sizes[:, ::-1].copy()


@pytest.fixture
def lesson(make_lesson, tiny_backbone):
    encoder = EncoderConfig(model=str(tiny_backbone), precision="float32")
    return replace(make_lesson(), teacher=DualEncoderConfig(name="t", encoder=encoder))


@pytest.fixture
def towers(lesson):
    encoder = lesson.teacher.model_of(None)
    return TwoTowers(encoder, encoder)


@pytest.fixture
def lists(lesson):
    return draw_lists(lesson, SETTINGS, TrainingConfig(epochs=3, batch_size=4), "{title} {text}")


def test_a_lists_vector_is_that_of_its_query(lists, towers):
    found = query_vectors(lists, towers)
    assert found.table.shape == (4, 32)
    texts = dict(lists.queries.iter_rows())
    for number, query in enumerate(lists.rows["query_id"]):
        own = towers.encode_queries([texts[query]])[0]
        assert found.of(torch.tensor([number]))[0].numpy() == pytest.approx(own, abs=1e-5)


def test_a_lists_vectors_of_passages_are_in_their_order(lesson, lists, towers):
    found = passage_vectors(lesson, lists, towers, inherits=False)
    texts = dict(lists.documents.iter_rows())
    number = 5
    expected = towers.encode_passages([texts[pid] for pid in lists.rows["document_ids"][number]])
    assert found.of(torch.tensor([number]))[0].numpy() == pytest.approx(expected, abs=1e-5)


def test_a_pair_is_read_once_and_found_by_every_list_that_has_it(lesson, lists):
    reader = Words()
    queries, passages = pair_vectors(lesson, lists, reader)
    assert lists.rows.height == 12
    assert len(reader.read) == len(set(reader.read)) == 4
    texts, answers = dict(lists.queries.iter_rows()), dict(lists.documents.iter_rows())
    for number, (query, pids) in enumerate(lists.rows.select("query_id", "document_ids").iter_rows()):
        sizes = [len(texts[query]), len(answers[pids[0]])]
        assert queries.of(torch.tensor([number])).tolist() == [sizes]
        assert passages.of(torch.tensor([number])).tolist() == [[sizes[::-1]]]


def test_scores_are_those_of_the_key_after_the_targets(lesson, lists):
    found = score_goals(lesson, lists, Factor(by=2.0)).scores
    assert found.numpy() == pytest.approx(2 * np.array(lists.rows["label"].to_list()))
    assert score_goals(lesson, lists, None).scores is None


def test_lists_are_numbered_in_their_order(lists):
    rows = numbered(lists.rows, with_passages=True)
    assert rows.columns == ["query_id", "document_ids", "label"]
    assert rows["label"].to_list() == list(range(12))


def test_prompts_stand_before_the_texts(lists):
    found = prompted(lists, {"query": "ask: ", "document": None})
    assert found.queries["text"].to_list() == ["ask: " + text for text in lists.queries["text"]]
    assert found.documents.equals(lists.documents)


def test_generated_queries_are_counted_where_they_are_learned_from(lesson, lists):
    assert generated(lesson, lists) == 0
    everything = lesson.queries.with_columns(origin=pl.lit("generated"))
    assert generated(replace(lesson, queries=everything), lists) == 4


def test_unit_vectors_are_matched_with_unit_vectors_alone():
    long = Goals(queries=VectorTable(torch.tensor([[3.0, 4.0]]), torch.tensor([0])))
    check_lengths(long, "dot", "students.e")
    with pytest.raises(ConfigError, match=r"students\.e\.similarity = 'cosine': found .* from 1 by up to 4"):
        check_lengths(long, "cosine", "students.e")
