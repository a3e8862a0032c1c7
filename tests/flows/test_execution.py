import pytest

import tasks.mine_candidates as mining
from data.errors import CollectionError, StageFailed
from flows.config import load
from flows.execution import Execution, check_inputs, execute, make_directly
from flows.planning import Choice
from flows.records import read_record


def execution(store, **given):
    return Execution(store, Choice(), make_directly(store), **given)


def test_bad_input_is_told_before_anything_runs_and_leaves_no_trace(tiny_toml, beir_folder, store):
    (beir_folder / "corpus.jsonl").write_text('{"_id": "p1", "title": "", "text": "x"}\n{broken\n')
    with pytest.raises(CollectionError, match=r"corpus\.jsonl, line 2"):
        check_inputs(load(tiny_toml), store, Choice())
    assert not store.root.exists()


def test_a_collection_read_by_the_check_counts_as_run_once(tiny_toml, store):
    config = load(tiny_toml)
    made = check_inputs(config, store, Choice())
    walk = execution(store, made=made)
    execute(config, "tiny", walk)
    assert [row.status for row in walk.provenance if row.stage == "ingest"] == ["ran"]
    assert check_inputs(config, store, Choice()) == frozenset()


def test_a_failing_stage_tells_its_cause_and_keeps_what_was_done(tiny_toml, store, monkeypatch):
    def fail(*_, **__):
        raise ValueError("disk on fire")

    config = load(tiny_toml)
    stage = mining.mine_candidates
    monkeypatch.setattr(
        "flows.distill_pipeline.mine_candidates", type(stage)(stage.name, stage.module, fail, stage.reads)
    )
    with pytest.raises(StageFailed, match="stage mine_candidates failed: ValueError: disk on fire"):
        execute(config, "tiny", execution(store))
    assert [row.stage for row in read_record(store, "tiny").rows] == ["ingest", "generate_queries"]


def test_the_answer_key_holds_what_it_declares(tiny_toml, store):
    import polars as pl

    from flows.records import tables_glob

    execute(load(tiny_toml), "tiny", execution(store))
    key = pl.read_parquet(tables_glob(store, "tiny", "answers"))
    assert key.schema == {"qid": pl.String, "pid": pl.String, "teacher": pl.String, "score": pl.Float32}
    assert key.select("qid", "pid", "teacher").is_duplicated().sum() == 0
    assert key["score"].is_finite().all()
    queries = pl.read_parquet(tables_glob(store, "tiny", "queries"))
    learned = set(queries.filter(pl.col("split").is_in(["train", "dev"]))["qid"])
    assert set(key["qid"]) == learned
    assert set(key["teacher"]) == {"tiny", "lexical"}
