import numpy as np
import pytest

from models.students.bi_encoder import BiEncoderConfig
from models.students.embed_distill import EmbedDistillConfig
from models.students.md2pr import Md2prConfig
from models.teacher import PairTexts

TEXTS = ["the rhine rises in the alps", "gold is a yellow metal", "bach wrote fugues"]
# Settings that need no teacher.
ALONE = {
    BiEncoderConfig: {"loss": "infonce"},
    Md2prConfig: {"filter": False, "sentence": 0, "attention": 0, "hidden": 0},
    EmbedDistillConfig: {"mode": "symmetric", "label_weight": 1, "score_weight": 0, "match_weight": 0},
}


@pytest.mark.parametrize("kind", ALONE, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("similarity", ["cosine", "dot"])
def test_a_trained_student_serves_as_encoder_and_as_teacher_with_the_same_vectors(
    kind, similarity, tiny_backbone, tmp_path
):
    config = kind(name="any", backbone=str(tiny_backbone), similarity=similarity, **ALONE[kind])
    config.build(seed=0).save(tmp_path / "model")
    encoder = config.as_encoder(tmp_path / "model")
    vectors = encoder.encode_passages(TEXTS)
    assert vectors.shape == (3, encoder.width)
    if similarity == "cosine":
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=0.01)
    teacher = config.as_teacher(tmp_path / "model", PairTexts(TEXTS, TEXTS))
    rows = np.arange(3)
    queries = config.load(tmp_path / "model").encoder().encode_queries(TEXTS)
    np.testing.assert_allclose(teacher.score(rows, rows[::-1]), (queries * vectors[::-1]).sum(1), rtol=0.02)
    assert config.scale == {"cosine": "cosine", "dot": "inner_product"}[similarity]
