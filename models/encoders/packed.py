"""A BERT without padding: the tokens of a batch lie end to end, and only attention knows where a text ends.

    tokens [Σ length, dim] → linear layers over all of them at once
                           → attention over groups of texts of one length [text · head, length, dim / head]

Against the usual forward pass this saves the work on padding, two of three products for query, key
and value, and, where only the first token is read, all other rows of the last layer but their keys
and values. Weights are copied into their new form as they are; the model that is given stays as it is.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor
from transformers.activations import GELUActivation

Queries = Float[Tensor, "row token width"]
# A text's tokens all look at all of its tokens; where only the first is read, it alone looks.
Heads = Float[Tensor, "row seen width"]
# e^60, summed over a text, is far from the end of float32's range, which bfloat16 shares; so is e^-60.
LARGE = 60.0
SMALL = math.exp(-LARGE)
# Attention weights computed at a time: few enough to stay in a processor's cache.
WEIGHTS = 2_000_000
# A module of transformers, whose attributes are declared nowhere.
Foreign = Any


class _Linear:
    def __init__(self, weight: Tensor, bias: Tensor, activation: Foreign = None) -> None:
        self.weight, self.bias, self.activation = weight, bias, activation
        self.blocked = _blocked(weight)
        self.ends_in_gelu = isinstance(activation, GELUActivation)

    @classmethod
    def of(cls, dtype: torch.dtype, *modules: Foreign, scale: float = 1.0) -> "_Linear":
        """Stack linear modules into one; the first is scaled."""
        scales = [scale] + [1.0] * (len(modules) - 1)
        weights = [module.weight.detach() * by for module, by in zip(modules, scales, strict=True)]
        biases = [module.bias.detach() * by for module, by in zip(modules, scales, strict=True)]
        return cls(torch.cat(weights).to(dtype), torch.cat(biases).to(dtype))

    def rows(self, start: int, stop: int) -> "_Linear":
        """A part of the outputs."""
        return _Linear(self.weight[start:stop].contiguous(), self.bias[start:stop])

    def then(self, activation: Foreign) -> "_Linear":
        """The same, followed by an activation."""
        return _Linear(self.weight, self.bias, activation)

    def __call__(self, tokens: Tensor) -> Tensor:
        if self.blocked is None:
            found = F.linear(tokens, self.weight, self.bias)
        else:
            # One pass over the outputs fewer where oneDNN computes the activation, too.
            after = ("gelu", [], "none") if self.ends_in_gelu else ("none", [], "")
            found = torch.ops.mkldnn._linear_pointwise(tokens, self.blocked, self.bias, *after)
            if self.ends_in_gelu:
                return found
        return found if self.activation is None else self.activation(found)


def _blocked(weight: Tensor) -> Tensor | None:
    """Lay 16-bit weights out as oneDNN reads them, once instead of at every call (a tenth of the time)."""
    operators = torch.ops.mkldnn
    if weight.dtype != torch.bfloat16 or not hasattr(operators, "_linear_pointwise"):
        return None
    if not (torch.backends.mkldnn.is_available() and operators._is_mkldnn_bf16_supported()):
        return None
    return operators._reorder_linear_weight(weight)


@dataclass(frozen=True)
class _Norm:
    weight: Tensor
    bias: Tensor
    epsilon: float

    @classmethod
    def of(cls, dtype: torch.dtype, module: Foreign) -> "_Norm":
        return cls(module.weight.detach().to(dtype), module.bias.detach().to(dtype), module.eps)

    def __call__(self, tokens: Tensor) -> Tensor:
        return F.layer_norm(tokens, self.weight.shape, self.weight, self.bias, self.epsilon)


class _Layer:
    def __init__(self, layer: Foreign, dtype: torch.dtype) -> None:
        own = layer.attention.self
        scale = own.attention_head_size**-0.5
        self.query_key_value = _Linear.of(dtype, own.query, own.key, own.value, scale=scale)
        width = own.all_head_size
        self.query = self.query_key_value.rows(0, width)
        self.key_value = self.query_key_value.rows(width, 3 * width)
        self.attended = _Linear.of(dtype, layer.attention.output.dense)
        self.attention_norm = _Norm.of(dtype, layer.attention.output.LayerNorm)
        self.up = _Linear.of(dtype, layer.intermediate.dense).then(layer.intermediate.intermediate_act_fn)
        self.down = _Linear.of(dtype, layer.output.dense)
        self.norm = _Norm.of(dtype, layer.output.LayerNorm)

    def finish(self, attended: Tensor, tokens: Tensor) -> Tensor:
        """What follows attention, on ``tokens`` and what was attended for each of them."""
        tokens = self.attention_norm(self.attended(attended).add_(tokens))
        return self.norm(self.down(self.up(tokens)).add_(tokens))


def eager(query: Queries, key: Heads, value: Heads) -> Queries:
    """Attention step by step; the scale is in the query.

    The maximum is not subtracted: softmax does so for the sake of large scores, and it costs as much
    as all else here. Where scores are large, or all of a row's are far below 0, softmax it is.
    """
    scores = torch.bmm(query, key.transpose(1, 2))
    if scores.max() < LARGE:
        weights = scores.exp_()
        sums = weights.sum(-1, keepdim=True)
        if sums.min() > SMALL:
            return torch.bmm(weights, value).div_(sums)
        scores = torch.bmm(query, key.transpose(1, 2))
    return torch.bmm(torch.softmax(scores, -1), value)


def sdpa(query: Queries, key: Heads, value: Heads) -> Queries:
    """Attention by PyTorch's fused kernel; the scale is in the query."""
    return F.scaled_dot_product_attention(query, key, value, scale=1.0)


