import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.digests import FileDigests
from data.errors import SchemaError
from data.score_store.shards import ScoreShards
from models import stored_teacher as module
from models.stored_teacher import StoredTeacher, open_teacher, teacher_digest
from models.teachers.bm25 import Bm25Teacher, Bm25TeacherConfig
from models.teachers.cross_encoder import CrossEncoderConfig
from models.teachers.cross_encoder_training import CrossEncoderTraining

ROOT = Path(__file__).parents[2]


class Lengths:
    """Scores a pair by its texts; counts what it is asked."""

    def __init__(self, queries, passages):
        self.queries, self.passages = queries, passages
        self.asked = []
        self.told = None

    def score(self, query_rows, passage_rows):
        pairs = [(self.queries[q], self.passages[p]) for q, p in zip(query_rows, passage_rows, strict=True)]
        self.asked += pairs
        return np.float32([len(query) + 100 * len(passage) for query, passage in pairs])

    def facts(self):
        return {"attention": "eager"}

    def work_as(self, facts):
        self.told = dict(facts)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "scores" / "lengths"


def opened(folder, queries, passages):
    teacher = Lengths(queries, passages)
    digests = FileDigests(folder / "digests.json")
    return StoredTeacher(lambda: teacher, ScoreShards(folder, digests), queries, passages), teacher


def score_all(folder, queries, passages):
    stored, teacher = opened(folder, queries, passages)
    rows = [(q, p) for q in range(len(queries)) for p in range(len(passages))]
    query_rows, passage_rows = (np.int64(column) for column in zip(*rows, strict=True))
    scores = stored.score(query_rows, passage_rows)
    assert scores.tolist() == [len(queries[q]) + 100 * len(passages[p]) for q, p in rows]
    return stored, teacher


TEXTS = st.lists(st.text(max_size=6), min_size=1, max_size=5)


@settings(max_examples=25)
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=3), st.integers(3, 9))
def test_no_pair_of_texts_is_scored_twice_whatever_is_asked_in_which_order(tmp_path_factory, asked, block):
    folder = tmp_path_factory.mktemp("scores")
    before, module.BLOCK = module.BLOCK, block
    try:
        scored = [pair for texts in asked for pair in score_all(folder, *texts)[1].asked]
    finally:
        module.BLOCK = before
    assert len(scored) == len(set(scored))
    assert set(scored) == {(q, p) for queries, passages in asked for q in queries for p in passages}


def test_an_edited_passage_costs_exactly_its_pairs(folder):
    queries, passages = ["where", "who", "when"], ["gold", "iron", "lead"]
    score_all(folder, queries, passages)
    stored, teacher = score_all(folder, queries, ["gold", "iron!", "lead"])
    assert teacher.asked == [("where", "iron!"), ("who", "iron!"), ("when", "iron!")]
    assert (stored.scored, stored.reused) == (3, 6)


def test_other_rows_of_the_same_texts_cost_nothing_not_even_the_model(folder):
    score_all(folder, ["where", "who"], ["gold", "iron"])

    def load():
        raise AssertionError

    digests = FileDigests(folder / "digests.json")
    again = StoredTeacher(load, ScoreShards(folder, digests), ["who", "where"], ["iron", "gold", "x"])
    assert again.score(np.int64([0, 1]), np.int64([1, 0])).tolist() == [403.0, 405.0]
    assert again.missing(np.int64([0, 1, 0]), np.int64([0, 1, 2])) == 1


def test_what_was_measured_once_holds_for_later_runs(folder):
    _, first = score_all(folder, ["where"], ["gold"])
    stored, second = score_all(folder, ["where"], ["iron"])
    assert first.told == {}
    assert second.told == stored.facts() == {"attention": "eager"}


@pytest.mark.parametrize("wild", [np.nan, np.inf])
def test_a_score_that_is_no_number_is_refused_with_its_texts_and_not_stored(folder, wild):
    stored, teacher = opened(folder, ["where"], ["gold", "iron"])
    teacher.score = lambda *_: np.float32([1.0, wild])
    with pytest.raises(
        SchemaError, match=r"found (nan|inf) for query 'where' and passage 'iron', and 0 more .*float32"
    ):
        stored.score(np.int64([0, 0]), np.int64([0, 1]))
    assert stored.shards.manifest().rows == 0


