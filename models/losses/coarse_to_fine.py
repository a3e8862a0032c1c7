"""GDR: the query's tokens write the path of the answer's cluster, and its vector finds the answer in there.

    L = w · mean over the tokens of -log p(path of p⁺ | q)  +  L_match(q, p⁺, negatives)  +  r · L_rdrop

with L_match of ``models.losses.cluster_contrastive`` and L_rdrop of ``models.losses.dropout_contrast``; one
encoder of queries serves all. Where r is not 0, each query is read twice, under two draws of dropout, and its
path is learned from both. Vectors of passages are looked up while their encoder is frozen, and made where it
learns. Source: https://arxiv.org/abs/2401.10487.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn
from torch.nn.functional import nll_loss, normalize

from models.clustering.prefix_tree import IGNORED
from models.encoders.cluster_decoder import ClusterDecoder
from models.losses.cluster_contrastive import cluster_contrastive
from models.losses.dropout_contrast import dropout_contrast
from models.repeats import EncodeOnce


@dataclass(frozen=True)
class Truth:
    """What is known of the passages and of what is asked, by their numbers.

    ``known`` are the pairs that are no negatives, ask · passages + passage, ascending.
    """

    vectors: Float[Tensor, "passage dim"]
    paths: Int64[Tensor, "passage token"]
    known: Int64[Tensor, " pair"]

    def excludes(
        self, asks: Int64[Tensor, " query"], passages: Int64[Tensor, " passage"]
    ) -> Bool[Tensor, "query passage"]:
        """Whether a passage answers what is asked, or may do so."""
        pairs = asks[:, None] * len(self.vectors) + passages
        places = torch.searchsorted(self.known, pairs).clamp(max=max(0, len(self.known) - 1))
        return self.known[places] == pairs

    def to(self, device: torch.device) -> "Truth":
        """The same, elsewhere."""
        return Truth(self.vectors.to(device), self.paths.to(device), self.known.to(device))


@dataclass(frozen=True)
class Weights:
    """Of the path and of the answer's own cluster (β); the temperature (τ); how fast the decoder learns.

    Asks from number ``matched`` on learn the path alone. ``rdrop`` is r, with a temperature of its own.
    """

    path: float
    intra: float
    temperature: float
    matched: int
    decoder_learning_rate: float
    rdrop: float = 0.0
    rdrop_temperature: float = 1.0


class CoarseToFineLoss(nn.Module):
    """The terms of a step, by name; without a decoder the match alone."""

    def __init__(
        self, model: nn.Module, decoder: ClusterDecoder | None, truth: Truth, weights: Weights
    ) -> None:
        super().__init__()
        self.model = model
        self.cluster_decoder = decoder
        self.passages = EncodeOnce(model)
        self.truth = truth
        self.weights = weights

    def forward(
        self, features: Iterable[dict[str, Any]], labels: Int64[Tensor, "query number"]
    ) -> dict[str, Tensor]:
        """Give the weighted terms.

        Args:
            features: tokens of the queries and, where passages are encoded, of each place of the lists.
            labels: number of the ask, of its answer, and of the negatives, which may repeat the answer.
        """
        query, *places = features
        read = self.model(query)
        self.truth = self.truth.to(labels.device)
        found: dict[str, Tensor] = {}
        if self.cluster_decoder is not None:
            found |= self._path(query, read["token_embeddings"], self.truth.paths[labels[:, 1]])
        rows, vectors = self._vectors(places, labels[:, 1:])
        found["match_loss"] = self._match(read["sentence_embedding"].float(), labels, rows, vectors)
        return found

    def _path(
        self,
        query: dict[str, Any],
        tokens: Float[Tensor, "query token dim"],
        paths: Int64[Tensor, "query position"],
    ) -> dict[str, Tensor]:
        decoder, weights = self.cluster_decoder, self.weights
        assert decoder is not None  # noqa: S101  (who asks has looked)
        is_token = query["attention_mask"].bool()
        passes = [tokens, self.model(query)["token_embeddings"]] if weights.rdrop else [tokens]
        states: list[Tensor] = []
        losses: list[Tensor] = []
        for each in passes:
            of_query, of_prefix = decoder.states(decoder.read(each), is_token, paths[:, :-1].clamp(min=0))
            said = decoder.say(of_query, of_prefix)
            states.append(of_query)
            losses.append(nll_loss(said.flatten(0, 1), paths.flatten(), ignore_index=IGNORED))
        found = {"path_loss": weights.path * torch.stack(losses).mean()}
        if weights.rdrop:
            first, second = states
            apart = dropout_contrast(first, second, paths, weights.rdrop_temperature)
            found["rdrop_loss"] = weights.rdrop * apart
        return found

    def _vectors(
        self, places: list[dict[str, Any]], rows: Int64[Tensor, "query place"]
    ) -> tuple[Int64[Tensor, " passage"], Float[Tensor, "passage dim"]]:
        """The distinct passages of the step, and their vectors of unit length."""
        distinct, copy_of = rows.unique(return_inverse=True)
        if not places:
            return distinct, normalize(self.truth.vectors[distinct], dim=-1)
        encoded = torch.stack([self.passages(each)["sentence_embedding"] for each in places], dim=1)
        first = torch.full_like(distinct, rows.numel())
        order = torch.arange(rows.numel(), device=rows.device)
        first = first.scatter_reduce(0, copy_of.flatten(), order, "amin")
        return distinct, normalize(encoded.flatten(0, 1)[first].float(), dim=-1)

    def _match(
        self,
        queries: Float[Tensor, "query dim"],
        labels: Int64[Tensor, "query number"],
        rows: Int64[Tensor, " passage"],
        vectors: Float[Tensor, "passage dim"],
    ) -> Float[Tensor, ""]:
        is_matched = labels[:, 0] < self.weights.matched
        if not is_matched.any():
            return queries.sum() * 0.0
        asks = labels[is_matched]
        places = torch.searchsorted(rows, asks[:, 1:].contiguous())
        own = torch.zeros(len(asks), len(rows), dtype=torch.bool, device=labels.device)
        return cluster_contrastive(
            normalize(queries[is_matched], dim=-1) @ vectors.T / self.weights.temperature,
            places[:, 0],
            own.scatter(1, places, value=True),
            self.truth.excludes(asks[:, 0], rows),
            intra_weight=self.weights.intra,
        )
