import pytest

from models.scoring_time import scoring_seconds
from models.stored_teacher import StoredTeacher
from tests.models.test_known_pairs import All


class Slow(All):
    """A teacher that knows how long it takes."""

    def seconds(self, pairs):
        return 2.0 * pairs


class Untimed(All):
    """A teacher whose scores were made elsewhere."""

    def seconds(self, pairs):
        return None


class Stored(StoredTeacher):
    """A teacher with stored scores, of which only the rate matters."""

    pairs_per_s = None

    def __init__(self, rate):
        self.pairs_per_s = rate


@pytest.mark.parametrize(
    ("teacher", "seconds"),
    [(All(), 7.0), (Slow(), 20.0), (Untimed(), None), (Stored(5.0), 2.0), (Stored(None), 7.0)],
)
def test_a_teacher_takes_what_it_says_or_what_was_measured(teacher, seconds):
    assert scoring_seconds(teacher, 10, measured_s=7.0) == seconds
