import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from models.training import MultiTaskSettings, OneTaskTraining, TrainingConfig


@given(st.integers(1, 500), st.floats(0.01, 5), st.integers(1, 64), st.none() | st.integers(1, 50))
def test_steps_hold_all_lists_and_no_step_is_empty(in_one_epoch, epochs, batch_size, max_steps):
    config = TrainingConfig(epochs=epochs, batch_size=batch_size, max_steps=max_steps)
    lists = config.lists(in_one_epoch)
    steps = config.steps(lists)
    assert (steps - 1) * batch_size < lists <= steps * batch_size
    assert max_steps is None or steps <= max_steps


def test_a_limit_on_steps_shortens_and_never_lengthens():
    # 10 lists in batches of 4 are steps of 4, 4 and 2; a limit of 2 leaves 8 lists, one of 9 all.
    assert TrainingConfig(batch_size=4, max_steps=2).lists(10) == 8
    assert TrainingConfig(batch_size=4, max_steps=9).lists(10) == 10


def test_what_learns_one_task_refuses_others():
    one_task = TypeAdapter(OneTaskTraining)
    assert one_task.validate_python({"batch_size": 4}) == TrainingConfig(batch_size=4)
    for training in ({"multi_task": {}}, TrainingConfig(multi_task=MultiTaskSettings())):
        with pytest.raises(ValidationError, match="found multi_task; expected none"):
            one_task.validate_python(training)
