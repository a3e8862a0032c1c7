import numpy as np
import pytest

from models.encoders.token_encoder import TokenEncoder
from models.encoders.token_model import start_token_model
from models.teacher import Teacher
from models.teachers import late_interaction
from models.teachers.late_interaction import LateInteractionTeacher

QUERIES, PASSAGES = ["yellow metal", "grey metal"], ["gold is a yellow metal.", "iron rusts", "bach lived"]


@pytest.fixture
def model(tiny_backbone):
    return start_token_model(
        tiny_backbone, None, 16, query_max_tokens=8, passage_max_tokens=20, skip_punctuation=True
    )


@pytest.fixture
def teacher(model):
    return LateInteractionTeacher(TokenEncoder(model), QUERIES, PASSAGES)


def test_it_is_a_teacher(teacher):
    assert isinstance(teacher, Teacher)
    assert teacher.facts() == {"precision": "float32", "engine": "packed"}


def test_pairs_score_as_in_the_library_in_whatever_order_they_come(teacher, model):
    expected = model.similarity(model.encode_query(QUERIES), model.encode_document(PASSAGES)).numpy()
    rows, columns = np.array([1, 0, 1, 0, 1]), np.array([2, 2, 0, 1, 0])
    assert teacher.score(rows, columns) == pytest.approx(expected[rows, columns], abs=5e-3)


def test_a_score_does_not_depend_on_the_pairs_beside_it(teacher):
    every = teacher.score(np.array([0, 0, 0]), np.array([0, 1, 2]))
    assert [teacher.score(np.array([0]), np.array([row]))[0] for row in range(3)] == every.tolist()


def test_a_text_is_encoded_when_it_is_asked_for_and_once(model, monkeypatch):
    monkeypatch.setattr(late_interaction, "NEIGHBOURS", 2)
    encoder, seen = TokenEncoder(model), []
    whole = encoder.encode_passages
    monkeypatch.setattr(encoder, "encode_passages", lambda texts: seen.extend(texts) or whole(texts))
    teacher = LateInteractionTeacher(encoder, QUERIES, PASSAGES)
    teacher.score(np.array([0, 1]), np.array([2, 2]))
    assert seen == PASSAGES[2:]
    teacher.score(np.array([0, 1, 0]), np.array([2, 0, 1]))
    assert seen == [PASSAGES[2], *PASSAGES[:2]]


def test_no_pairs_have_no_scores(teacher):
    none = np.zeros(0, np.int64)
    assert teacher.score(none, none).shape == (0,)
