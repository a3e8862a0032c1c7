import pytest
from pydantic import BaseModel

from data.identity import canonical
from models import hardware
from models.hardware import Precision, resolve_precision


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
