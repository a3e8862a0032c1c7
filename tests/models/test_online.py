import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import ConfigError
from models.online import Mining, OnlineConfig, rounds
from models.retriever import top_hits

EVERY_FIVE = OnlineConfig(every=5, depth=3)


class Backwards:
    """Stands for a retriever that prefers the last passages of the table."""

    index_bytes = parameters = 0

    def __init__(self, size):
        self.size = size

    def encode(self, queries):
        return len(queries)

    def search(self, encoded, depth):
        rows = np.tile(np.arange(self.size), (encoded, 1))
        return top_hits(rows.astype(np.float32), rows, depth)


class Learner:
    """Stands for a student."""

    def __init__(self):
        self.facts = {}

    def train(self, lesson):
        raise NotImplementedError

    def retriever(self, shelf):
        return Backwards(shelf.passages.num_rows)

    def save(self, folder):
        raise NotImplementedError


@pytest.fixture
def asked():
    return []


@pytest.fixture
def lesson(make_lesson, asked):
    """A lesson whose key knows the passages of gold only; asked of others, the teacher gives 7."""
    whole = make_lesson()

    def scorer(pairs):
        asked.extend(pairs.rows())
        return pl.Series("score", [7.0] * pairs.height, dtype=pl.Float32)

    known = whole.answers.filter(pl.col("pid").str.starts_with("gold"))
    return whole.__class__(**{**whole.__dict__, "answers": known, "scorer": scorer})


@given(st.integers(0, 100), st.integers(1, 30))
def test_rounds_cover_every_step_once(steps, every):
    covered = [
        step for first, last in rounds(steps, OnlineConfig(every=every)) for step in range(first, last)
    ]
    assert covered == list(range(steps))


def test_the_students_own_best_are_candidates_and_the_teacher_is_asked_what_is_new(lesson, asked):
    mining = Mining(Learner(), lesson, EVERY_FIVE)
    found = mining.again()
    # Last of twelve passages by pid: rhine-2, rhine-1, mozart-2. Four questions are learned from.
    candidates = found.candidates.collect()
    assert candidates.filter(qid="q01")["pid"].to_list() == ["rhine-2", "rhine-1", "mozart-2"]
    assert candidates.filter(qid="q01")["rank"].to_list() == [1, 2, 3]
    assert set(candidates["qid"]) == {"q01", "q02", "q03", "q04"}
    assert (mining.asked, len(asked)) == (12, 12)
    scored = found.answers.filter(qid="q01", pid="rhine-2").collect()
    assert scored["score"].to_list() == [7.0]


def test_no_pair_is_asked_twice(lesson, asked):
    mining = Mining(Learner(), lesson, EVERY_FIVE)
    mining.again()
    mining.again()
    assert len(asked) == len(set(asked)) == 12


def test_what_the_key_knows_is_not_asked(lesson, asked):
    Mining(Learner(), lesson, OnlineConfig(every=5, depth=12)).again()
    assert not [pid for _, pid in asked if pid.startswith("gold")]
    assert len(asked) == 4 * 10


def test_the_miners_candidates_stay_if_asked_for(lesson):
    added = OnlineConfig(every=5, depth=3, candidates="add")
    candidates = Mining(Learner(), lesson, added).again().candidates.collect()
    assert set(candidates["miner"]) == {"words", "student"}


def test_a_student_without_a_teacher_cannot_learn_online(make_lesson):
    with pytest.raises(ConfigError, match="found a student that learns from no teacher's scores"):
        Mining(Learner(), make_lesson(answers=None), EVERY_FIVE)
