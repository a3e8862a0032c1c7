"""What a training keeps beside weights: of losses that draw or count, of rankers, of several rounds."""

from dataclasses import replace

import polars as pl
import pytest
import torch

from models.online import OnlineConfig
from models.students.bi_encoder import BiEncoderConfig
from models.students.md2pr import Md2prConfig
from models.students.splade import SpladeConfig
from models.targets import Factor
from models.teachers.cross_encoder import CrossEncoderConfig
from models.teachers.cross_encoder_training import CrossEncoderTraining
from models.training import MultiTaskSettings, TrainingConfig
from tests.models.cutting_off import counted, cut_off, going_on, kept_at

KEPT_ALWAYS = TrainingConfig(
    epochs=20, max_steps=10, batch_size=4, learning_rate=3e-3, precision="float32", checkpoint_seconds=1e-9
)
TASKS = MultiTaskSettings(cosines_every=3, mlm_texts=8, one_per_step=True)


@pytest.fixture
def taught(make_lesson, tiny_ranker_folder):
    """A lesson with a ranker as its teacher, which answers whatever it is asked."""
    teacher = CrossEncoderConfig(name="r", model=str(tiny_ranker_folder))
    lesson = make_lesson(1)
    known = lesson.answers.select("qid", "pid", "score").collect()

    def score(pairs):
        return pairs.join(known, on=["qid", "pid"], how="left", maintain_order="left")["score"]

    return replace(lesson, teacher=teacher, scorer=score)


def config(kind, backbone, *, multi_task=None, **settings):
    training = KEPT_ALWAYS.model_copy(update={"multi_task": multi_task})
    return kind(name="s", backbone=str(backbone), training=training, targets=Factor(by=4.0), **settings)


def weights(student):
    return [each.detach().clone() for each in student.model.parameters()]


@pytest.mark.parametrize(
    ("kind", "settings"),
    [
        (BiEncoderConfig, {"multi_task": TASKS}),
        (Md2prConfig, {"refresh_every": 2, "refresh_learning_rate": 1e-2}),
        (SpladeConfig, {"loss": "score_mse", "start_terms": 20, "max_active_terms": 5, "ramp_share": 0.3}),
    ],
    ids=["drawn tasks", "a ranker that learns", "weights that follow terms"],
)
def test_what_losses_remember_is_kept_with_the_weights(
    kind, settings, taught, tiny_backbone, tmp_path, monkeypatch
):
    chosen, kept = config(kind, tiny_backbone, **settings), tmp_path / "kept"
    whole, cut, goes_on = (chosen.build(0) for _ in range(3))
    curve = whole.train(taught)
    cut_off(cut.train, taught, kept, monkeypatch, step=6)
    assert goes_on.train(going_on(taught, kept)).equals(curve)
    assert all(map(torch.equal, weights(whole), weights(goes_on)))
    assert counted(whole.facts) == counted(goes_on.facts)


def test_a_round_that_had_ended_is_not_learned_again_and_the_next_mines_with_its_student(
    taught, tiny_backbone, tmp_path, monkeypatch
):
    chosen, kept = (
        config(BiEncoderConfig, tiny_backbone, online=OnlineConfig(every=4, depth=4)),
        tmp_path / "kept",
    )
    whole, cut, goes_on = (chosen.build(0) for _ in range(3))
    curve = whole.train(taught)
    cut_off(cut.train, taught, kept, monkeypatch, step=3, training=2)
    assert kept_at(kept) == {"1": "step-4", "2": "step-2"}
    steps = []
    monkeypatch.setattr(
        "models.watching.Watch.on_step_end",
        lambda self, args, state, control, **_: steps.append(state.global_step),
    )
    assert goes_on.train(going_on(taught, kept)).equals(curve)
    assert steps == [3, 4, 1, 2]  # the rest of the second round, and the third
    assert all(map(torch.equal, weights(whole), weights(goes_on)))
    assert counted(whole.facts) == counted(goes_on.facts)


def test_a_teacher_goes_on_as_students_do(taught, tiny_backbone, tmp_path, monkeypatch):
    settings = CrossEncoderTraining(training=KEPT_ALWAYS, lists={"negatives": 3, "generated_share": 0})
    kept = tmp_path / "kept"

    def train(lesson, name="whole"):
        options = {"max_tokens": 32, "template": "{title} {text}", "folder": tmp_path / name}
        return settings.train(tiny_backbone, lesson, **options)

    curve, facts = train(taught)
    cut_off(train, taught, kept, monkeypatch, step=6)
    resumed, facts_of_resumed = train(going_on(taught, kept), "resumed")
    assert resumed.equals(curve)
    assert facts == facts_of_resumed
    found = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "resumed")]
    assert found[0] == found[1]


def test_a_checkpoint_that_cannot_be_read_is_told_and_the_training_starts_anew(
    taught, tiny_backbone, tmp_path, monkeypatch, caplog
):
    chosen, kept = config(BiEncoderConfig, tiny_backbone), tmp_path / "kept"
    whole, cut, goes_on = (chosen.build(0) for _ in range(3))
    curve = whole.train(taught)
    cut_off(cut.train, taught, kept, monkeypatch, step=6)
    (damaged,) = kept.glob("1/step-*/tensors.safetensors")
    damaged.write_bytes(damaged.read_bytes()[:1000])
    assert goes_on.train(going_on(taught, kept)).equals(curve)
    assert "cannot be read" in caplog.text


def test_nothing_is_kept_of_a_training_that_is_short(taught, tiny_backbone, tmp_path):
    patient = config(BiEncoderConfig, tiny_backbone).model_copy(
        update={"training": KEPT_ALWAYS.model_copy(update={"checkpoint_seconds": 3600.0})}
    )
    curve = patient.build(0).train(going_on(taught, tmp_path / "kept"))
    assert pl.DataFrame(curve)["step"].max() == 10
    assert not (tmp_path / "kept").exists()


def test_of_several_processes_the_first_alone_keeps(taught, tiny_backbone, tmp_path, monkeypatch):
    monkeypatch.setenv("RANK", "1")
    cut = config(BiEncoderConfig, tiny_backbone).build(0)
    cut_off(cut.train, taught, tmp_path / "kept", monkeypatch, step=6)
    assert not (tmp_path / "kept").exists()
