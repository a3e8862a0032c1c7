"""The losses of a SPLADE: one of four of its scores, and FLOPS beside it.

    L = L_scores + λ_t · FLOPS(passages) + μ_t · FLOPS(queries)

Texts that stand in many lists of a step are encoded once, and no token's logits are kept. ``margin_mse``,
``kl`` and ``infonce`` are the library's, on inner products; ``score_mse`` it lacks.
"""

from typing import Any, Literal

from sentence_transformers import util
from sentence_transformers.sparse_encoder import losses
from torch import Tensor, nn

from models.encoders.term_weights import TermWeights
from models.losses.score_regression import ScoreRegression
from models.losses.term_budget import BudgetedSplade
from models.repeats import EncodeOnce


def splade_loss(  # noqa: PLR0913  (each is a number of the equation)
    model: Any,  # noqa: ANN401  (SparseEncoder)
    scores: Literal["score_mse", "margin_mse", "kl", "infonce"],
    *,
    score_scale: float,
    calibrate: bool,
    query_flops_weight: float,
    passage_flops_weight: float,
) -> BudgetedSplade:
    """Make the loss that a trainer calls.

    Args:
        model: is trained.
        scores: name of L_scores.
        score_scale: times the scores in ``kl`` and ``infonce``.
        calibrate: whether ``score_mse`` fits unit and zero of the scores.
        query_flops_weight: μ
        passage_flops_weight: λ
    """
    encoder: Any = EncodeOnce(TermWeights(model))

    def scaled(queries: Tensor, passages: Tensor) -> Tensor:
        return score_scale * util.pairwise_dot_score(queries, passages)

    chosen: nn.Module
    match scores:
        case "score_mse":
            chosen = ScoreRegression(calibrate=calibrate)
        case "margin_mse":
            chosen = losses.SparseMarginMSELoss(encoder)
        case "kl":
            chosen = losses.SparseDistillKLDivLoss(encoder, similarity_fct=scaled)
        case "infonce":
            chosen = losses.SparseMultipleNegativesRankingLoss(
                encoder, scale=score_scale, similarity_fct=util.dot_score
            )
    return BudgetedSplade(
        encoder, chosen, query_weight=query_flops_weight, passage_weight=passage_flops_weight
    )
