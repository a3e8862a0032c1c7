"""Dual pooling: a cross-encoder that ends in two vectors, one for each of its two texts.

    h = body([CLS] q [SEP] p [SEP]),     e(q | p) = mean of h over the tokens of q,     e(p | q) = … of p
    t(q, p) = e(q | p) · e(p | q)

Both vectors have read both texts, and still there is one for each: they are what the two vectors of a dual
encoder can be taught. Special tokens belong to no text. A text that is read alone has one vector likewise.
Source: Kim et al. 2023, https://arxiv.org/abs/2301.12005; how it pools is not known, the mean is a choice.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Module, Transformer
from torch import Tensor

from models.encoders.inference import Inference
from models.encoders.text_encoder import Vectors
from models.hardware import device

# Pairs whose vectors are in memory at once.
PAIRS_AT_ONCE = 8192
Features = dict[str, Any]


class SegmentPooling(Module):
    """Means of the tokens before the first separator and of those after it, one behind the other.

    The first is the query's, or that of a text alone; the second, where there is no second text, is 0.
    """

    def __init__(self, width: int, special: Sequence[int], separator: int) -> None:
        super().__init__()
        self.width = width
        self.separator = separator
        self.special = torch.tensor(sorted(special))

    def forward(self, features: Features, **_: object) -> Features:
        """Add ``sentence_embedding``, [text, 2 · width]."""
        tokens, mask = features["input_ids"], features["attention_mask"].bool()
        words = mask & ~torch.isin(tokens, self.special.to(tokens.device))
        second = ((tokens == self.separator) & mask).cumsum(dim=1) > 0
        parts = [segment_mean(features["token_embeddings"], words & part) for part in (~second, second)]
        features["sentence_embedding"] = torch.cat(parts, dim=-1)
        return features

    def get_embedding_dimension(self) -> int:
        """Length of both vectors together."""
        return 2 * self.width

    def save(self, output_path: str, *args: Any, safe_serialization: bool = True, **kwargs: Any) -> None:  # noqa: ANN401
        """Nothing: it has no weights, and the tokenizer says what it must know."""


def segment_mean(
    states: Float[Tensor, "text token dim"], is_in: Bool[Tensor, "text token"]
) -> Float[Tensor, "text dim"]:
    """Mean of the states of a segment; 0 where it has no token.

    >>> segment_mean(torch.tensor([[[1.0], [3.0], [9.0]]]), torch.tensor([[True, True, False]]))
    tensor([[2.]])
    """
    counted = is_in.unsqueeze(-1)
    total = states.float().masked_fill(~counted, 0.0).sum(dim=1)
    return total / counted.sum(dim=1).clamp(min=1)


class DualPooling:
    """A body, read with both segments pooled; what it gives while training carries gradients."""

    def __init__(self, folder: Path, max_tokens: int) -> None:
        # The vectors are those of tokens: whatever head or pooling the folder has besides is left out.
        body = Transformer(
            str(folder),
            max_seq_length=max_tokens,
            model_kwargs={"use_safetensors": True, "local_files_only": True},
        )
        tokenizer: Any = body.tokenizer
        pooling = SegmentPooling(
            int(body.get_embedding_dimension()), tokenizer.all_special_ids, tokenizer.sep_token_id
        )
        self.model = SentenceTransformer(modules=[body, pooling], device=device())
        self.width = pooling.width

    def save(self, folder: Path) -> None:
        """Write the body and its tokenizer, as safetensors and JSON that transformers opens."""
        self.model.transformers_model.save_pretrained(folder, safe_serialization=True)  # pyright: ignore[reportOptionalMemberAccess]
        self.model.tokenizer.save_pretrained(folder)

    def read_pairs(
        self, pairs: Sequence[tuple[str, str]]
    ) -> tuple[Float[Tensor, "pair dim"], Float[Tensor, "pair dim"]]:
        """Vectors of the queries and of the passages of pairs."""
        both = self._run(list(pairs))
        return both[:, : self.width], both[:, self.width :]

    def read_alone(self, texts: Sequence[str]) -> Float[Tensor, "text dim"]:
        """Vectors of texts that are read by themselves; no gradient reaches the body."""
        with torch.no_grad():
            return self._run(list(texts))[:, : self.width]

    def _run(self, inputs: list[Any]) -> Tensor:
        features = self.model.preprocess(inputs)
        on_device = {
            name: value.to(self.model.device) if isinstance(value, Tensor) else value
            for name, value in features.items()
        }
        return self.model(on_device)["sentence_embedding"]


class PairReader:
    """The trained body, run fast: vectors and scores of many pairs."""

    def __init__(self, dual: DualPooling, precision: str, max_tokens: int, batch_tokens: int | None) -> None:
        self.width = dual.width
        self.max_tokens = max_tokens
        self.inference = Inference(dual.model, precision, batch_tokens)

    def embed_pairs(self, queries: Sequence[str], passages: Sequence[str]) -> tuple[Vectors, Vectors]:
        """Vectors of the queries and of the passages of pairs; their inner product is a pair's score."""
        pairs = list(zip(queries, passages, strict=True))
        if not pairs:
            empty = np.zeros((0, self.width), dtype=np.float32)
            return empty, empty
        both = self.inference.run(pairs, max_tokens=self.max_tokens)
        return np.ascontiguousarray(both[:, : self.width]), np.ascontiguousarray(both[:, self.width :])

    def score(self, queries: Sequence[str], passages: Sequence[str]) -> Float[np.ndarray, " pair"]:
        """Inner product of the two vectors of each pair."""
        scores = np.empty(len(queries), dtype=np.float32)
        for start in range(0, len(scores), PAIRS_AT_ONCE):
            some = slice(start, start + PAIRS_AT_ONCE)
            scores[some] = np.einsum("ij,ij->i", *self.embed_pairs(queries[some], passages[some]))
        return scores

    def facts(self) -> dict[str, str]:
        """How pairs are read: precision, engine, attention."""
        return self.inference.facts()

    def work_as(self, facts: Mapping[str, str]) -> None:
        """Use the attention that was measured to be faster before."""
        self.inference.work_as(facts)
