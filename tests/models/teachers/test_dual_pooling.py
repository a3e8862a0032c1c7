import numpy as np
import pytest

from data.errors import ConfigError
from models.batches import ListSettings
from models.teacher import Teacher
from models.teachers.dual_pooling import DualPoolingConfig
from models.teachers.dual_pooling_training import DualPoolingTraining
from models.texts import passage_texts
from models.training import TrainingConfig

SHORT = DualPoolingTraining(
    lists=ListSettings(negatives=3, generated_share=0.0),
    training=TrainingConfig(
        epochs=60, max_steps=20, batch_size=4, learning_rate=3e-3, warmup_share=0.0, precision="float32"
    ),
)


@pytest.fixture
def config(tiny_backbone):
    return DualPoolingConfig(
        name="dual", model=str(tiny_backbone), precision="float32", max_tokens=32, training=SHORT
    )


@pytest.fixture
def texts(tiny_collection):
    return tiny_collection["queries"]["text"].to_pylist(), passage_texts(tiny_collection["passages"])


def test_it_scores_pairs_by_the_inner_product_of_its_vectors(config, tiny_backbone, texts):
    rows = np.array([0, 3, 3]), np.array([11, 2, 5])
    teacher = config.load(tiny_backbone, *texts)
    assert isinstance(teacher, Teacher)
    pairs = [texts[side][row] for side in (0, 1) for row in rows[side]]
    queries, passages = config.model_of(tiny_backbone).embed_pairs(pairs[:3], pairs[3:])
    assert teacher.score(*rows) == pytest.approx((queries * passages).sum(1), abs=1e-5)
    assert teacher.score(*(each[::-1] for each in rows)) == pytest.approx(
        teacher.score(*rows)[::-1], abs=1e-5
    )
    assert set(teacher.facts()) == {"precision", "engine", "attention"}


def test_it_learns_to_put_the_answer_first_and_loads_again(config, make_lesson, tmp_path, texts):
    curve, facts = config.train(make_lesson(answers=None), tmp_path / "model")
    losses = [row["value"] for row in curve.to_pylist() if row["measure"] == "list_loss"]
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    assert facts["queries"] == 4.0
    teacher = config.load(tmp_path / "model", *texts)
    query = texts[0].index("yellow metal")
    gold, bach = (
        next(n for n, text in enumerate(texts[1]) if text.startswith(name)) for name in ("Gold", "Bach")
    )
    answer, other = teacher.score(np.array([query, query]), np.array([gold, bach]))
    assert answer > other


def test_without_weights_there_is_no_teacher(config, texts):
    with pytest.raises(ConfigError, match=r"teachers\.dual: found no weights"):
        config.load(None, *texts)


def test_it_is_trained_and_gives_logits(config):
    assert (config.is_trained, config.is_stored, config.scale) == (True, True, "logit")
