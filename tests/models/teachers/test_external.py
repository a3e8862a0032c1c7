import gzip

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from data.errors import CollectionError, ConfigError
from data.identity import canonical
from models.teacher import Teacher
from models.teachers.external import ExternalConfig

ROWS = [("q1", "p1", 2.5), ("q1", "p2", -1.0), ("q2", "p1", 0.5), ("q9", "p1", 7.0), ("q1", "p9", 7.0)]
QIDS, PIDS = ["q1", "q2", "q3"], ["p1", "p2", "p3"]


def parquet(folder, rows=ROWS, name="scores.parquet", **types):
    schema = {"qid": pl.String, "pid": pl.String, "score": pl.Float64} | types
    path = folder / name
    pl.DataFrame(rows, schema, orient="row").write_parquet(path)
    return path


def run(folder, name="scores.run"):
    path = folder / name
    ranked = [("q1", "p9", 7.0), ("q1", "p1", 2.5), ("q1", "p2", -1.0), ("q2", "p1", 0.5), ("q9", "p1", 7.0)]
    ranks = (1, 2, 3, 1, 1)
    lines = [
        f"{qid} Q0 {pid} {rank} {score} t\n" for (qid, pid, score), rank in zip(ranked, ranks, strict=True)
    ]
    text = "".join(lines).encode()
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return path


def config(path, **settings):
    return ExternalConfig(name="elsewhere", path=path, **{"measured_in": "logit"} | settings)


@pytest.mark.parametrize("make", [parquet, run, lambda folder: run(folder, "scores.run.gz")])
def test_a_pair_has_the_score_that_the_file_gives_it_in_any_order(tmp_path, make):
    teacher = config(make(tmp_path)).by_name(QIDS, PIDS)
    found = teacher.score(np.array([1, 0, 0]), np.array([0, 1, 0]))
    assert found.tolist() == [0.5, -1.0, 2.5]
    assert found.dtype == np.float32
    assert isinstance(teacher, Teacher)
    assert teacher.facts() == {"pairs_in_file": "3", "pairs_set_to_lowest": "0"}


def test_a_pair_that_is_missing_is_an_error_that_names_one(tmp_path):
    teacher = config(parquet(tmp_path)).by_name(QIDS, PIDS)
    with pytest.raises(
        ConfigError, match=r"no score of 2 of 3 pairs, such as \(q1, p3\); .* missing = \"lowest\""
    ):
        teacher.score(np.array([0, 0, 2]), np.array([0, 2, 1]))


def test_the_lowest_is_just_below_what_the_file_has_of_the_query(tmp_path):
    teacher = config(parquet(tmp_path), missing="lowest").by_name(QIDS, PIDS)
    found = teacher.score(np.array([0, 0, 0, 1]), np.array([0, 1, 2, 2]))
    assert found[:2].tolist() == [2.5, -1.0]
    assert found[2] == np.nextafter(np.float32(-1.0), np.float32(-2.0)) < -1.0
    assert 0.4999 < found[3] < 0.5
    assert teacher.facts()["pairs_set_to_lowest"] == "2"
    with pytest.raises(
        ConfigError, match=r"1 of 1 pairs, such as \(q3, p1\), whose queries have no row at all"
    ):
        teacher.score(np.array([2]), np.array([0]))


def test_no_pairs_score_nothing(tmp_path):
    nothing = np.array([], dtype=np.int64)
    assert config(parquet(tmp_path)).by_name(QIDS, PIDS).score(nothing, nothing).shape == (0,)


def test_a_file_is_what_it_holds_not_where_it_lies(tmp_path, digests):
    (tmp_path / "other").mkdir()
    here, there = parquet(tmp_path), parquet(tmp_path / "other")
    assert canonical(config(here), digests) == canonical(config(there), digests)
    changed = parquet(tmp_path, ROWS[:3], "fewer.parquet")
    assert canonical(config(here), digests) != canonical(config(changed), digests)
    with pytest.raises(ConfigError, match=r"teachers.path = .*no such file"):
        canonical(config(tmp_path / "nowhere.run"), digests)


def test_texts_name_no_pair(tmp_path):
    chosen = config(parquet(tmp_path))
    assert (chosen.is_stored, chosen.can_be_probed) == (False, False)
    with pytest.raises(
        ConfigError, match=r"teachers.elsewhere: found a teacher that texts alone do not open"
    ):
        chosen.load(None, [], [])


def test_a_file_about_other_things_is_refused(tmp_path):
    with pytest.raises(
        ConfigError, match=r"no pair of this collection; its first is \('q1', 'p1'\); .*\(x1, p1\)"
    ):
        config(parquet(tmp_path)).by_name(["x1"], PIDS)


@pytest.mark.parametrize("missing", ["error", "lowest"])
def test_what_is_not_in_the_file_is_not_known_whatever_it_would_get(tmp_path, missing):
    teacher = config(parquet(tmp_path), missing=missing).by_name(QIDS, PIDS)
    assert teacher.knows(np.array([0, 0, 1, 2]), np.array([1, 2, 0, 0])).tolist() == [
        True,
        False,
        True,
        False,
    ]
    assert teacher.seconds(3) is None


@pytest.mark.parametrize("missing", ["error", "lowest"])
def test_a_file_about_other_things_may_be_opened_and_knows_nothing(tmp_path, missing):
    teacher = config(parquet(tmp_path), missing=missing).by_name(["x1"], PIDS, strict=False)
    assert teacher.knows(np.array([0, 0]), np.array([0, 2])).tolist() == [False, False]
    assert teacher.facts()["pairs_in_file"] == "0"
    with pytest.raises(ConfigError, match=r"no score of 2 of 2 pairs, such as \(x1, p1\)"):
        teacher.score(np.array([0, 0]), np.array([0, 2]))
    nothing = np.array([], dtype=np.int64)
    assert teacher.score(nothing, nothing).shape == (0,)


@pytest.mark.parametrize(
    ("rows", "types", "message"),
    [
        ([(1, "p1", 2.0)], {"qid": pl.Int64}, "found qid: Int64, .* expected qid: String"),
        ([("q1", "p1", 2)], {"score": pl.Int64}, "score: Int64; expected .* Float32 or Float64"),
        ([("q1", "p1", float("nan"))], {}, r"found the score nan for the pair \(q1, p1\)"),
        ([("q1", "p1", None)], {}, r"found the score None for the pair \(q1, p1\)"),
        ([("q1", "p1", 1e300)], {}, "found the score inf"),
        ([("q1", "p1", 2.0), ("q1", "p1", 3.0)], {}, r"several scores of the pair \(q1, p1\)"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_refused(tmp_path, rows, types, message):
    with pytest.raises(CollectionError, match=message):
        config(parquet(tmp_path, rows, **types)).by_name(QIDS, PIDS)


def test_the_scale_must_be_declared(tmp_path):
    with pytest.raises(ValidationError, match="measured_in"):
        ExternalConfig(name="elsewhere", path=tmp_path)
    with pytest.raises(ValidationError, match="'logit', 'cosine'"):
        config(tmp_path, measured_in="percent")


def test_a_file_reads_no_text_so_it_has_no_template(tmp_path):
    with pytest.raises(ValidationError, match=r"template: found '\{text\}'; expected none, for a file of"):
        config(tmp_path, template="{text}")
    chosen = config(tmp_path)
    assert ExternalConfig.model_validate_json(chosen.model_dump_json()) == chosen
