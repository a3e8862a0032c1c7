import pytest

from data.errors import ConfigError
from flows.estimating.hardware import GPUS, gpu_named


def test_a_gpu_reaches_its_share_of_the_peak():
    # 312 TFLOP/s · 0.5
    assert gpu_named("a100-80gb").flops_per_s(0.5) == 156e12


def test_every_gpu_has_a_data_sheet():
    assert all("data sheet" in gpu.source for gpu in GPUS)


def test_an_unknown_gpu_is_answered_with_the_known():
    with pytest.raises(
        ConfigError, match="--gpu: found 'V100'; expected one of L4, A100-80GB, L40S, H100-SXM"
    ):
        gpu_named("V100")
