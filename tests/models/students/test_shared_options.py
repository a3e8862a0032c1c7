"""The options that all encoder students share: further tasks beside the distillation, and mining."""

import polars as pl
import pytest

from models.online import OnlineConfig
from models.student import Need
from models.training import MultiTaskSettings, TrainingConfig
from tests.models.students.test_every_student import SETTINGS

STEPS = 4
TASKS = {"mlm", "simcse", "gradient_cosine_mlm", "gradient_cosine_simcse"}


def encoder_students():
    """One setting of each kind that encodes texts and learns from a teacher's scores."""
    kinds = {}
    for config in SETTINGS:
        if hasattr(config, "backbone") and hasattr(config, "lists") and Need.ANSWERS in config.needs:
            kinds.setdefault(config.kind, config)
    return list(kinds.values())


@pytest.fixture(params=encoder_students(), ids=lambda config: config.kind)
def config(request, tiny_backbone):
    training = TrainingConfig(
        max_steps=STEPS,
        epochs=STEPS,
        batch_size=4,
        precision="float32",
        multi_task=MultiTaskSettings(cosines_every=1, mlm_texts=8),
    )
    return request.param.model_copy(update={"backbone": str(tiny_backbone), "training": training})


def measures(curve):
    return {row["measure"] for row in curve.to_pylist()}


def test_every_kind_of_encoder_is_here():
    assert {config.kind for config in encoder_students()} == {
        "bi-encoder",
        "colbert",
        "splade",
        "md2pr",
        "embed-distill",
    }


def test_every_encoder_student_learns_further_tasks(config, make_lesson):
    curve = config.build(seed=0).train(make_lesson())
    assert measures(curve) >= {"loss", *TASKS}


def test_what_it_mines_it_learns_together_with_further_tasks(config, make_lesson):
    config = config.model_copy(update={"online": OnlineConfig(every=2, depth=4)})
    lesson = make_lesson()
    known = lesson.answers.select("qid", "pid", "score").collect()

    def score(pairs):
        return pairs.join(known, on=["qid", "pid"], how="left", maintain_order="left")["score"].fill_null(0.0)

    student = config.build(seed=0)
    asked = type(lesson)(**{**vars(lesson), "scorer": score})
    curve = student.train(asked)
    assert measures(curve) >= {"loss", *TASKS}
    assert pl.DataFrame(curve).filter(measure="loss")["step"].to_list() == list(range(1, STEPS + 1))
    assert "online_pairs_asked" in student.facts
