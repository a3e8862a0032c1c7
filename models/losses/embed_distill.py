"""EmbedDistill: labels, the teacher's scores and the teacher's vectors, each with a weight.

    L = w_label · CE(s, first) + w_score · D(s, t)
      + w_match · ( mean || E_q(q) - e_t(q) ||₂ + mean || E_p(p) - e_t(p) ||₂ )

where s are the student's scaled scores of a list whose first passage is the answer, t the teacher's after its
targets, D is ``kl`` or ``margin_mse``, and e_t are the teacher's vectors. In an asymmetric student E_p is the
teacher's, frozen: vectors of passages are looked up, no passage is encoded, and the last term is 0.
Source: Kim et al. 2023, https://arxiv.org/abs/2301.12005, whose weights are not known.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float, Int
from sentence_transformers import util
from sentence_transformers.base.losses.merged_forward import embed_columns
from sentence_transformers.sentence_transformer import losses
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from models.losses.embedding_match import embedding_match

ScoreLoss = Literal["kl", "margin_mse"]


@dataclass(frozen=True)
class VectorTable:
    """Vectors, each held once, and which of them each list names (``rows``)."""

    table: Float[Tensor, "row dim"]
    rows: Int[Tensor, "list ..."]

    def of(self, lists: Int[Tensor, " list"]) -> Float[Tensor, "list ... dim"]:
        """Those of some lists."""
        return self.table[self.rows[lists.to(self.rows.device)]].to(lists.device)


@dataclass(frozen=True)
class Goals:
    """What the lists are taught, by the list's number; None where a term is not asked for.

    ``scores`` are the teacher's; ``queries`` has one vector a list. ``passages`` has those of a list's first
    passages, as many as are to be matched; where they are ``frozen``, they are the student's own.
    """

    scores: Float[Tensor, "list candidate"] | None = None
    queries: VectorTable | None = None
    passages: VectorTable | None = None
    frozen: bool = False

    @property
    def width(self) -> int | None:
        """Length of the teacher's vectors; None where there are none."""
        return self.queries.table.shape[1] if self.queries else None


@dataclass(frozen=True)
class Terms:
    """Weights of labels, scores and vectors; how scores are compared, and what multiplies the student's."""

    label: float
    score: float
    match: float
    score_loss: ScoreLoss
    scale: float


class EmbedDistillLoss(nn.Module):
    """The terms of a step, by name: the trainer sums them, and the curve keeps each."""

    def __init__(self, model: nn.Module, goals: Goals, terms: Terms) -> None:
        super().__init__()
        self.model = model
        self.goals = goals
        self.terms = terms
        kind = losses.DistillKLDivLoss if terms.score_loss == "kl" else losses.MarginMSELoss
        # Only what it makes of vectors is used; the model is run here.
        self.distil: Any = kind(nn.Identity(), similarity_fct=self._score)  # pyright: ignore[reportArgumentType]

    def forward(self, features: Iterable[dict[str, Any]], labels: Int[Tensor, " list"]) -> dict[str, Tensor]:
        """Give the weighted terms.

        Args:
            features: tokens of the queries and, unless passages are frozen, of each place of the lists.
            labels: numbers of the lists.
        """
        queries, *encoded = (vectors.float() for vectors in embed_columns(self.model, features))
        goals, terms = self.goals, self.terms
        targets = goals.passages.of(labels) if goals.passages else None
        passages = targets if goals.frozen else torch.stack(encoded, dim=1)
        assert passages is not None  # noqa: S101  (a list has passages)
        found: dict[str, Tensor] = {}
        if terms.label:
            found["label_loss"] = terms.label * self._label(queries, passages)
        if terms.score and goals.scores is not None:
            scores = goals.scores[labels.to(goals.scores.device)].to(labels.device)
            vectors = [queries, *passages.unbind(1)]
            found["score_loss"] = terms.score * self.distil.compute_loss_from_embeddings(vectors, scores)
        if terms.match and goals.queries:
            found["query_distance"] = terms.match * embedding_match(queries, goals.queries.of(labels))
        if terms.match and targets is not None and not goals.frozen:
            first = passages[:, : targets.shape[1]]
            found["passage_distance"] = terms.match * embedding_match(first, targets)
        return found

    def _label(
        self, queries: Float[Tensor, "list dim"], passages: Float[Tensor, "list candidate dim"]
    ) -> Float[Tensor, ""]:
        scores = self.terms.scale * (queries[:, None] * passages).sum(-1)
        return cross_entropy(scores, torch.zeros(len(scores), dtype=torch.int64, device=scores.device))

    def _score(self, queries: Tensor, passages: Tensor) -> Tensor:
        return self.terms.scale * util.pairwise_dot_score(queries, passages)
