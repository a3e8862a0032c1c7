"""Distil a ranking into a model that writes: put the passages in order, and do not forget how to write.

    L = 1/Q · Σ_q [ ½ · R(s, first list) + ½ · R(s, second list) ]  +  λ · L_gen

where the lists of a query differ in the answer that heads them, and R is

    distilled_ranknet   with margins m_base, m_gap          divided by m_base
    ltrgr               with the margin m_base for the first list, m_base + m_gap for the second
                                                            divided by m_base; no teacher
    list_net, kl, list_mle    of the student's and the teacher's normalised lists
    lambda_loss         of the student's normalised list, with the teacher's in [0, 1] as gains

L_gen is the cross-entropy of identifiers of the answer. Divided by m_base the hinges are of the order of 1
whatever the scale of scores, so that λ keeps its meaning where the margins are not DGR's: its λ = 500 at a
margin of 300 is λ = 5/3 here, and its learning rate sees the same ratio of both.
Source: Li et al. 2024, https://arxiv.org/abs/2402.10769.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from models.losses.distilled_ranknet import distilled_ranknet
from models.losses.lambda_loss import lambda_loss
from models.losses.list_mle import list_mle
from models.losses.list_net import list_net
from models.losses.ltrgr import ltrgr
from models.losses.normalised import Normalisation, normalised
from models.losses.sentence_kl import sentence_kl
from models.rank_lists import RankList
from models.rank_scores import Scoring, list_scores

if TYPE_CHECKING:
    from models.identifier_rows import Row

RankLoss = Literal["distilled_ranknet", "ltrgr", "list_net", "kl", "list_mle", "lambda_loss"]
Scores = Float[Tensor, "1 candidate"]


@dataclass(frozen=True)
class RankTerms:
    """How lists are compared, in which units, and how much writing counts."""

    loss: RankLoss
    base_margin: float
    gap_margin: float
    first_weight: float
    normalisation: Normalisation
    temperature: float
    generation_weight: float
    recompute: bool

    def of_list(self, student: Scores, teacher: Scores | None, margin: float) -> Float[Tensor, ""]:
        """R of one list, its answer first; ``margin`` is that of LTRGR for it."""
        if self.loss == "distilled_ranknet":
            found = distilled_ranknet(student, self.base_margin, self.gap_margin, self.first_weight)
            return found / self.base_margin
        if self.loss == "ltrgr":
            return ltrgr(student, margin) / self.base_margin
        assert teacher is not None  # noqa: S101  (all others need one, and say so)
        own = normalised(student, self.normalisation) / self.temperature
        if self.loss == "lambda_loss":
            return lambda_loss(own, normalised(teacher, "min_max"))
        told = normalised(teacher, self.normalisation) / self.temperature
        if self.loss == "kl":
            return sentence_kl(own, told, torch.zeros_like(own, dtype=torch.bool))
        return (list_net if self.loss == "list_net" else list_mle)(own, told)

    def of_query(self, one: RankList, scores: Float[Tensor, " candidate"]) -> Float[Tensor, ""]:
        """The mean of R over a query's two lists."""
        told = None if one.teacher is None else torch.tensor(one.teacher, device=scores.device)
        halves = [
            self.of_list(
                scores[list(places)][None],
                None if told is None else told[list(places)][None],
                margin,
            )
            for margin, places in (
                (self.base_margin, one.first),
                (self.base_margin + self.gap_margin, one.second),
            )
        ]
        return torch.stack(halves).mean()


@dataclass(frozen=True)
class Taught:
    """What a query is taught with: its list, and identifiers of its answer to write."""

    ranked: RankList
    written: tuple["Row", ...]


class RankDistillation(nn.Module):
    """The loss of a step, and what it was made of since the last report.

    Args:
        scoring: what writes, and how it scores.
        terms: how it is taught.
    """

    def __init__(self, scoring: Scoring, terms: RankTerms) -> None:
        super().__init__()
        self._scoring = scoring
        self._terms = terms
        self._seen: list[tuple[float, float]] = []

    def forward(self, rows: Sequence[Taught]) -> Float[Tensor, ""]:
        """Give the loss of some queries."""
        lists, written = [row.ranked for row in rows], [one for row in rows for one in row.written]
        scores = list_scores(self._scoring, lists, recompute=self._terms.recompute)
        each = [self._terms.of_query(*both) for both in zip(lists, scores, strict=True)]
        rank = torch.stack(each).mean()
        generation = rank.new_zeros(())
        if written and self._terms.generation_weight:
            texts, targets = [row.text for row in written], [row.target for row in written]
            generation = self._terms.generation_weight * self._scoring.model.loss(texts, targets)
        self._seen.append((float(rank.detach()), float(generation.detach())))
        return rank + generation

    def measures(self) -> dict[str, float]:
        """Means since the last report of both terms, and the share of the loss that is distillation."""
        seen, self._seen = self._seen, []
        steps = zip((0.0, 0.0), *seen, strict=True)
        rank, generation = (sum(each) / max(len(seen), 1) for each in steps)
        whole = rank + generation
        return {
            "rank_loss": rank,
            "generation_loss": generation,
            "distillation_share": rank / whole if whole else 0.0,
        }
