"""A decoder that writes the path of a cluster, whose output weights depend on what it has written (PAWA).

    p(y_i = v | q, y_<i) = softmax over v of  h_i · w_v,       w_v = e_(i,v) + Pᵀ (b_(i,v) ∘ Q a_i)

with h_i from layers that see the prefix and the query's tokens, a_i from layers that see the prefix alone
(the adaptor), and e_(i,v) the embedding of digit v at position i, by which the next layers read it, too: the
same digit means something else at another position and below another cluster. Only the tokens that some
path has at a position share in its softmax. The last token of a position is the path's end.

Source: Wang et al. 2022, NCI, https://arxiv.org/abs/2206.02743, as GDR takes it, https://arxiv.org/abs/2401.10487
Differs: the reference makes w_v by a matrix of dim · dim weights for each token, where P, Q and b have a
``rank``; its adaptor also attends to one learned vector, which for a single vector adds a constant.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import log_softmax, scaled_dot_product_attention

HEAD = 64  # Width of a head of attention, as in BERT and T5.
# Keys and values of the query's tokens in one layer.
Memory = tuple[Float[Tensor, "query head token part"], Float[Tensor, "query head token part"]]


@dataclass(frozen=True)
class DecoderShape:
    """Sizes of a decoder."""

    width: int
    layers: int
    adaptor_layers: int
    rank: int


class _Layer(nn.Module):
    """Attention to the prefix, to the query's tokens if there are any, and two linear layers."""

    def __init__(self, width: int, dropout: float, *, reads: bool) -> None:
        super().__init__()
        self.heads = max(1, width // HEAD)
        self.own = nn.Linear(width, 3 * width)
        self.own_out = nn.Linear(width, width)
        self.inner = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3 if reads else 2))
        self.dropout = nn.Dropout(dropout)
        if reads:
            self.ask = nn.Linear(width, width)
            self.read = nn.Linear(width, 2 * width)
            self.read_out = nn.Linear(width, width)

    def memory(self, tokens: Float[Tensor, "query token dim"]) -> Memory:
        """Keys and values of the query's tokens."""
        keys, values = self.read(tokens).chunk(2, dim=-1)
        return self._parts(keys), self._parts(values)

    def forward(
        self,
        states: Float[Tensor, "row position dim"],
        memory: Memory | None = None,
        is_token: Bool[Tensor, "row token"] | None = None,
    ) -> Float[Tensor, "row position dim"]:
        """Add to each position what it sees of those before it, and of the query."""
        query, keys, values = (self._parts(each) for each in self.own(self.norms[0](states)).chunk(3, dim=-1))
        seen = scaled_dot_product_attention(query, keys, values, is_causal=True)
        states = states + self.dropout(self.own_out(_whole(seen)))
        if memory is not None and is_token is not None:
            asked = self._parts(self.ask(self.norms[2](states)))
            seen = scaled_dot_product_attention(asked, *memory, attn_mask=is_token[:, None, None])
            states = states + self.dropout(self.read_out(_whole(seen)))
        return states + self.dropout(self.inner(self.norms[1](states)))

    def _parts(self, whole: Float[Tensor, "row place dim"]) -> Float[Tensor, "row head place part"]:
        return whole.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class ClusterDecoder(nn.Module):
    """The decoder. ``used`` says which tokens some path has at each position (``PrefixTree.used``)."""

    used: Bool[Tensor, "position vocab"]

    def __init__(self, used: Bool[Tensor, "position vocab"], shape: DecoderShape, dropout: float) -> None:
        super().__init__()
        width = shape.width
        self.shape = shape
        self.register_buffer("used", used)
        self.begin = nn.Parameter(torch.empty(width))
        self.codes = nn.Parameter(torch.empty(*used.shape, width))
        self.adapted = nn.Parameter(torch.zeros(*used.shape, shape.rank))
        self.layers = nn.ModuleList(_Layer(width, dropout, reads=True) for _ in range(shape.layers))
        self.adaptor = nn.ModuleList(_Layer(width, dropout, reads=False) for _ in range(shape.adaptor_layers))
        self.norm, self.adaptor_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.of_state = nn.Linear(width, shape.rank, bias=False)
        self.of_prefix = nn.Linear(width, shape.rank, bias=False)
        for each in (self.begin, self.codes):
            nn.init.normal_(each, std=width**-0.5)

    def read(self, tokens: Float[Tensor, "query token dim"]) -> list[Memory]:
        """What each layer keeps of the queries' tokens; it is made once, however many paths are written."""
        return [cast("_Layer", layer).memory(tokens) for layer in self.layers]

    def forward(
        self,
        memory: Sequence[Memory],
        is_token: Bool[Tensor, "row token"],
        prefixes: Int64[Tensor, "row digit"],
    ) -> Float[Tensor, "row position vocab"]:
        """Log-probabilities of the first token, and of that after each digit of the prefix.

        Args:
            memory: from ``read``, a query for each row.
            is_token: which of the query's tokens are no padding.
            prefixes: digits written so far; what follows an end is not read by what stands before it.
        """
        return self.say(*self.states(memory, is_token, prefixes))

    def states(
        self,
        memory: Sequence[Memory],
        is_token: Bool[Tensor, "row token"],
        prefixes: Int64[Tensor, "row digit"],
    ) -> tuple[Float[Tensor, "row position dim"], Float[Tensor, "row position dim"]]:
        """Give h and a before each token: what is known of query and prefix, and of the prefix alone."""
        rows, digits = prefixes.shape
        places = torch.arange(digits, device=prefixes.device)
        embedded = torch.cat([self.begin.expand(rows, 1, -1), self.codes[places, prefixes]], dim=1)
        states = known = embedded
        for layer, kept in zip(self.layers, memory, strict=True):
            states = layer(states, kept, is_token)
        for layer in self.adaptor:
            known = layer(known)
        return self.norm(states), self.adaptor_norm(known)

    def say(
        self, states: Float[Tensor, "row position dim"], known: Float[Tensor, "row position dim"]
    ) -> Float[Tensor, "row position vocab"]:
        """Log-probabilities of each token from what ``states`` gave."""
        positions = states.shape[1]
        mixed = self.of_state(states) * self.of_prefix(known)
        logits = torch.einsum("rpd,pvd->rpv", states, self.codes[:positions])
        logits = logits + torch.einsum("rpd,pvd->rpv", mixed, self.adapted[:positions])
        return log_softmax(logits.float().masked_fill(~self.used[:positions], -torch.inf), dim=-1)


