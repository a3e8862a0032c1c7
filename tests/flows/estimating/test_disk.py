from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from data.artifacts import ArtifactStore
from data.score_store.pairs import text_hashes
from flows.config import config_path, load
from flows.estimating.collection_size import KNOWN
from flows.estimating.disk import Measured, measured_rows, measured_scores, tables
from flows.named_runs import every_run

NQ = KNOWN["nq"]
CONFIG = load(config_path("nq"))


def table(name, size=NQ, measured=None):
    return next(each for each in tables(CONFIG, size, measured) if each.name == name)


@given(passages=st.integers(300_000, 10**8))
def test_twice_the_passages_take_twice_the_bytes_of_vectors(passages):
    once, twice = (table("embeddings", replace(NQ, passages=n)).disk_bytes for n in (passages, 2 * passages))
    assert twice == 2 * once


def test_rows_and_widths_worked_by_hand():
    # 100,231 + 250,000 queries of 200 pairs; qid and pid of 12 bytes, a name of 1, a score of 4.
    answers = table("answers")
    assert (answers.rows, answers.row_bytes) == (70_046_200, 29)
    # 12 + 4 · 384
    assert table("embeddings").row_bytes == 1548
    # The key, the teacher's own line, and 50 of each test question for each of three students; 16 + 16 + 4.
    scores = table("scores")
    assert scores.rows == 70_046_200 + 3452 * 200 + 3 * 3452 * 50
    assert scores.row_bytes == 36


def test_a_width_is_measured_only_where_enough_rows_were():
    many, few = Measured(7.5, 1_000_000), Measured(7.5, 1_000)
    assert table("answers", measured={"answers": many}).row_bytes == 7.5
    assert table("answers", measured={"answers": many}).measured
    assert table("answers", measured={"answers": few}) == table("answers")


def test_widths_are_those_of_the_files(tmp_path, small_run):
    small_run(tmp_path)
    store = ArtifactStore(tmp_path)
    (record,) = every_run(store).values()
    manifests = [store.manifest(row.stage, row.key) for row in record.rows]
    found = measured_rows(manifests)
    (answers,) = (m.parts["answers.parquet"] for m in manifests if "answers.parquet" in m.parts)
    assert found["answers"] == Measured(answers.files[0].size_bytes / answers.rows, answers.rows)


def test_stored_scores_are_measured_over_all_teachers(store):
    import polars as pl

    from data.score_store.pairs import pair_frame
    from data.score_store.shards import ScoreShards

    assert measured_scores(store) is None
    shards = ScoreShards(store.root / "scores" / "a-teacher", store.digests)
    hashes = text_hashes(["one", "two"])
    rows = pair_frame(hashes, hashes).with_columns(score=pl.Series([0.5, 1.0], dtype=pl.Float32))
    shard = shards.write(rows)
    shards.add(shard, {}, {}, 1.0)
    assert measured_scores(store) == Measured(shard.size_bytes / 2, 2)
