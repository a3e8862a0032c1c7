from typing import get_args

import pytest

from data.errors import ConfigError
from models.contracts import CONTRACTS, check_targets
from models.scales import ScaleName
from models.students.bi_encoder import LossName
from models.targets import AffineTo, Factor, Identity, MinMax, TemperatureForEntropy, ZScore

ALL = (
    Identity(),
    Factor(by=1.0),
    MinMax(),
    ZScore(),
    AffineTo(reference="r"),
    TemperatureForEntropy(entropy=0.5),
)


def accepted(loss):
    """The pairs of scale and kind that a loss takes."""
    found = set()
    for scale in get_args(ScaleName):
        for target in ALL:
            try:
                check_targets(loss, scale, target, "students.s")
            except ConfigError:
                continue
            found.add((scale, target.kind))
    return found


def test_every_loss_of_the_bi_encoder_has_a_contract():
    assert set(get_args(LossName)) <= set(CONTRACTS)


def test_kl_takes_logits_and_what_was_given_the_size_of_logits():
    raw = {scale for scale, kind in accepted("kl") if kind == "identity"}
    assert raw == {"logit"}
    for scale in get_args(ScaleName):
        kinds = {kind for each, kind in accepted("kl") if each == scale} - {"identity"}
        assert kinds == {"factor", "affine_to", "temperature_for_entropy"}


def test_margins_are_taken_from_unbounded_scales_or_by_name():
    raw = {scale for scale, kind in accepted("margin_mse") if kind == "identity"}
    assert raw == {"logit", "inner_product", "bm25", "log_probability", "standard"}
    assert ("rank", "min_max") in accepted("margin_mse")


def test_a_filter_takes_any_scores_since_it_reads_their_order_alone():
    assert len(accepted("filtered_infonce")) == len(get_args(ScaleName)) * len(ALL)


@pytest.mark.parametrize("control", ["infonce", "constant_margin"])
def test_a_control_learns_from_no_teacher_and_takes_any(control):
    assert len(accepted(control)) == len(get_args(ScaleName)) * len(ALL)


def test_the_message_says_what_would_do():
    with pytest.raises(
        ConfigError,
        match=r"students.s: found scores of the scale cosine \(between -1 and 1\) with "
        r"targets.kind = 'identity'; expected for the loss kl the scale logit as it is, or any scale "
        r"after factor, affine_to, "
        r"temperature_for_entropy. Name a transform",
    ):
        check_targets("kl", "cosine", Identity(), "students.s")
    with pytest.raises(ConfigError, match=r"logit .* with targets.kind = 'min_max'"):
        check_targets("kl", "logit", MinMax(), "students.s")
    with pytest.raises(ConfigError, match="unknown"):
        check_targets("margin_mse", "unknown", Identity(), "students.s")
