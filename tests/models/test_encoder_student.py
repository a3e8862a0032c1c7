import pytest
from pydantic import ValidationError

from models.student import Need
from models.students.bi_encoder import BiEncoderConfig


def test_a_student_that_mines_needs_a_teacher_to_ask():
    plain = BiEncoderConfig(name="kl")
    assert plain.needs == {Need.ANSWERS}
    assert plain.model_copy(update={"online": {"every": 5}}).needs == {Need.ANSWERS, Need.SCORER}


def test_a_control_cannot_mine_for_answers():
    with pytest.raises(
        ValidationError, match="found a loss that learns from no teacher; expected one that does"
    ):
        BiEncoderConfig(name="hard", loss="infonce", online={"every": 5})
