from uuid import uuid4

import pytest

from data.artifacts import ArtifactStore
from data.progress import Reached
from data.remote.addresses import RemoteAddress, mark
from flows import prefect_artifacts
from flows.prefect_artifacts import ProgressArtifacts, address, artifact_key, publish, rows_of
from flows.records import RecordRow, read_record
from tasks.stage import Stage
from tests.flows.small_runs import Knob


@pytest.fixture
def shown(monkeypatch):
    """What would be sent to Prefect, by key."""
    shown = {}

    def keep(kind):
        def create(content, *, key, description, **more):
            shown[key] = (kind, content)
            return uuid4()

        return create

    for kind in ("table", "link", "markdown", "progress"):
        monkeypatch.setattr(prefect_artifacts, f"create_{kind}_artifact", keep(kind))
    return shown


def test_the_tables_of_a_run_are_linked_and_a_run_without_report_has_no_leaderboard(
    small_run, tmp_path, shown
):
    small_run(tmp_path)
    store = ArtifactStore(tmp_path)
    publish(store, "small", read_record(store, "small").rows)
    assert list(shown) == ["parquet-small"]
    kind, text = shown["parquet-small"]
    lines = text.splitlines()
    assert kind == "markdown"
    assert lines[:2] == ["| stage | of | table | rows |", "|---|---|---|--:|"]
    assert lines[2].startswith(f"| ingest |  | [qrels.parquet]({tmp_path.as_uri()}/ingest/")
    assert len(lines) == 2 + 4  # qrels, candidates, answers, metrics; weights and runs are no tables


def test_the_leaderboard_is_a_table_and_the_report_a_link(store, shown):
    def body(draft, store, config):
        draft.file("leaderboard.md").write_text("| system | nDCG@10 |\n|:--|--:|\n| bm25 | .606 |\n\nwords\n")
        draft.file("report.html").write_text("<html>")

    stage = Stage(name="write_report", module="tasks.stage", body=body)
    ref = stage.run(store, Knob(value=1), {})
    publish(store, "small", [RecordRow(ref.stage, ref.of, ref.key)])
    assert shown["leaderboard-small"] == ("table", [{"system": "bm25", "nDCG@10": ".606"}])
    kind, link = shown["report-small"]
    assert (kind, link) == ("link", store.path(ref, "report.html").resolve().as_uri())


def test_links_lead_to_where_the_root_is_served(store, monkeypatch):
    path = store.root / "ingest" / "0" / "qrels.parquet"
    assert address(store, path) == path.as_uri()
    monkeypatch.setenv("DISTILL_ARTIFACTS_URL", "http://127.0.0.1:4201/")
    assert address(store, path) == "http://127.0.0.1:4201/ingest/0/qrels.parquet"


def test_links_of_an_object_store_name_the_object(tmp_path):
    mark(tmp_path, RemoteAddress("shelf", "nq", "http://127.0.0.1:8333"))
    path = tmp_path / "ingest" / "0" / "qrels.parquet"
    assert address(ArtifactStore(tmp_path), path) == "s3://shelf/nq/ingest/0/qrels.parquet"


def test_only_the_first_table_of_a_text_is_read():
    text = "| a | b |\n|:--|--:|\n| 1 | 2 |\n| 3 | 4 |\n\n| c |\n|---|\n| 5 |\n"
    assert rows_of(text) == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]


def test_a_key_holds_what_prefect_allows():
    assert artifact_key("leaderboard", "My Run_2.toml") == "leaderboard-my-run-2-toml"


def test_progress_is_one_artifact_for_each_kind_of_work(monkeypatch):
    sent = []

    def create(percent, *, key, description):
        sent.append((key, percent, description))
        return key

    monkeypatch.setattr(prefect_artifacts, "create_progress_artifact", create)
    monkeypatch.setattr(
        prefect_artifacts,
        "update_progress_artifact",
        lambda key, percent, description: sent.append((f"again {key}", percent, description)),
    )
    listener = ProgressArtifacts("score_candidates minilm")
    listener(Reached("scoring", "pair", 1000, 4000))
    listener(Reached("scoring", "pair", 4000, 4000))
    listener(Reached("writing", "row", 7, None))
    key = "progress-score-candidates-minilm"
    assert sent == [
        (key, 25.0, "score_candidates minilm: scoring, 1,000 of 4,000 pairs"),
        (f"again {key}", 100.0, "score_candidates minilm: scoring, 4,000 of 4,000 pairs"),
        (key, 0.0, "score_candidates minilm: writing, 7 rows"),
    ]


def test_a_server_that_is_away_does_not_stop_the_work(monkeypatch, caplog):
    calls = []

    def refuse(*_, **__):
        calls.append(1)
        raise ConnectionError

    monkeypatch.setattr(prefect_artifacts, "create_progress_artifact", refuse)
    listener = ProgressArtifacts("ingest")
    listener(Reached("reading", "MB", 1, 2))
    listener(Reached("reading", "MB", 2, 2))
    assert len(calls) == 1
    assert "progress is not shown any more" in caplog.text
