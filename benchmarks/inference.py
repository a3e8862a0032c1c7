"""Scoring and encoding, each against the default call of sentence-transformers on the same texts."""

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import CrossEncoder, SentenceTransformer
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer
from transformers.utils import logging

from models.encoders.inference import Inference
from models.hardware import device, resolve_precision
from models.weights import fetch

MODEL = "all-MiniLM-L6-v2"
REPEATS = 3


@dataclass(frozen=True)
class Result:
    """Medians over the repeats, in texts or pairs per second, and how far the numbers agree."""

    what: str
    unit: str
    library_per_s: float
    ours_per_s: float
    agreement: str

    @property
    def ratio(self) -> float:
        """How many times as fast."""
        return self.ours_per_s / self.library_per_s


def scoring(pairs: Sequence[tuple[str, str]]) -> Result:
    """Pairs per second against ``CrossEncoder.predict``, raw logits."""
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        model = CrossEncoder(str(_cross_encoder(Path(folder))), device=device())
    ours = Inference(model, resolve_precision("auto"))
    library, mine, slow, fast = race(
        lambda: model.predict(list(pairs), activation_fn=torch.nn.Identity()),
        lambda: ours.run(pairs)[:, 0],
    )
    pearson = float(np.corrcoef(library, mine)[0, 1])
    return Result("scoring", "pairs", len(pairs) / slow, len(pairs) / fast, f"Pearson {pearson:.6f}")


def encoding(texts: Sequence[str]) -> Result:
    """Passages per second against ``SentenceTransformer.encode``."""
    model = SentenceTransformer(str(fetch(MODEL)), device=device())
    ours = Inference(model, resolve_precision("auto"))
    library, mine, slow, fast = race(lambda: model.encode(list(texts)), lambda: ours.run(texts))
    cosine = float((library * mine).sum(axis=1).min())
    return Result("encoding", "passages", len(texts) / slow, len(texts) / fast, f"lowest cosine {cosine:.4f}")


def _cross_encoder(folder: Path) -> Path:
    """MiniLM's body under a random head of one label: as fast and as sensitive as a trained one."""
    source = fetch(MODEL)
    torch.manual_seed(0)
    config = AutoConfig.from_pretrained(source, num_labels=1)
    logging.set_verbosity_error()  # that the head is new is meant
    AutoModelForSequenceClassification.from_pretrained(source, config=config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(source).save_pretrained(folder)
    return folder


def race(
    library: Callable[[], np.ndarray], ours: Callable[[], np.ndarray]
) -> tuple[np.ndarray, np.ndarray, float, float]:
    """Results and median seconds of both, run in turn: a busy moment hits both, the first round warms up."""
    slow: list[float] = []
    fast: list[float] = []
    for _ in range(REPEATS + 1):
        expected, seconds = _timed(library)
        slow.append(seconds)
        found, seconds = _timed(ours)
        fast.append(seconds)
    return expected, found, statistics.median(slow[1:]), statistics.median(fast[1:])


def _timed(work: Callable[[], np.ndarray]) -> tuple[np.ndarray, float]:
    started = time.perf_counter()
    done = work()
    return done, time.perf_counter() - started
