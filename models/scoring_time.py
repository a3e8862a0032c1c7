"""How long a teacher takes to score pairs, whether it was asked just now or has stored most of them."""

from typing import Protocol, runtime_checkable

from models.stored_teacher import StoredTeacher
from models.teacher import Teacher


@runtime_checkable
class Timed(Protocol):
    """A teacher whose time is not that of a call."""

    def seconds(self, pairs: int) -> float | None:
        """How long it takes to score so many pairs; None if that cannot be told."""
        ...


def scoring_seconds(teacher: Teacher, pairs: int, measured_s: float) -> float | None:
    """How long ``teacher`` takes to score so many pairs; None for scores that were made elsewhere.

    Args:
        teacher: where it has stored scores, its rate over all that it scored so far counts.
        pairs: how many.
        measured_s: how long a call for them took.
    """
    if isinstance(teacher, StoredTeacher):
        return pairs / teacher.pairs_per_s if teacher.pairs_per_s else measured_s
    return teacher.seconds(pairs) if isinstance(teacher, Timed) else measured_s
