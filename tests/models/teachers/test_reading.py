from dataclasses import replace

import pytest

from data.errors import ConfigError
from models.teachers.bm25 import Bm25TeacherConfig
from models.teachers.cross_encoder import CrossEncoderConfig
from models.teachers.reading import open_ranker

PLAIN = "{title} {text}"


def lesson_with(make_lesson, teacher, weights=None):
    return replace(make_lesson(), teacher=teacher, teacher_weights=weights)


def opened(lesson, template=PLAIN):
    return open_ranker(lesson, student="s", template=template, learning_rate=1e-5)


def test_a_cross_encoder_is_opened_with_attention_that_can_be_read(make_lesson, tiny_ranker_folder):
    teacher = CrossEncoderConfig(name="r", model=str(tiny_ranker_folder), max_tokens=12)
    found = opened(lesson_with(make_lesson, teacher))
    assert found.max_tokens == 12
    assert found.width == 48
    assert found.read([("gold", "gold is a yellow metal")]).attention.shape == (1, 9, 9)


def test_one_that_was_trained_here_is_opened_from_its_weights(make_lesson, tiny_ranker_folder):
    teacher = CrossEncoderConfig(name="r", model="no-such-model")
    found = opened(lesson_with(make_lesson, teacher, tiny_ranker_folder))
    assert found.scores([("gold", "iron")]).shape == (1,)


@pytest.mark.parametrize("teacher", [None, Bm25TeacherConfig(name="words")])
def test_another_teacher_is_refused(make_lesson, teacher):
    with pytest.raises(
        ConfigError, match=r"students.s: found a teacher of the kind .*; expected a cross_encoder"
    ):
        opened(lesson_with(make_lesson, teacher))


def test_one_that_reads_other_texts_is_refused(make_lesson, tiny_ranker_folder):
    teacher = CrossEncoderConfig(name="r", model=str(tiny_ranker_folder), template="{text}")
    with pytest.raises(ConfigError, match=r"expected that of its teacher r, '\{text\}'"):
        opened(lesson_with(make_lesson, teacher))
