import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import ConfigError
from flows.estimating.hardware import gpu_named
from flows.estimating.machine import elapsed_hours, machine_for
from flows.estimating.work import Work

GB = 1e9


def reading(flops, stage="embed_passages"):
    return Work(stage, "", "reading", flops, 1, "passage")


def rent(works=(), memory=2 * GB, peak=10 * GB, disk=10 * GB, gpu=None):
    return machine_for(
        works, gpu_memory_bytes=memory, peak_bytes=peak, disk_bytes=disk, utilisation=0.1, gpu=gpu
    )


@given(peak=st.floats(1e6, 1.6e12), disk=st.floats(1e6, 7.9e12))
def test_what_is_rented_holds_what_is_needed(peak, disk):
    machine = rent(peak=peak, disk=disk)
    assert machine.ram_gb * GB >= 1.25 * peak
    assert machine.disk_gb * GB >= 2 * disk


def test_the_smallest_that_suffices_is_chosen():
    # An L4 at 0.1 gives 12.1 TFLOP/s: 23 hours are 1.0e18 FLOPs.
    assert rent([reading(1.0e18)]).gpu.name == "L4"
    assert rent([reading(1.1e18)]).gpu.name == "A100-80GB"
    assert rent(memory=20 * GB).gpu.name == "A100-80GB"  # 25 GB wanted; the slowest that has them


def test_more_than_one_gpu_is_for_scoring_alone():
    # An H100 at 0.1 gives 98.95 TFLOP/s, 8.5e18 in a day: three days are four GPUs when a bit more.
    assert rent([reading(2.6e19)]).gpus == 1
    assert rent([reading(2.6e19, "score_candidates")]).gpus == 4


def test_hours_add_up_and_scoring_is_shared():
    works = [reading(98.95e12 * 3600), reading(98.95e12 * 3600 * 100, "score_candidates")]
    works.append(Work("mine_candidates", "", "words", 1.1e8 * 3600 * 2, 1, "query"))
    machine = rent(works, gpu=gpu_named("H100-SXM"))
    assert machine.gpus == 5
    assert elapsed_hours(works, machine, 0.1) == pytest.approx(1 + 100 / 5 + 2)


def test_cores_are_as_many_as_the_search_needs():
    # 8.5e9 a second and core: 120 core hours in 12 hours take ten, so sixteen.
    search = Work("mine_candidates", "dense", "vectors", 8.5e9 * 3600 * 120, 1, "query")
    assert rent([search]).cores == 16


def test_a_gpu_that_is_too_small_is_refused():
    with pytest.raises(ConfigError, match="--gpu L4: found at most 24 GB; expected 38 GB"):
        rent(memory=30 * GB, gpu=gpu_named("L4"))
    with pytest.raises(ConfigError, match=r"Choose a larger one, or lower training\.batch_size"):
        rent(memory=90 * GB)
