"""Many texts through one model: texts of like length together, so many tokens at a time.

A batch is filled by tokens, not by texts: a hundred queries or four long passages are the same work.
Texts are tokenised once, longest first, window by window; which implementation of attention is
faster depends on processor, model and length, so it is measured once, on the texts themselves. One
that is hardly faster than the device's default is not worth that a run differs from the run before.
"""

import logging
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from data.progress import meter
from models.encoders.engines import Features, Model, engine_for

log = logging.getLogger("distill")
# Fewer tokens at a time are slower; more are no faster.
BATCH_TOKENS = {"cpu": 4096, "cuda": 65_536}
# Texts tokenised at a time.
WINDOW = 2048
# So many texts pay for measuring attention on some of them; fewer are run with their device's default.
WORTH_MEASURING = 256
MEASURED = 4
DEFAULT_ATTENTION = {"cpu": "eager", "cuda": "sdpa"}
# Of the default's time, at most, that another may take: more is within what measuring varies by.
CLEARLY_FASTER = 0.8


class Inference:
    """A model, ready for many texts or pairs. It has the weights that the model has when this is made."""

    def __init__(self, model: Model, precision: str = "float32", batch_tokens: int | None = None) -> None:
        model.eval()
        self.model = model
        self.precision = precision
        self.device = model.device.type
        self.batch_tokens = batch_tokens or BATCH_TOKENS.get(self.device, BATCH_TOKENS["cuda"])
        with torch.inference_mode():
            self.engine = engine_for(model, precision)
        self.attention = DEFAULT_ATTENTION.get(self.device, "sdpa")
        if self.attention not in self.engine.attentions:
            self.attention = self.engine.attentions[0]
        self.engine.attend_by(self.attention)
        self._measured = len(self.engine.attentions) < 2

    def facts(self) -> dict[str, str]:
        """How it runs: precision, engine, attention."""
        return {"precision": self.precision, "engine": self.engine.name, "attention": self.attention}

    def work_as(self, facts: Mapping[str, str]) -> None:
        """Use the attention that ``facts`` of an earlier process name, instead of measuring again."""
        attention = facts.get("attention", "")
        if facts.get("engine") == self.engine.name and attention in self.engine.attentions:
            self.attention = attention
            self.engine.attend_by(attention)
            self._measured = True

    def run(
        self,
        inputs: Sequence[str] | Sequence[tuple[str, str]],
        prompt: str = "",
        max_tokens: int | None = None,
    ) -> Float[np.ndarray, "text width"]:
        """Vectors of texts, or logits of pairs, in the order in which they are given.

        Args:
            inputs: texts, or pairs of texts for a model that scores pairs; at least one.
            prompt: put before each text.
            max_tokens: texts are cut here, or at the model's own limit if that is lower.
        """
        limit = min(filter(None, (max_tokens, self.model.max_seq_length)), default=None)
        sizes = np.array([len(each) if isinstance(each, str) else sum(map(len, each)) for each in inputs])
        order = np.argsort(-sizes, kind="stable")
        if not self._measured and len(inputs) >= WORTH_MEASURING:
            middle = len(order) // 2
            texts = [inputs[row] for row in order[middle : middle + MEASURED]]
            self._measure(self._tokenise(texts, prompt, limit))
        found: np.ndarray | None = None
        with meter("running", "text", len(inputs)) as bar:
            for start in range(0, len(order), WINDOW):
                window = order[start : start + WINDOW]
                features = self._tokenise([inputs[row] for row in window], prompt, limit)
                slices, batches = zip(*self._batches(features), strict=True)
                for rows, output in zip(slices, self._outputs(batches), strict=True):
                    if found is None:
                        found = np.empty((len(order), output.shape[1]), dtype=np.float32)
                    found[window[rows]] = output
                    bar.update(len(rows))
        assert found is not None  # noqa: S101  (there is at least one text)
        return found

    def _outputs(self, batches: Sequence[Features]) -> Iterator[np.ndarray]:
        """Run batches, on a CPU one per core: cores that share a batch wait for each other at every step."""
        if self.device != "cpu" or len(batches) == 1:
            yield from map(self._output, batches)
            return
        with (
            _one_thread_each() as threads,
            ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool,
        ):
            yield from pool.map(self._output, batches)

    @torch.inference_mode()
    def _output(self, batch: Features) -> np.ndarray:
        return self.engine(batch).cpu().numpy()

    def _tokenise(self, inputs: list[Any], prompt: str, limit: int | None) -> Features:
        return dict(self.model.preprocess(inputs, prompt=prompt or None, max_length=limit))

    def _batches(self, features: Features) -> Iterator[tuple[np.ndarray, Features]]:
        mask = features["attention_mask"]
        lengths = mask.sum(1)
        order = lengths.argsort(descending=True, stable=True)
        for some in batch_slices(lengths[order].numpy(), self.batch_tokens):
            rows = order[some]
            columns = mask[rows].any(0)
            yield (
                rows.numpy(),
                {
                    name: value[rows][:, columns].to(self.device) if _per_token(value, mask) else value
                    for name, value in features.items()
                },
            )

    def _measure(self, features: Features) -> None:
        """Take the implementation of attention that runs some texts of middle length clearly fastest."""
        rows, batch = next(self._batches(features))
        # The work of this thread, not the time it waits for a processor that others use.
        clock = time.thread_time if self.device == "cpu" else time.perf_counter
        times: dict[str, float] = {}
        with _one_thread_each():
            for turn in range(3):
                for attention in self.engine.attentions:
                    self.engine.attend_by(attention)
                    started = clock()
                    self._output(batch)
                    taken = clock() - started
                    # The first turn warms up.
                    times[attention] = min(taken, times[attention]) if turn > 1 else taken
        fastest = min(times, key=lambda name: times[name])
        if times[fastest] < CLEARLY_FASTER * times[self.attention]:
            self.attention = fastest
        self.engine.attend_by(self.attention)
        self._measured = True
        measured = ", ".join(f"{name} {1e3 * taken:.0f} ms" for name, taken in times.items())
        log.info("attention of %d texts by %s; chose %s", len(rows), measured, self.attention)


@contextmanager
def _one_thread_each() -> Generator[int]:
    """Let an operator use one core inside; gives how many it used outside."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield threads
    finally:
        torch.set_num_threads(threads)


def batch_slices(lengths: Int[np.ndarray, " text"], batch_tokens: int) -> Iterator[slice]:
    """Cut texts, the longest first, into batches of at most ``batch_tokens``, padding included.

    A text that is longer by itself is a batch of its own.

    >>> list(batch_slices(np.array([9, 4, 4, 3]), 9))
    [slice(0, 1, None), slice(1, 3, None), slice(3, 4, None)]
    """
    start = 0
    while start < len(lengths):
        stop = min(start + max(1, batch_tokens // int(lengths[start])), len(lengths))
        yield slice(start, stop)
        start = stop


def _per_token(value: object, mask: Tensor) -> bool:
    return isinstance(value, Tensor) and value.shape == mask.shape
