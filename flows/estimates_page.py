"""docs/estimates.md, written from the estimates themselves: ``python -m flows.estimates_page``.

Every number is what the command above it prints. Rates are pinned in docs/estimates.toml, so that the page is
the same on every machine; formulas are the docstrings of the modules that hold them.
"""

import importlib
import inspect

from flows.config import ROOT, config_path, load
from flows.estimate import estimate
from flows.estimating.collection_size import KNOWN
from flows.estimating.hardware import GPUS
from flows.estimating.printing import shown
from flows.estimating.rates import read_rates
from models.reporting.rows import aligned

PAGE = ROOT / "docs" / "estimates.md"
RATES = ROOT / "docs" / "estimates.toml"
CONFIG = "nq"
TITLES = {
    "nq": "Natural Questions, 2.7 million passages",
    "nq-w100": "Natural Questions, 21 million passages",
    "msmarco": "MS MARCO, 8.8 million passages",
}
FORMULAS = ("counts", "model_shapes", "work", "disk", "memory", "collection_size", "rates", "machine")
HEAD = """# What a large run takes

`distill plan NAME --estimate` tells pairs, GPU hours, disk, memory and a machine to rent, before there
is any data. Sizes are those of the last run of that name, of a known collection (`--collection`), or as
given (`--passages N --queries N`, `--passage-words W`). Rates of this machine are taken from the store
(`--rates NAME` for another run's; a file of rates takes the place of all that the store measured).
`--gpu` and `--utilisation` replace what is assumed of the machine to rent; `--json` gives all numbers.
Written by `python -m flows.estimates_page`; a test holds it against what the commands print.

## What is measured, and what is not

- **Sizes** are published; their sources stand below each heading. Mean words: BEIR's table 1.
- **Pairs** are exact bounds, from the configuration.
- **Tokens and FLOPs** are formulas. Tokens a word were measured on the bundled collection and on Natural
  Questions.
- **Hours here**, of models: rates **measured** by `distill run sample` on two cores of a CPU, 528
  passages and models of 384 wide, **extrapolated** by FLOPs to other models and lengths, and to
  thousands of times the work.
- **Core hours** of searches: FAISS' exact search **measured** at 100,000 vectors on a core here; BM25
  **cited** from bm25-benchmarks, on a core elsewhere. Both are taken as linear in the passages.
- **GPU hours** are **assumed**: the data sheet's peak times 0.15. No run on a GPU stands behind them;
  expect a factor of two or three either way. A decoder's step is assumed to take 15 ms.
- **Disk**: rows are bounds; bytes a row are the schema's, before compression.
- **Memory**: formulas on what the code holds at once. That look-ups in the answer key are flat was
  **measured**, up to 10 million pairs.

Not counted: tasks beside a training, mining while learning, k-means, the decoder's own FLOPs, the table
`decisions`, downloads of the collection and of models, and stages that take seconds. A student that
searches the teacher's vectors is counted as if it encoded the passages itself. The machine is chosen by
the rule below, not by price. One run works on one GPU; processes that are started beside it share the
scoring alone.
"""


def page() -> str:
    """Write the page."""
    parts = [HEAD.rstrip()]
    for name, title in TITLES.items():
        command = f"distill plan {CONFIG} --estimate --collection {name} --rates docs/estimates.toml"
        parts += [f"## {title}", f"`{command}`", printed(name)]
    parts += ["## The GPUs", _gpus(), "## The formulas"]
    for module in FORMULAS:
        loaded = importlib.import_module(f"flows.estimating.{module}")
        parts += [f"`flows/estimating/{module}.py`", f"```text\n{inspect.getdoc(loaded)}\n```"]
    return "\n\n".join(parts) + "\n"


def printed(collection: str) -> str:
    """What the command prints for a known collection, with the page's rates."""
    config = load(config_path(CONFIG))
    return shown(estimate(config, KNOWN[collection], rates=read_rates(RATES)))


def _gpus() -> str:
    rows = [[gpu.name, gpu.source, f"{gpu.memory_gb}", f"{gpu.peak_tflops:g}"] for gpu in GPUS]
    heading = ["GPU", "source", "memory, GB", "peak, TFLOP/s, dense bfloat16"]
    return aligned([heading, *rows], numbers=False)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
