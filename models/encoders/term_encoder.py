"""Texts in, sparse rows of term weights out: a SparseEncoder, run fast.

Texts of like length run together, and what a batch gives is kept as the few terms that are above 0: all
passages times the whole vocabulary never lie in memory.
"""

from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from jaxtyping import Float
from scipy.sparse import csr_array
from sentence_transformers import SparseEncoder
from torch import Tensor

from data.progress import meter
from models.encoders.inference import batch_slices
from models.encoders.term_weights import TermWeights
from models.repeats import Features, take_rows

# Tokens run at a time; the body is small, and more at a time are no faster.
BATCH_TOKENS = 4096
WINDOW = 2048


class TermEncoder:
    """A SparseEncoder as it is now: weights that change later change what is encoded later."""

    def __init__(
        self, model: SparseEncoder, query_max_tokens: int, passage_max_tokens: int, precision: str = "float32"
    ) -> None:
        self.model = model
        self.query_max_tokens = query_max_tokens
        self.passage_max_tokens = passage_max_tokens
        self.precision = precision
        self._terms = TermWeights(model)

    @property
    def bias(self) -> Tensor:
        """What the decoder adds to every logit of a term."""
        return self._terms.decoder.bias

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(weights.numel() for weights in self.model.parameters())

    @property
    def vocabulary(self) -> int:
        """Number of terms."""
        return self._terms.vocabulary

    def encode_queries(self, texts: Sequence[str]) -> csr_array:
        """Weights of the terms of each query, [query, vocab]."""
        return self._encode(texts, self.query_max_tokens)

    def encode_passages(self, texts: Sequence[str]) -> csr_array:
        """Weights of the terms of each passage, [passage, vocab]."""
        return self._encode(texts, self.passage_max_tokens)

    def terms_of(self, passage: str) -> list[tuple[str, float]]:
        """Terms of one passage with their weights, the heaviest first, equal ones by their place."""
        found = self.encode_passages([passage])
        terms = self.model.tokenizer.convert_ids_to_tokens(found.indices.tolist())
        weights: list[float] = np.asarray(found.data, dtype=np.float32).tolist()
        return sorted(zip(terms, weights, strict=True), key=lambda pair: -pair[1])

    def highest(self, texts: Sequence[str]) -> Iterator[Float[Tensor, "passage vocab"]]:
        """Each term's highest logit in some passages after others, not in their order."""
        for _, features in self._batches(texts, self.passage_max_tokens):
            with self._running():
                tops = self._terms.highest(features)
            yield tops

    def _encode(self, texts: Sequence[str], limit: int) -> csr_array:
        rows: list[np.ndarray] = [np.zeros(0, np.int64)]
        terms: list[np.ndarray] = [np.zeros(0, np.int64)]
        weights: list[np.ndarray] = [np.zeros(0, np.float32)]
        with meter("running", "text", len(texts)) as bar:
            for places, features in self._batches(texts, limit):
                with self._running():
                    found = self._terms(features)["sentence_embedding"].cpu()
                text, term = found.nonzero(as_tuple=True)
                rows.append(places[text.numpy()])
                terms.append(term.numpy())
                weights.append(found[text, term].numpy())
                bar.update(len(places))
        pairs = np.concatenate(weights), (np.concatenate(rows), np.concatenate(terms))
        matrix = csr_array(pairs, shape=(len(texts), self.vocabulary), dtype=np.float32)
        # Sums are then in the order of the terms, whatever the batch.
        matrix.sort_indices()
        return matrix

    def _batches(self, texts: Sequence[str], limit: int) -> Iterator[tuple[np.ndarray, Features]]:
        self.model.eval()
        order = np.argsort([-len(text) for text in texts], kind="stable")
        for start in range(0, len(order), WINDOW):
            window = order[start : start + WINDOW]
            features = dict(self.model.preprocess([texts[row] for row in window], max_length=limit))
            lengths = features["attention_mask"].sum(1)
            by_length = lengths.argsort(descending=True, stable=True)
            for some in batch_slices(lengths[by_length].numpy(), BATCH_TOKENS):
                rows = by_length[some]
                taken = take_rows(features, rows)
                on_device = {
                    name: value.to(self.model.device) if isinstance(value, Tensor) else value
                    for name, value in taken.items()
                }
                yield window[rows.numpy()], on_device

    @contextmanager
    def _running(self) -> Generator[None]:
        """Without gradient, and in the precision that is wanted."""
        low = self.precision == "bfloat16"
        with (
            torch.inference_mode(),
            torch.autocast(self.model.device.type, dtype=torch.bfloat16, enabled=low),
        ):
            yield
