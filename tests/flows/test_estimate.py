import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import ConfigError
from flows.config import config_path, load
from flows.estimate import estimate
from flows.estimating.collection_size import KNOWN
from flows.estimating.hardware import gpu_named
from flows.estimating.rates import Rates

NQ = KNOWN["nq"]
CONFIG = load(config_path("nq"))


@given(passages=st.integers(300_000, 10**7))
def test_nothing_shrinks_when_the_collection_doubles(passages):
    once, twice = (estimate(CONFIG, replace(NQ, passages=n)) for n in (passages, 2 * passages))
    assert once.disk_bytes < twice.disk_bytes
    assert once.peak_bytes < twice.peak_bytes
    assert all(one.gpu_hours <= other.gpu_hours for one, other in zip(once.stages, twice.stages, strict=True))


@given(utilisation=st.floats(0.01, 1.0))
def test_hours_of_models_are_inverse_to_the_utilisation(utilisation):
    full, part = (estimate(CONFIG, NQ, utilisation=u, gpu=gpu_named("L4")) for u in (1.0, utilisation))
    for one, other in zip(full.stages, part.stages, strict=True):
        if one.stage != "generate_queries":  # where a decoder waits
            assert one.gpu_hours == pytest.approx(utilisation * other.gpu_hours)


def test_embedding_worked_by_hand():
    # 2,681,468 passages of 78.9·1.3 + 2 = 104.57 tokens; a token is 6 · (3,538,944 + 4·104.57·384) FLOPs.
    found = estimate(
        CONFIG, NQ, rates=Rates(where="here", reading=5e11), utilisation=0.5, gpu=gpu_named("A100-80GB")
    )
    (embed,) = (each for each in found.stages if each.stage == "embed_passages")
    tokens = 78.9 * 1.3 + 2
    flops = 2_681_468 * tokens * 6 * (3_538_944 + 4 * tokens * 384)
    assert embed.flops == pytest.approx(flops)
    assert embed.gpu_hours == pytest.approx(flops / 156e12 / 3600)
    assert embed.here_hours == pytest.approx(flops / 5e11 / 3600)


def test_hours_here_are_unknown_without_a_rate_and_the_rest_is_not():
    found = estimate(CONFIG, NQ)
    (embed,) = (each for each in found.stages if each.stage == "embed_passages")
    assert embed.here_hours is None
    assert embed.gpu_hours > 0


def test_all_of_it_is_json():
    told = json.loads(json.dumps(estimate(CONFIG, NQ).told()))
    assert told["pairs"][0]["most"] == 70_046_200
    assert set(told["gpu_hours"]) == {"L4", "A100-80GB", "L40S", "H100-SXM"}


@pytest.mark.parametrize("utilisation", [0.0, -1.0, 1.5])
def test_a_utilisation_that_is_no_share_is_refused(utilisation):
    with pytest.raises(ConfigError, match=r"--utilisation: found .*; expected a share above 0, at most 1"):
        estimate(CONFIG, NQ, utilisation=utilisation)
