import pytest
import torch
from pydantic import BaseModel

from data.identity import canonical
from models import hardware
from models.hardware import Precision, resolve_precision, sums_in_one_order


class Config(BaseModel):
    precision: Precision = "auto"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("flags\t\t: fpu avx2 avx512f avx512_bf16 sha_ni", "bfloat16"),
        ("flags\t\t: fpu amx_bf16", "bfloat16"),
        ("Features\t: fp asimd bf16", "bfloat16"),
        ("flags\t\t: fpu avx2 avx512f", "float32"),
        ("flags\t\t: notavx512_bf16", "float32"),
        ("", "float32"),
    ],
)
def test_auto_is_bfloat16_where_the_processor_multiplies_it(tmp_path, monkeypatch, flags, expected):
    monkeypatch.setattr(hardware, "has_gpu", lambda: False)
    (tmp_path / "cpuinfo").write_text(f"processor : 0\n{flags}\n")
    assert resolve_precision("auto", tmp_path / "cpuinfo") == expected


def test_a_machine_without_processor_file_computes_in_float32(tmp_path, monkeypatch):
    monkeypatch.setattr(hardware, "has_gpu", lambda: False)
    assert resolve_precision("auto", tmp_path / "nowhere") == "float32"


def test_what_auto_stands_for_enters_addresses(digests, monkeypatch):
    for name in ("float32", "bfloat16"):
        monkeypatch.setattr(hardware, "resolve_precision", lambda given, name=name: name)
        assert canonical(Config(), digests) == {"precision": name}


@pytest.fixture
def several_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def gradient_of_repeated_rows():
    """Of rows that many places share: each sum has thousands of terms."""
    generator = torch.Generator().manual_seed(0)
    rows = torch.zeros(8, 64, requires_grad=True)
    places = torch.randint(0, 8, (20_000,), generator=generator)
    (rows[places] * torch.randn(20_000, 64, generator=generator)).sum().backward()
    return rows.grad


def test_several_cores_sum_as_one_does(several_threads):
    torch.set_num_threads(1)
    alone = gradient_of_repeated_rows()
    torch.set_num_threads(4)
    with sums_in_one_order():
        together = [gradient_of_repeated_rows() for _ in range(10)]
    assert all(torch.equal(each, alone) for each in together)


@pytest.mark.parametrize("before", [True, False])
def test_afterwards_sums_are_as_before_even_if_it_failed(before):
    torch.use_deterministic_algorithms(before, warn_only=True)
    try:
        with pytest.raises(KeyError), sums_in_one_order():
            assert torch.are_deterministic_algorithms_enabled() == (not torch.cuda.is_available() or before)
            raise KeyError
        assert torch.are_deterministic_algorithms_enabled() == before
    finally:
        torch.use_deterministic_algorithms(mode=False)