ATTENTIONS = {"eager": eager, "sdpa": sdpa}


class PackedBert:
    """The layers of a BERT or RoBERTa, over tokens without padding.

    Raises:
        AttributeError: the model is built differently.
    """

    def __init__(self, base: Foreign, dtype: torch.dtype = torch.float32) -> None:
        self.embeddings = base.embeddings
        self.heads: int = base.config.num_attention_heads
        self.layers = [_Layer(layer, dtype) for layer in base.encoder.layer]
        self.dtype = dtype
        self.attention = "eager"

    def __call__(
        self, ids: Int[Tensor, "text token"], segments: Int[Tensor, "text token"] | None, mask: Tensor
    ) -> Float[Tensor, "packed dim"]:
        """Last hidden states of all tokens, text after text. Rows are in the order of their lengths."""
        tokens, groups = self._embed(ids, segments, mask)
        for layer in self.layers:
            tokens = self._layer(layer, tokens, groups)
        return tokens.float()

    def first(
        self, ids: Int[Tensor, "text token"], segments: Int[Tensor, "text token"] | None, mask: Tensor
    ) -> Float[Tensor, "text dim"]:
        """Last hidden state of the first token of every text."""
        tokens, groups = self._embed(ids, segments, mask)
        for layer in self.layers[:-1]:
            tokens = self._layer(layer, tokens, groups)
        return self._first(self.layers[-1], tokens, groups).float()

    def _embed(
        self, ids: Tensor, segments: Tensor | None, mask: Tensor
    ) -> tuple[Tensor, list[tuple[int, int]]]:
        embedded = self.embeddings(input_ids=ids, token_type_ids=segments)
        lengths: Sequence[int] = mask.sum(1).tolist()
        groups: list[tuple[int, int]] = []
        for length, run in groupby(lengths):
            texts, most = sum(1 for _ in run), max(1, WEIGHTS // (self.heads * length**2))
            groups += [(min(most, texts - start), length) for start in range(0, texts, most)]
        return embedded[mask.bool()].to(self.dtype), groups

    def _layer(self, layer: _Layer, tokens: Tensor, groups: list[tuple[int, int]]) -> Tensor:
        projected = layer.query_key_value(tokens)
        attended, start = torch.empty_like(tokens), 0
        for texts, length in groups:
            stop = start + texts * length
            query, key, value = self._split(projected[start:stop], texts, length, 3)
            heads = ATTENTIONS[self.attention](query, key, value)
            joined = heads.view(texts, self.heads, length, -1).transpose(1, 2)
            attended[start:stop].view(joined.shape).copy_(joined)
            start = stop
        return layer.finish(attended, tokens)

    def _first(self, layer: _Layer, tokens: Tensor, groups: list[tuple[int, int]]) -> Tensor:
        """The last layer where one row of each text is read: all keys and values, one query."""
        width = tokens.shape[1]
        lengths = torch.tensor([length for texts, length in groups for _ in range(texts)])
        firsts = tokens[lengths.cumsum(0) - lengths]
        queries, projected = layer.query(firsts), layer.key_value(tokens)
        attended, start, row = torch.empty_like(firsts), 0, 0
        for texts, length in groups:
            stop = start + texts * length
            key, value = self._split(projected[start:stop], texts, length, 2)
            query = queries[row : row + texts].view(texts * self.heads, 1, -1)
            attended[row : row + texts] = eager(query, key, value).view(texts, width)
            start, row = stop, row + texts
        return layer.finish(attended, firsts)

    def _split(self, projected: Tensor, texts: int, length: int, parts: int) -> Sequence[Tensor]:
        """[text · token, part · head · dim] → ``parts`` times [text · head, token, dim]."""
        split = projected.view(texts, length, parts, self.heads, -1).permute(2, 0, 3, 1, 4)
        return split.reshape(parts, texts * self.heads, length, -1).unbind()
