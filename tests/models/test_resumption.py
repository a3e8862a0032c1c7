from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from models.resumption import Resumption


@given(st.integers(1, 6))
def test_every_training_has_its_folder_and_is_kept_when_the_next_begins(trainings):
    resumption, kept = Resumption(Path("root")), []
    for number in range(trainings):
        assert resumption.begin() == Path("root") / str(number + 1)
        assert kept == [*range(number)]  # all before it, and not itself
        resumption.at_end(lambda number=number: kept.append(number))
    assert kept == [*range(trainings - 1)]
