import pytest

from data.errors import ConfigError
from data.manifests import Recipe
from flows.config import load
from flows.execution import Execution, execute, make_directly
from flows.planning import Choice, differences, plan
from flows.records import read_record

ALL = Choice()


def run(config, store, choice=ALL):
    execution = Execution(store, choice, make_directly(store))
    execute(config, "tiny", execution)
    return {(row.stage, row.of): row.status for row in execution.provenance}


def statuses(config, store, choice=ALL):
    return {(row.stage, row.of): row for row in plan(config, store, read_record(store, "tiny"), choice)}


@pytest.fixture
def done(tiny_toml, store):
    """A store in which the tiny configuration was run."""
    run(load(tiny_toml), store)
    return store


def test_a_first_plan_runs_everything_and_says_what_waits_for_what(tiny_toml, store):
    rows = statuses(load(tiny_toml), store)
    assert {row.status for row in rows.values()} == {"run"}
    assert rows["ingest", ""].reason == "not made yet"
    assert rows["mine_candidates", ""].reason == "generate_queries, ingest will be made first"


def test_after_a_run_everything_is_reused_and_a_run_does_nothing(tiny_toml, done):
    rows = statuses(load(tiny_toml), done)
    assert {(row.status, row.reason) for row in rows.values()} == {("reuse", "unchanged")}
    assert set(run(load(tiny_toml), done).values()) == {"reused"}


def test_another_teacher_reruns_scoring_and_what_depends_on_it_and_nothing_else(tiny_toml, done):
    config = load(tiny_toml, ["teachers.tiny.encoder.max_tokens=4"])
    rows = statuses(config, done)
    to_run = {label for label, row in rows.items() if row.status == "run"}
    assert to_run == {
        ("score_candidates", "tiny"),
        ("check_teacher", "tiny"),
        ("decide_negatives", "tiny"),
        ("check_teacher", "lexical"),  # it is compared with the other
        ("train_student", "soft/0"),  # the control learns from judgements only
        ("evaluate_student", "teacher:tiny"),
        ("evaluate_student", "hard/0"),  # retention is measured against the teacher
        ("evaluate_student", "soft/0"),
        ("write_report", ""),
    }
    assert rows["score_candidates", "tiny"].reason == "teacher.encoder.max_tokens: 32 → 4"
    assert rows["train_student", "soft/0"].reason == "score_candidates tiny will be made first"
    ran = {label for label, status in run(config, done).items() if status == "ran"}
    assert ran == to_run


def test_going_back_reuses_what_an_earlier_run_made(tiny_toml, done):
    run(load(tiny_toml, ["mine.depth=4"]), done)
    rows = statuses(load(tiny_toml), done)
    assert rows["mine_candidates", ""].status == "reuse"
    assert rows["mine_candidates", ""].reason == "made by an earlier run"


def test_a_damaged_artifact_is_told_and_rebuilt(tiny_toml, done):
    next((done.root / "mine_candidates").glob("*/candidates-*.parquet")).write_bytes(b"")
    row = statuses(load(tiny_toml), done)["mine_candidates", ""]
    assert (row.status, row.reason) == ("run", "its artifact is missing, truncated or damaged")
    ran = {label for label, status in run(load(tiny_toml), done).items() if status == "ran"}
    assert ran == {("mine_candidates", "")}  # the same bytes: nothing below runs


def test_refresh_makes_one_stage_anew_and_equal_bytes_stop_there(tiny_toml, done):
    ran = run(load(tiny_toml), done, Choice(refresh=("mine_candidates",)))
    assert [label for label, status in ran.items() if status == "ran"] == [("mine_candidates", "")]


def test_from_makes_a_stage_and_all_after_it_anew(tiny_toml, done):
    ran = run(load(tiny_toml), done, Choice(start="evaluate_student"))
    assert {stage for (stage, _), status in ran.items() if status == "ran"} == {
        "evaluate_student",
        "write_report",
    }


def test_only_makes_one_stage_and_needs_those_before_it(tiny_toml, store):
    with pytest.raises(ConfigError, match="--only mine_candidates: found no artifact of ingest"):
        run(load(tiny_toml), store, Choice(only="mine_candidates"))
    run(load(tiny_toml), store, Choice(only="ingest"))
    run(load(tiny_toml), store, Choice(only="generate_queries"))
    ran = run(load(tiny_toml), store, Choice(only="mine_candidates"))
    assert ran == {
        ("ingest", ""): "reused",
        ("generate_queries", ""): "reused",
        ("mine_candidates", ""): "ran",
    }


def test_differences_name_field_input_and_code():
    before = Recipe(
        stage="s",
        config={"teachers": [{"model": "a"}], "same": 1},
        inputs={"collection": {"passages": "1"}, "other": {"x": "1"}},
        code={"models.one": "1", "models.two": "2"},
    )
    now = Recipe(
        stage="s",
        config={"teachers": [{"model": "b"}], "same": 1},
        inputs={"collection": {"passages": "2"}, "other": {"x": "1"}},
        code={"models.one": "1", "models.two": "3"},
    )
    assert differences(before, now) == [
        "teachers.0.model: a → b",
        "input collection changed",
        "code of models.two changed",
    ]
