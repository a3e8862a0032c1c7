import numpy as np
import pytest

from data.errors import ConfigError
from models.students.bi_encoder import BiEncoderConfig
from models.students.minder import MinderConfig
from models.teachers.taught import TaughtConfig
from models.training import TrainingConfig

QUERIES, PASSAGES = ["yellow metal", "grey metal"], ["gold is a yellow metal", "iron rusts", "bach lived"]


@pytest.fixture
def student(tiny_backbone):
    return BiEncoderConfig(
        name="deep",
        teacher="words",
        backbone=str(tiny_backbone),
        training=TrainingConfig(precision="float32"),
    )


def test_a_taught_teacher_scores_as_its_student_does(student, tmp_path):
    student.build(0).save(tmp_path / "model")
    teacher = TaughtConfig(name="deep", student=student).load(tmp_path / "model", QUERIES, PASSAGES)
    model = student.load(tmp_path / "model").model
    expected = model.similarity(model.encode_query(QUERIES), model.encode_document(PASSAGES)).numpy()
    rows, columns = (each.ravel() for each in np.indices((2, 3)))
    assert teacher.score(rows, columns) == pytest.approx(expected.ravel(), abs=1e-5)


def test_its_scores_are_on_the_scale_of_its_student(student):
    assert TaughtConfig(name="deep", student=student).scale == "cosine"
    inner = student.model_copy(update={"similarity": "dot"})
    assert TaughtConfig(name="deep", student=inner).scale == "inner_product"


def test_a_student_that_only_retrieves_cannot_teach(tmp_path):
    class Mute(BiEncoderConfig):
        def as_teacher(self, folder, texts):
            return None

    silent = TaughtConfig.model_construct(name="mute", student=Mute(name="mute"))
    with pytest.raises(ConfigError, match="scores no single pairs"):
        silent.load(tmp_path, QUERIES, PASSAGES)


def test_a_teacher_that_was_not_trained_is_refused(student):
    with pytest.raises(ConfigError, match="found no weights; expected those of its training"):
        TaughtConfig(name="deep", student=student).load(None, QUERIES, PASSAGES)


def test_a_student_that_writes_teaches_with_the_index_and_not_without(tmp_path):
    given = {}

    class Writing(MinderConfig):
        def as_teacher(self, folder, texts):
            given["index"] = texts.identifiers

    teacher = TaughtConfig.model_construct(name="writer", student=Writing(name="writer"))
    assert teacher.needs_identifiers
    assert not teacher.is_stored
    assert not teacher.can_be_probed
    told = teacher.with_identifiers(tmp_path / "index")
    assert told == teacher.with_identifiers(tmp_path / "index")
    for each, index in ((told, tmp_path / "index"), (teacher, None)):
        with pytest.raises(ConfigError, match="scores no single pairs"):
            each.load(tmp_path, QUERIES, PASSAGES)
        assert given["index"] == index
