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


GENERATIVE = """
[identify]
tokenizer = "BACKBONE"

[[teachers]]
kind = "student"
name = "writer"

[teachers.student]
kind = "minder"
name = "writer"
backbone = "BACKBONE"
decoder_layers = 1
training = {max_steps = 2}

[[students]]
kind = "minder"
name = "minder"
backbone = "BACKBONE"
decoder_layers = 1
training = {epochs = 100, max_steps = 100, batch_size = 16, learning_rate = 3e-3, precision = "float32"}

[[students]]
kind = "dgr"
name = "dgr"
base = "minder"
teacher = "writer"
lists = {length = 3, depth = 8, min_negatives = 1}
training = {max_steps = 2, batch_size = 2}

[[students]]
kind = "gdr"
name = "gdr"
documents = "soft"
beams = 2
training = {max_steps = 2, batch_size = 2}
"""


@pytest.fixture
def generative_toml(tiny_toml, tiny_backbone):
    tiny_toml.write_text(tiny_toml.read_text() + GENERATIVE.replace("BACKBONE", str(tiny_backbone)))
    return tiny_toml


def test_a_student_is_given_what_it_builds_on_and_each_is_made_once(generative_toml):
    asked = walk(generative_toml)
    _, of_gdr = asked["train_student", "gdr/0"]
    assert labels([of_gdr["base"]]) == [("train_student", "soft/0")]
    assert labels([of_gdr["embeddings"], of_gdr["clusters"]]) == [
        ("embed_passages", "soft/0"),
        ("cluster_passages", "soft/0"),
    ]
    assert labels([asked["evaluate_student", "gdr/0"][1]["embeddings"]]) == [("embed_passages", "soft/0")]
    config, of_dgr = asked["train_student", "dgr/0"]
    assert config.base.name == "minder"
    assert labels([of_dgr["base"], of_dgr["identifiers"]]) == [
        ("train_student", "minder/0"),
        ("index_identifiers", ""),
    ]
    # A student that builds on nobody gets what section embed makes, if anything.
    assert asked["train_student", "soft/0"][1]["base"] is None
    assert len([of for stage, of in asked if stage == "train_student"]) == 6


def test_a_teacher_that_writes_gets_the_index_wherever_it_is_opened(generative_toml):
    asked = walk(generative_toml)
    for stage, of in (
        ("score_candidates", "writer"),
        ("evaluate_student", "teacher:writer"),
        ("train_student", "dgr/0"),
        ("evaluate_student", "dgr/0"),
    ):
        assert labels([asked[stage, of][1]["identifiers"]]) == [("index_identifiers", "")]
    for stage, of in (("score_candidates", "tiny"), ("evaluate_student", "teacher:tiny")):
        assert asked[stage, of][1]["identifiers"] is None


def test_without_students_that_write_there_is_no_index(tiny_toml):
    assert not [stage for stage, _ in walk(tiny_toml) if stage == "index_identifiers"]


def test_students_that_write_are_trained_and_judged(generative_toml, store):
    execution = Execution(store, Choice(), make_directly(store))
    execute(load(generative_toml, ["evaluate.measures=['nDCG@10']"]), "tiny", execution)
    judged = {row.of for row in execution.rows if row.stage == "evaluate_student"}
    assert {"minder/0", "dgr/0", "gdr/0", "teacher:writer"} <= judged


def test_a_chosen_student_brings_what_it_builds_on(generative_toml):
    assert [each.name for each in load(generative_toml, (), ["dgr"]).students] == ["minder", "dgr"]