class ClusterSteps:
    """Writes paths of some queries one token at a time (``models.retrievers.constrained_beam``).

    Paths have few digits: the layers run over them anew at each step, and only what they keep of the query
    is held.
    """

    def __init__(
        self,
        decoder: ClusterDecoder,
        tokens: Float[Tensor, "query token dim"],
        is_token: Bool[Tensor, "query token"],
    ) -> None:
        self._decoder = decoder
        self._memory = decoder.read(tokens)
        self._is_token = is_token
        self._query = torch.arange(len(tokens), device=tokens.device)
        self._prefixes = torch.zeros(len(tokens), 0, dtype=torch.int64, device=tokens.device)

    def first(self) -> Float[Tensor, "query vocab"]:
        """Log-probabilities of the first token, a row per query."""
        return self._last()

    def next(
        self, parents: Int64[Tensor, " row"], tokens: Int64[Tensor, " row"]
    ) -> Float[Tensor, "row vocab"]:
        """Log-probabilities of the token after ``tokens``, each added to a row of the call before."""
        parents, tokens = parents.to(self._query.device), tokens.to(self._query.device)
        self._query = self._query[parents]
        self._prefixes = torch.cat([self._prefixes[parents], tokens[:, None]], dim=1)
        return self._last()

    def _last(self) -> Float[Tensor, "row vocab"]:
        memory = [(keys[self._query], values[self._query]) for keys, values in self._memory]
        return self._decoder(memory, self._is_token[self._query], self._prefixes)[:, -1]


def greedy(steps: ClusterSteps, queries: int, end: int, max_tokens: int) -> list[list[int]]:
    """The likeliest token at each step, without a rule, up to the end of the path or ``max_tokens``."""
    rows = torch.arange(queries)
    tokens = steps.first().argmax(dim=-1).cpu()
    written = [tokens]
    for _ in range(max_tokens - 1):
        tokens = steps.next(rows, tokens).argmax(dim=-1).cpu()
        written.append(tokens)
    paths: list[list[int]] = torch.stack(written, dim=1).tolist()
    return [path[: path.index(end) + 1] if end in path else path for path in paths]


def _whole(parts: Float[Tensor, "row head place part"]) -> Float[Tensor, "row place dim"]:
    return parts.transpose(1, 2).flatten(2)
