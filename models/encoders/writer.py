"""Write one token at a time for many beginnings at once, computing each token once.

The keys and values of what was written are kept and follow their beginnings from step to step; those of the
texts that are attended to belong to texts, not to beginnings, and move only when a beginning changes its row.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from transformers.cache_utils import DynamicCache, EncoderDecoderCache

if TYPE_CHECKING:
    from models.encoders.seq2seq import Seq2Seq

# Keys and values of each layer, [text, head, token, width].
Attended = Sequence[tuple[Tensor, Tensor]]


class Writer:
    """The steps of ``models.retrievers.constrained_beam``; tokens are columns of the outputs of ``model``."""

    def __init__(self, model: "Seq2Seq", attended: Attended, is_token: Bool[Tensor, "text token"]) -> None:
        self._model = model
        self._attended = attended
        self._is_token = is_token
        self._texts = torch.arange(len(is_token), device=model.device)
        self._cache = cache_of(attended)
        self.likely_first: Float[Tensor, "text spoken"] = torch.zeros(len(is_token), 0)

    @torch.inference_mode()
    def first(self) -> Float[Tensor, "text spoken"]:
        """Log-probabilities of the first token, a row per text; ``likely_first`` keeps them."""
        start = torch.full((len(self._texts), 1), self._model.start, device=self._model.device)
        self.likely_first = self._after(start)
        return self.likely_first

    @torch.inference_mode()
    def next(
        self, parents: Int64[Tensor, " row"], tokens: Int64[Tensor, " row"]
    ) -> Float[Tensor, "row spoken"]:
        """Log-probabilities of the token after ``tokens``, each of which follows a row of the call before."""
        parents, tokens = parents.to(self._model.device), tokens.to(self._model.device)
        written: Any = self._cache.self_attention_cache
        written.batch_select_indices(parents)
        texts = self._texts[parents]
        if not torch.equal(texts, self._texts):
            layers: Any = self._cache.cross_attention_cache.layers
            for layer, (keys, values) in zip(layers, self._attended, strict=True):
                layer.keys, layer.values = keys[texts], values[texts]
            self._texts = texts
        return self._after(self._model.spoken(tokens)[:, None])

    def greedy(self, max_tokens: int, end: int) -> list[tuple[int, ...]]:
        """The likeliest token after the other, unconstrained, till the token ``end``, which is kept."""
        rows = torch.arange(len(self._is_token))
        written = [self.first().argmax(dim=1)]
        has_ended = self._model.spoken(written[0]) == end
        while len(written) < max_tokens and not has_ended.all():
            written.append(self.next(rows, written[-1]).argmax(dim=1))
            has_ended |= self._model.spoken(written[-1]) == end
        lines = self._model.spoken(torch.stack(written, dim=1)).tolist()
        return [tuple(line[: line.index(end) + 1] if end in line else line) for line in lines]

    def _after(self, tokens: Int64[Tensor, "row 1"]) -> Float[Tensor, "row spoken"]:
        states = self._model.step(tokens, self._is_token[self._texts], self._cache)
        return self._model.logits(states[:, -1]).float().log_softmax(dim=-1)


def cache_of(attended: Attended) -> EncoderDecoderCache:
    """A cache of nothing written yet, by models that attend to these keys and values."""
    across = DynamicCache()
    for layer, (keys, values) in enumerate(attended):
        across.update(keys, values, layer)
    return EncoderDecoderCache(DynamicCache(), across)
