import math

import pytest
from transformers import TrainerControl, TrainerState

from data.errors import StageFailed
from models.watching import Watch, curve


class Telling:
    """A loss that measures something."""

    def measures(self):
        return {"filter_rate": 0.25}


def test_a_curve_keeps_what_the_trainer_logged_by_step():
    history = [
        {"step": 2, "loss": 1.5, "learning_rate": 0.1, "grad_norm": 3.0},
        {"step": 2, "total_flos": 0.0},
    ]
    rows = [(row["step"], row["measure"], row["value"]) for row in curve(history).to_pylist()]
    assert rows == [(2, "loss", 1.5), (2, "learning_rate", 0.1), (2, "gradient_norm", 3.0)]


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_the_run(loss):
    state = TrainerState(global_step=5, log_history=[{"loss": loss}])
    with pytest.raises(StageFailed, match=r"step 5: found loss (nan|inf).* Lower training\.learning_rate"):
        Watch().on_log(None, state, TrainerControl())


def test_what_a_loss_measured_is_in_the_curve_of_the_step():
    state = TrainerState(global_step=4, log_history=[{"step": 4, "loss": 1.0}])
    Watch(Telling()).on_log(None, state, TrainerControl())
    found = {row["measure"]: row["value"] for row in curve(state.log_history).to_pylist()}
    assert found == {"loss": 1.0, "filter_rate": 0.25}