def test_two_that_score_at_once_share_the_work(folder):
    queries, passages = [f"query {n}" for n in range(20)], [f"passage {n}" for n in range(20)]
    asked, errors = [], []

    def work(order):
        try:
            stored, teacher = opened(folder, queries, passages)
            original = teacher.score

            def slowly(*rows):
                time.sleep(0.01)
                return original(*rows)

            teacher.score = slowly
            for row in order:
                stored.score(np.full(20, row), np.arange(20))
            asked.append(teacher.asked)
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=work, args=(order,)) for order in (range(20), range(19, -1, -1))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    assert sorted(asked[0] + asked[1]) == sorted((q, p) for q in queries for p in passages)
    assert min(map(len, asked)) > 0
    stored, _ = opened(folder, queries, passages)
    assert stored.shards.manifest().rows == 400


WRITER = """
import sys, time
from pathlib import Path
import numpy as np
from data.digests import FileDigests
from data.score_store.shards import ScoreShards
from models.stored_teacher import StoredTeacher
class Slow:
    def score(self, query_rows, passage_rows):
        time.sleep(0.01)
        return (query_rows * 1000 + passage_rows).astype(np.float32)
    def facts(self):
        return {}
    def work_as(self, facts):
        pass
folder = Path(sys.argv[1])
texts = [f"text {n}" for n in range(60)]
stored = StoredTeacher(Slow, ScoreShards(folder, FileDigests(folder / "digests.json")), texts, texts)
print("ready", flush=True)
for row in range(60):
    stored.score(np.full(60, row), np.arange(60))
print("done", stored.scored, flush=True)
"""


def test_kill_at_any_moment_costs_at_most_the_shard_in_flight(folder):
    folder.mkdir(parents=True)
    moments = np.random.default_rng(0).uniform(0.0, 0.12, 20)
    shards, before = ScoreShards(folder, FileDigests(folder / "digests.json")), 0
    for moment in moments:
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder)], cwd=ROOT, stdout=subprocess.PIPE
        )
        assert writer.stdout.readline() == b"ready\n"
        time.sleep(moment)
        writer.kill()
        writer.wait()
        writer.stdout.close()
        rows = shards.manifest().rows
        assert rows >= before  # nothing that was stored is lost
        assert rows % 60 == 0  # and no shard is there by half
        assert all(not shards.damage(shard) for shard in shards.manifest().shards)
        before = rows
    last = subprocess.run(
        [sys.executable, "-c", WRITER, str(folder)], cwd=ROOT, capture_output=True, check=True
    )
    assert last.stdout.split() == [b"ready", b"done", str(3600 - before).encode()]
    texts = [f"text {n}" for n in range(60)]
    stored = StoredTeacher(lambda: None, shards, texts, texts)
    for row in range(60):
        assert stored.score(np.full(60, row), np.arange(60)).tolist() == [row * 1000.0 + n for n in range(60)]


def test_a_teacher_is_what_it_is_not_what_it_is_called(digests, tiny_backbone):
    def digest(weights=None, **settings):
        return teacher_digest(CrossEncoderConfig(model=str(tiny_backbone), **settings), weights, digests)

    one = digest(name="a")
    assert one == digest(name="b", batch_tokens=77)
    others = [
        digest(name="a", **each) for each in ({"template": "{text}"}, {"max_tokens": 9}, {"weights": "w"})
    ]
    assert len({one, *others}) == 4


def test_code_that_trains_does_not_void_what_was_scored(digests, tiny_backbone, monkeypatch):
    seen = []
    original = module.code_closure
    monkeypatch.setattr(module, "code_closure", lambda roots: seen.append(original(roots)) or seen[-1])
    config = CrossEncoderConfig(name="a", model=str(tiny_backbone), training=CrossEncoderTraining())
    teacher_digest(config, "w", digests)
    assert "models.encoders.packed" in seen[0]
    assert "models.batches" not in seen[0]


def test_a_score_that_depends_on_the_collection_is_not_stored(tmp_path, digests):
    teacher = open_teacher(
        tmp_path, digests, Bm25TeacherConfig(name="bm25"), None, ["gold"], ["gold", "iron"]
    )
    assert isinstance(teacher, Bm25Teacher)
    assert not (tmp_path / "scores").exists()
