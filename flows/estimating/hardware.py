"""GPUs one can rent, what of their peak a run reaches, and the rates of a processor's core.

What a GPU does is ASSUMED here, not measured: peak of dense bfloat16 products by the vendor's data sheet,
times a share that is reached. Small models and short texts reach little of a large GPU; 0.15 errs by two or
three either way. ``--utilisation`` says otherwise.
"""

from dataclasses import dataclass

from data.errors import ConfigError

# Assumption: share of the peak that reading and training reach.
UTILISATION = 0.15
# Assumption: a decoder of a dozen layers takes so long for a step on any GPU, for it waits for launches.
STEP_S = 0.015
# Query-passage visits of bm25s, one core: 12.2 queries/s over MS MARCO's 8.8 million passages, 41.9 over NQ's
# 2.7 million, https://github.com/xhluca/bm25-benchmarks; both are 1.1e8.
BM25_VISITS_PER_CORE_S = 1.1e8
# Exact search of FAISS, one core: measured by its time on the processor, faiss-cpu 1.15.1, 256 queries over
# 100,000 vectors of 384 numbers, depth 116, on a virtual AMD EPYC: 8.4 to 9.7. Multiplications and additions.
FLAT_FLOPS_PER_CORE_S = 8.5e9


@dataclass(frozen=True)
class Gpu:
    """A line of a data sheet."""

    name: str
    memory_gb: int
    peak_tflops: float  # dense bfloat16
    source: str

    def flops_per_s(self, utilisation: float) -> float:
        """What is assumed to be reached."""
        return self.peak_tflops * 1e12 * utilisation


# Slowest first. Where a data sheet tells only the peak with sparsity, half of it.
GPUS = (
    Gpu("L4", 24, 121.0, "NVIDIA L4 data sheet: 242 with sparsity"),
    Gpu("A100-80GB", 80, 312.0, "NVIDIA A100 data sheet"),
    Gpu("L40S", 48, 362.05, "NVIDIA L40S data sheet"),
    Gpu("H100-SXM", 80, 989.5, "NVIDIA H100 data sheet: 1,979 with sparsity"),
)


def gpu_named(name: str) -> Gpu:
    """The GPU of this name.

    Raises:
        ConfigError: there is none in the table.
    """
    for gpu in GPUS:
        if gpu.name.lower() == name.lower():
            return gpu
    raise ConfigError(
        where="--gpu",
        found=repr(name),
        expected=f"one of {', '.join(gpu.name for gpu in GPUS)}",
        advice="Leave it out, and the smallest that suffices is chosen.",
    )
