"""SPLADE's loss with a budget of terms: the weight of the passages' FLOPS follows the number of terms.

    L = L_scores + λ_t · FLOPS(passages) + μ_t · FLOPS(queries),    λ_t = λ · min(1, t / T)²
    λ ← λ · clip( (n / budget)^i · (n / n')^p, ½, 2 )       after each step, once the ramp is over

where n is the mean number of terms above 0 of the step's passages and n' that of the step before. A model
that is pressed from the first step forgets all its terms; hence the ramp. The law is control of log λ by the
error and its trend: it rests only where n = budget, whatever the size of L_scores, so that no λ has to be
found for each loss. Without the trend it does harm: terms follow λ some steps late, λ rises until they fall
freely, and words that are gone do not come back in a short run.
Source of the loss: Formal et al. 2021, https://arxiv.org/abs/2109.10086, by the library's ``SpladeLoss``; of
the ramp, its callback. Neither knows a budget.
"""

from collections.abc import Mapping
from typing import Any

import torch
from sentence_transformers.sparse_encoder.callbacks import (
    SchedulerType,
    SpladeRegularizerWeightSchedulerCallback,
)
from sentence_transformers.sparse_encoder.losses import SpladeLoss
from torch import Tensor, nn

from models.losses.flops import CountedFlops

# i and p of the law: a model of terms that follow λ four steps late lands without falling far below.
ERROR_GAIN = 0.2
TREND_GAIN = 2.0
LARGEST_STEP = 2.0


def next_weight(weight: float, terms: float, before: float, budget: int) -> float:
    """Give the weight of the next step; with no term above 0 it halves.

    Args:
        weight: λ of this step.
        terms: n
        before: n', or 0 if there was no step before.
        budget: terms that are wanted.

    >>> next_weight(0.5, terms=3200.0, before=3200.0, budget=100)
    1.0
    """
    trend = (terms / before) ** TREND_GAIN if before else 1.0
    factor = (terms / budget) ** ERROR_GAIN * trend
    return weight * min(max(factor, 1 / LARGEST_STEP), LARGEST_STEP)


def ramp(step: int, steps: int) -> float:
    """Share of its weight that the FLOPS has: quadratic up to the step ``steps``, then all.

    >>> [ramp(step, 10) for step in (0, 5, 10, 11)]
    [0.0, 0.25, 1.0, 1.0]
    """
    return min(1.0, step / steps) ** 2 if steps else 1.0


class BudgetedSplade(SpladeLoss):
    """The library's ``SpladeLoss``, that tells of terms and FLOPS; ``BudgetRamp`` moves its weights."""

    def __init__(
        self, model: nn.Module, loss: nn.Module, *, query_weight: float, passage_weight: float
    ) -> None:
        super().__init__(
            model,  # pyright: ignore[reportArgumentType]  (it calls it, and no more)
            loss,
            document_regularizer_weight=passage_weight,
            query_regularizer_weight=query_weight,
            document_regularizer=CountedFlops(model),
            query_regularizer=CountedFlops(model),
        )

    @property
    def passages(self) -> CountedFlops:
        """What the last step's passages cost."""
        return self.document_regularizer  # pyright: ignore[reportReturnType]

    @property
    def queries(self) -> CountedFlops:
        """What the last step's queries cost."""
        return self.query_regularizer  # pyright: ignore[reportReturnType]

    def measures(self) -> dict[str, float]:
        """Terms, FLOPS and their weight, of the last step."""
        return {
            "passage_terms": self.passages.terms,
            "query_terms": self.queries.terms,
            "passage_flops": self.passages.flops,
            "query_flops": self.queries.flops,
            "passage_flops_weight": float(self.document_regularizer_weight),
        }


class BudgetRamp(SpladeRegularizerWeightSchedulerCallback):
    """The quadratic ramp of both weights; then, for that of the passages, the law above.

    The library's counts the steps of one trainer, and a training may have several. It is replaced rather than
    extended, and inherited from because the trainer adds one of its own unless it is given this kind.
    """

    def __init__(self, loss: BudgetedSplade, ramp_steps: int, budget: int | None) -> None:
        super().__init__(loss, SchedulerType.QUADRATIC)
        self._splade = loss
        self._weights = loss.document_regularizer_weight, loss.query_regularizer_weight or 0.0
        self._ramp_steps, self._budget = ramp_steps, budget
        self._done, self._terms = 0, 0.0

    def memory(self) -> dict[str, Tensor]:
        """Steps, terms and weights so far (``models.resuming``)."""
        return {"so_far": torch.tensor([self._done, self._terms, *self._weights], dtype=torch.float64)}

    def recall(self, memory: Mapping[str, Tensor]) -> None:
        """Go on from there."""
        done, self._terms, *weights = memory["so_far"].tolist()
        self._done, self._weights = int(done), (weights[0], weights[1])

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ANN401
        """Go on where the trainer before it stopped."""

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ANN401, ARG002
        """Set the weights of the step."""
        share = ramp(self._done, self._ramp_steps)
        passages, queries = self._weights
        self._splade.document_regularizer_weight = share * passages
        self._splade.query_regularizer_weight = share * queries

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ANN401, ARG002
        """Follow the terms of the step that ended."""
        self._done += 1
        before, self._terms = self._terms, self._splade.passages.terms
        if self._budget is not None and self._done > self._ramp_steps:
            passages, queries = self._weights
            self._weights = next_weight(passages, self._terms, before, self._budget), queries

    def on_log(
        self,
        args: Any,  # noqa: ANN401
        state: Any,  # noqa: ANN401
        control: Any,  # noqa: ANN401
        model: Any = None,  # noqa: ANN401
        logs: Any = None,  # noqa: ANN401
        **_: Any,  # noqa: ANN401
    ) -> None:
        """Say nothing: the loss tells its weights in ``measures``."""
