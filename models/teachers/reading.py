"""Open a teacher to look into it: a cross-encoder whose words and states a student reads."""

from typing import TYPE_CHECKING

from data.errors import ConfigError
from models.student import Lesson
from models.teachers.cross_encoder import CrossEncoderConfig

if TYPE_CHECKING:
    from models.encoders.ranker import Ranker


def open_ranker(lesson: Lesson, *, student: str, template: str, learning_rate: float) -> "Ranker":
    """Open the lesson's teacher, which reads what the student reads.

    Args:
        lesson: names the teacher, and holds its weights if it was trained here.
        student: its name, for messages.
        template: by which the student makes a passage one string.
        learning_rate: of the ranker, should it go on learning.

    Raises:
        ConfigError: it is no cross-encoder, or reads other texts than the student.
        ModelUnavailable: it is not to be had.
    """
    from models.encoders.ranker import Ranker

    teacher = lesson.teacher
    if not isinstance(teacher, CrossEncoderConfig):
        raise ConfigError(
            where=f"students.{student}",
            found=f"a teacher of the kind {getattr(teacher, 'kind', None)!r}",
            expected="a cross_encoder, whose words and states can be read",
            advice="Name one as its teacher, or set attention and hidden to 0 and leave refresh_every out.",
        )
    if teacher.template != template:
        raise ConfigError(
            where=f"students.{student}.template",
            found=repr(template),
            expected=f"that of its teacher {teacher.name}, {teacher.template!r}",
            advice="Words are matched by their places in a text, so both must read the same.",
        )
    return Ranker(teacher.model_of(lesson.teacher_weights), teacher.max_tokens, learning_rate)
