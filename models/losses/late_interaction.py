"""Losses of late interaction over lists: the library's, and ours for the gaps of all pairs, in float32.

    s(q, p) = Σ_{i ∈ q} max_{j ∈ p} e_i · e_j

The library's MultiVectorMarginMSELoss knows the gaps to the positive only.
"""

from collections.abc import Iterable
from typing import Any, Literal

import torch
from jaxtyping import Float
from sentence_transformers.base.losses.merged_forward import embed_columns_padded
from sentence_transformers.multi_vector_encoder import losses
from sentence_transformers.multi_vector_encoder.scoring import colbert_kd_scores, colbert_scores
from sentence_transformers.util.tensor import stack_padded_token_embeddings
from torch import Tensor, nn

from models.losses.pairwise_margin import pairwise_margin
from models.repeats import Features


def list_scores(queries: Tensor, passages: Tensor, **masks: Any) -> Float[Tensor, "query candidate"]:  # noqa: ANN401
    """Score each query's own passages, in float32: in sixteen bits, passages of one list would tie."""
    with torch.autocast(queries.device.type, enabled=False):
        return colbert_kd_scores(queries, passages, **masks)


def batch_scores(queries: Tensor, passages: Tensor, **masks: Any) -> Float[Tensor, "query passage"]:  # noqa: ANN401
    """Score each query with all passages of the step, in float32."""
    with torch.autocast(queries.device.type, enabled=False):
        return colbert_scores(queries, passages, **masks)


class PairwiseMarginLoss(nn.Module):
    """Matches the gaps of all pairs of a list; it reads query, document_1 … document_n, and n scores."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, sentence_features: Iterable[Features], labels: Tensor) -> Tensor:
        """Encode the lists, score them and compare with the teacher's scores, [query, n]."""
        query, *documents = map(dict, sentence_features)
        output = self.model(query, task="query")
        columns = embed_columns_padded(self.model, documents, task_default="document")
        passages, is_scored = stack_padded_token_embeddings(*columns)
        scores = list_scores(
            output["token_embeddings"],
            passages,
            queries_mask=output["attention_mask"].bool(),
            documents_mask=is_scored,
        )
        return pairwise_margin(scores, labels.to(scores.dtype))


def score_loss(
    name: Literal["pairwise", "kl", "infonce"],
    model: Any,  # noqa: ANN401  (a MultiVectorEncoder, or what stands for one)
    *,
    student_temperature: float,
    teacher_temperature: float,
) -> nn.Module:
    """Make a loss of the scores of lists; ``pairwise`` has no temperature, ``infonce`` none for a teacher."""
    match name:
        case "pairwise":
            return PairwiseMarginLoss(model)
        case "kl":
            return losses.MultiVectorDistillKLDivLoss(
                model,
                similarity_fct=list_scores,
                student_temperature=student_temperature,
                teacher_temperature=teacher_temperature,
            )
        case "infonce":
            return losses.MultiVectorMultipleNegativesRankingLoss(
                model, similarity_fct=batch_scores, scale=1 / student_temperature
            )
