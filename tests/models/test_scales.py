from typing import get_args

from models.scales import MEANING, ScaleName


def test_every_scale_says_what_it_means():
    assert set(MEANING) == set(get_args(ScaleName))
