"""What this machine computes with: a GPU where there is one, and bfloat16 where it is fast.

Sixteen bits are about three times as fast as float32 on processors that multiply them (AVX-512 BF16,
AMX) and change scores in the fourth digit. What "auto" stands for enters addresses, so that scores
of two precisions are never taken for each other. Nothing here imports torch until a device is asked for.
"""

import ctypes
import shutil
import sys
from collections.abc import Generator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Annotated, Literal

from data.digests import FileDigests
from data.identity import Identity

PrecisionName = Literal["auto", "float32", "bfloat16"]
CPU_INFO = Path("/proc/cpuinfo")
# As Linux names them: Intel and AMD, Intel's matrix unit, Arm.
BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
# Of glibc's malloc.h.
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4


def resolve_precision(name: str, cpu_info: Path = CPU_INFO) -> str:
    """Say what ``auto`` is on this machine: bfloat16 where the hardware has it, else float32.

    >>> resolve_precision("float32")
    'float32'
    """
    if name != "auto":
        return name
    return "bfloat16" if has_gpu() or _multiplies_bfloat16(cpu_info) else "float32"


def has_gpu() -> bool:
    """Whether torch would find an NVIDIA GPU, judged without importing it."""
    try:
        can_use_it = not version("torch").endswith("+cpu")
    except PackageNotFoundError:
        return False
    return can_use_it and (Path("/dev/nvidia0").exists() or shutil.which("nvidia-smi") is not None)


def _multiplies_bfloat16(cpu_info: Path) -> bool:
    try:
        lines = cpu_info.read_text().splitlines()
    except OSError:
        return False
    marked = (line.partition(":")[2] for line in lines if line.startswith(("flags", "Features")))
    return not BFLOAT16_FLAGS.isdisjoint(next(marked, "").split())


def device() -> str:
    """Where torch computes: ``cuda`` if it can, else ``cpu``."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def keep_freed_memory() -> None:
    """Let glibc keep what is freed: giving large blocks back and taking them anew faults every page.

    Measured on two cores, a step that trains a bi-encoder takes 0.83 of the time. Where there is no glibc,
    nothing is done.
    """
    if not sys.platform.startswith("linux"):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt:
        mallopt(M_MMAP_MAX, 0)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)


@contextmanager
def sums_in_one_order() -> Generator[None]:
    """Let several cores learn what one would, bit for bit.

    Cores that add gradients to the same row, such as that of a passage in many lists, do so as they come, and
    a run would not be the run before: clusters made of the last bits of vectors are other clusters. Measured
    on two cores, a training takes as long as before. A GPU is left as it is, for there it would cost.
    """
    import torch

    before = torch.are_deterministic_algorithms_enabled()
    only_warned = torch.is_deterministic_algorithms_warn_only_enabled()
    if device() == "cpu":
        torch.use_deterministic_algorithms(mode=True, warn_only=True)
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before, warn_only=only_warned)


def _identity(name: str, _digests: FileDigests) -> str:
    return resolve_precision(name)


# Precision as a field of a configuration; it enters addresses by what it is on this machine.
Precision = Annotated[PrecisionName, Identity(_identity)]
