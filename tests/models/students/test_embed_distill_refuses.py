"""What EmbedDistill cannot learn from, and says so."""

from dataclasses import replace

import pytest
from pydantic import ValidationError

from data.errors import ArtifactMissing, ConfigError, InputError
from models.student import Shelf
from models.teachers.bm25 import Bm25TeacherConfig
from models.teachers.dual_encoder import DualEncoderConfig
from models.teachers.dual_pooling import DualPoolingConfig
from models.texts import passage_texts
from tests.models.students.embed_distill_lessons import SHORT, encoder_of, settings, small, table_of


def test_without_vectors_an_asymmetric_student_finds_nothing(lesson, tiny_collection):
    student = settings(training=SHORT.model_copy(update={"max_steps": 1})).build(0)
    student.train(lesson)
    with pytest.raises(ArtifactMissing, match="found no vectors of passages"):
        student.retriever(Shelf(tiny_collection["passages"]))


def test_vectors_of_another_encoder_are_refused(lesson, tiny_backbone, tiny_collection, tmp_path):
    other = encoder_of(small(tmp_path, tiny_backbone, width=32))
    for encoder in (other, encoder_of(tiny_backbone, passage_prompt="gold ")):
        made = encoder.load().encode_passages(passage_texts(tiny_collection["passages"]))
        wrong = replace(lesson, embeddings=table_of(tiny_collection, made).lazy())
        with pytest.raises(ConfigError, match=r"embed\.encoder: found vectors .* differ .* 'teacher'"):
            settings().build(0).train(wrong)


def test_vectors_of_another_width_are_refused(lesson, tiny_collection, vectors):
    wrong = replace(lesson, embeddings=table_of(tiny_collection, vectors[:, :8].copy()).lazy())
    with pytest.raises(ConfigError, match=r"embed\.encoder: found vectors .* by inf"):
        settings().build(0).train(wrong)


def test_a_teacher_without_vectors_is_refused(lesson):
    with pytest.raises(ConfigError, match="without a model to look into"):
        settings().build(0).train(replace(lesson, teacher=Bm25TeacherConfig(name="bm25")))


def test_an_encoder_of_texts_is_no_teacher_of_pairs(lesson, tiny_backbone):
    config = settings(mode="pair_targets", backbone=str(tiny_backbone))
    with pytest.raises(ConfigError, match='expected a teacher of kind "dual_pooling"'):
        config.build(0).train(lesson)


def test_unit_vectors_are_not_matched_with_others(lesson, tiny_backbone, tmp_path):
    from sentence_transformers import SentenceTransformer

    folder = tmp_path / "no-norm"
    plain = SentenceTransformer(str(tiny_backbone), device="cpu")
    SentenceTransformer(modules=list(plain)[:2], device="cpu").save(str(folder))
    teacher = DualEncoderConfig(name="long", encoder=encoder_of(folder))
    with pytest.raises(ConfigError, match=r"similarity = 'cosine': found vectors .* length differs from 1"):
        settings(mode="symmetric").build(0).train(replace(lesson, teacher=teacher, embeddings=None))


def test_a_layer_that_is_not_there_is_refused(lesson):
    with pytest.raises(InputError, match="the model has 2 layers"):
        settings(layers=(0, 5)).build(0).train(lesson)


def test_a_student_without_a_term_or_a_start_is_refused():
    with pytest.raises(ValidationError, match="no term with a weight"):
        settings(score_weight=0.0, match_weight=0.0)
    with pytest.raises(ValidationError, match="no backbone"):
        settings(mode="symmetric", score_weight=0.0, match_weight=0.0, label_weight=1.0)
    with pytest.raises(ValidationError, match="no backbone"):
        settings(mode="pair_targets")


def test_a_teacher_of_pairs_has_no_vectors_of_unit_length(make_lesson, tiny_backbone):
    teacher = DualPoolingConfig(name="dual", model=str(tiny_backbone), precision="float32", max_tokens=32)
    lesson = replace(make_lesson(), teacher=teacher, teacher_weights=tiny_backbone)
    with pytest.raises(ConfigError, match='Set similarity = "dot"'):
        settings(mode="pair_targets", backbone=str(tiny_backbone)).build(0).train(lesson)
