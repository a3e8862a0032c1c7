"""A whole run on an object store, as a first machine makes it and a second one finds it."""

import json

import polars as pl
import pytest

from data.remote import mirror
from flows import cli
from flows.named_runs import every_run, named_run
from flows.records import manifests, read_record, tables_glob
from tests.flows.small_runs import small_run  # noqa: F401
from tests.s3 import machine, objects, s3, s3_server, url  # noqa: F401

STAGES = ["ingest", "mine_candidates", "score_candidates", "train_student", "evaluate_student"]


@pytest.fixture
def distill(url, machine, monkeypatch):  # noqa: F811
    """Run a command on a machine as a process of its own would; gives its exit code."""
    monkeypatch.setenv("DISTILL_ARTIFACTS", url)

    def run(name, *arguments):
        mirror._KNOWN.clear()
        machine(name)
        return cli.main([*arguments])

    return run


def test_a_second_run_reuses_everything_also_from_an_empty_cache(s3, machine, small_run):  # noqa: F811
    first = machine("a")
    assert small_run(first.root) == STAGES
    mirror._KNOWN.clear()
    assert small_run(first.root) == []
    s3.asked.clear()
    s3.sent = 0
    second = machine("b")
    assert small_run(second.root) == []
    downloaded = [path for path in second.root.rglob("*") if path.suffix in {".parquet", ".bin", ".trec"}]
    assert [path for path in downloaded if not path.is_symlink()] == []
    listings = [path for method, path, query in s3.asked if "list-type" in query]
    assert len(listings) == len(STAGES) + 1  # each artifact once, and the record
    assert not [query for _, _, query in s3.asked if "prefix=shelf%2F&" in query]  # never all there is
    assert {method for method, _, _ in s3.asked} == {"GET", "HEAD"}  # nothing is written
    assert s3.sent < 20_000


def test_a_change_on_the_second_machine_runs_only_what_follows(machine, small_run):  # noqa: F811
    small_run(machine("a").root)
    second = machine("b")
    assert small_run(second.root, teacher=2) == STAGES[2:]
    assert small_run(machine("c").root, teacher=2) == []


def test_records_and_history_are_those_of_all_machines(machine, small_run):  # noqa: F811
    first, second = machine("a"), machine("b")
    small_run(first.root, value=1)
    small_run(second.root, value=2)
    assert named_run(machine("c"), "small") == named_run(first, "small") == read_record(second, "small")
    assert named_run(machine("c"), "small@1") != named_run(machine("c"), "small")
    assert set(every_run(machine("d"), earlier=True)) == {"small", "small@1"}


def test_a_table_is_fetched_for_whoever_asks_for_its_files(machine, small_run):  # noqa: F811
    small_run(machine("a").root)
    second = machine("b")
    frame = pl.scan_parquet(tables_glob(second, "small", "answers")).collect()
    assert frame["qid"].to_list() == ["q1"]
    assert len(manifests(second, "small")) == len(STAGES)


def test_commands_take_an_address(distill, machine, small_run, capsys):  # noqa: F811
    small_run(machine("a").root)
    assert distill("b", "ls", "small", "--json") == 0
    assert [row["stage"] for row in json.loads(capsys.readouterr().out)["artifacts"]] == STAGES
    assert distill("b", "show", "small", "answers") == 0
    assert distill("b", "verify") == 0
    assert distill("b", "verify", "--bytes") == 0
    assert "are what was written" in capsys.readouterr().out


def test_gc_frees_the_object_store(distill, machine, small_run, objects, monkeypatch, capsys):  # noqa: F811
    from data.upkeep import remote_garbage

    monkeypatch.setattr(remote_garbage.remote_garbage, "__defaults__", (0.0,))
    small_run(machine("a").root, value=1)
    small_run(machine("a").root, value=2)
    assert len(objects.folders("evaluate_student")) == 2
    assert distill("b", "gc", "--dry-run") == 0
    assert len(objects.folders("evaluate_student")) == 2
    assert distill("b", "gc") == 0
    assert "on the object store  (no run names or needs it)" in capsys.readouterr().out
    assert len(objects.folders("evaluate_student")) == 1
    assert small_run(machine("c").root, value=2) == []


@pytest.mark.usefixtures("distill")
def test_without_credentials_a_command_says_so_and_writes_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("DISTILL_CACHE", str(tmp_path / "b"))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert cli.main(["ls", "small"]) == 2
    told = capsys.readouterr().err
    assert "found no credentials it accepts" in told
    assert "Set AWS_ACCESS_KEY_ID" in told
    assert not (tmp_path / "b").exists()


@pytest.mark.flow
@pytest.mark.usefixtures("direct")
def test_the_whole_pipeline_runs_on_it_and_another_machine_reuses_all(s3, distill, tiny_toml, capsys):  # noqa: F811
    def last_line(place):
        s3.asked.clear()
        s3.sent = 0
        assert distill(place, "run", str(tiny_toml)) == 0
        return capsys.readouterr().out.splitlines()[-1]

    stages, _, rest = last_line("a").partition(" ")
    assert rest == "stages run, 0 reused"
    for place in ("a", "b"):
        assert last_line(place) == f"0 stages run, {stages} reused"
        assert {method for method, _, _ in s3.asked} == {"GET", "HEAD"}
        listings = [each for each in s3.asked if "list-type" in each[2]]
        assert len(listings) <= int(stages) + 4  # each artifact once; the record whenever it is asked for
        fetched = {path.split("/")[-1] for method, path, query in s3.asked if method == "GET" and not query}
        tables = {name for name in fetched if not name.startswith(("leaderboard-", "report-"))}
        assert tables == {"manifest.json", "run.json"}
