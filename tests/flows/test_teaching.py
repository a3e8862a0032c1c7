import pytest

from data.manifests import ArtifactRef
from flows.config import load
from flows.distill_pipeline import distill_pipeline
from flows.execution import Execution, execute, make_directly
from flows.planning import Choice

ENSEMBLES = """
[[teachers]]
kind = "ensemble"
name = "both"
members = ["tiny", "lexical"]
blend = {kind = "fitted"}

[[teachers]]
kind = "ensemble"
name = "over"
members = ["lexical", "both"]

[[teachers]]
kind = "student"
name = "taught"
student = {kind = "bi-encoder", name = "taught", teacher = "both", backbone = "BACKBONE"}

[[teachers]]
kind = "ensemble"
name = "all"
members = ["taught", "over"]
blend = {kind = "fitted"}
"""


@pytest.fixture
def ensembles_toml(tiny_toml, tiny_backbone):
    tiny_toml.write_text(tiny_toml.read_text() + ENSEMBLES.replace("BACKBONE", str(tiny_backbone)))
    return tiny_toml


class Walk:
    """Notes which stages are asked for, with what; makes nothing."""

    def __init__(self):
        self.asked = {}

    def __call__(self, stage, config, of="", **inputs):
        self.asked[stage.name, of] = config, inputs
        return ArtifactRef(stage=stage.name, of=of, key="made", parts={})


def labels(refs):
    return [(ref.stage, ref.of) for ref in refs]


def walk(path, *overrides):
    walked = Walk()
    distill_pipeline(load(path, overrides), walked)
    return walked.asked


def test_every_teacher_is_judged_and_opened_with_all_that_it_asks(ensembles_toml):
    asked = walk(ensembles_toml)
    judged = [of for stage, of in asked if stage == "evaluate_student" and of.startswith("teacher:")]
    assert judged == [f"teacher:{name}" for name in ("tiny", "lexical", "both", "over", "taught", "all")]
    evaluation, inputs = asked["evaluate_student", "teacher:all"]
    opened = [each.name for each in evaluation.subject.opened]
    assert opened == ["taught", "lexical", "tiny", "both", "over", "all"]
    assert labels(inputs["teacher_weights"]) == [("train_student", "teacher:taught")]
    assert labels(inputs["fitted"]) == [("blend_answers", "both"), ("blend_answers", "all")]
    evaluation, inputs = asked["evaluate_student", "teacher:tiny"]
    assert evaluation.subject.members == ()
    assert (inputs["teacher_weights"], inputs["fitted"]) == ((), ())


def test_a_student_of_an_ensemble_is_held_against_it(ensembles_toml):
    asked = walk(ensembles_toml, 'students.soft.teacher="over"')
    evaluation, inputs = asked["evaluate_student", "soft/0"]
    assert [each.name for each in evaluation.subject.opened] == ["lexical", "tiny", "both", "over"]
    assert labels(inputs["fitted"]) == [("blend_answers", "both")]
    assert labels([inputs["weights"]]) == [("train_student", "soft/0")]


def test_a_run_with_an_ensemble_has_its_line_and_its_retention(tiny_toml, store):
    tiny_toml.write_text(tiny_toml.read_text() + ENSEMBLES.partition('[[teachers]]\nkind = "student"')[0])
    execution = Execution(store, Choice(), make_directly(store))
    config = load(tiny_toml, ['students.soft.teacher="over"', "evaluate.measures=['nDCG@10']"])
    execute(config, "tiny", execution)
    board = next(
        store.path(store.manifest(row.stage, row.key).ref, "leaderboard.md").read_text()
        for row in execution.rows
        if row.stage == "write_report"
    )
    assert {"teacher:both", "teacher:over"} <= set(board.split())
    soft = [line for line in board.splitlines() if line.startswith("| soft ")][1]
    assert soft.split("|")[2].strip()[0] in ".1"
