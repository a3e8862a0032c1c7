"""Cluster-adaptive negatives: passages of the answer's own cluster count more than those of others.

    L = mean over q of  -z(q, p⁺) + log( β · Σ_{p ∈ own(q)} e^{z(q, p)} + Σ_{p ∉ own(q)} e^{z(q, p)} )

where own(q) are the answer and the negatives drawn for q, and the second sum runs over the other passages of
the step: other queries' answers and their negatives. Each passage counts once, and one that is excluded for
a query, because it answers it as well, counts not at all. z are cosines over a temperature: they cannot
saturate, and the temperature gives them their reach.

Source: https://arxiv.org/abs/2401.10487 (GDR). Differs: the reference takes tanh of inner products, which
loses the gradient of vectors that are not short.
"""

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor


def cluster_contrastive(
    logits: Float[Tensor, "query passage"],
    answer: Int64[Tensor, " query"],
    own: Bool[Tensor, "query passage"],
    excluded: Bool[Tensor, "query passage"],
    *,
    intra_weight: float,
) -> Float[Tensor, ""]:
    """Mean over the queries, at least one; the answer is never excluded.

    Args:
        logits: z of each query and each passage of the step.
        answer: the query's own, by its place among the passages.
        own: the query's answer and negatives.
        excluded: what is no negative of the query.
        intra_weight: β.

    >>> one = torch.tensor([[0.0, 0.0, 0.0]]), torch.tensor([0]), torch.tensor([[True, True, False]])
    >>> cluster_contrastive(*one, torch.zeros(1, 3, dtype=bool), intra_weight=2.0).exp()
    tensor(5.)
    """
    weights = torch.where(own, torch.log(logits.new_tensor(intra_weight)), logits.new_zeros(()))
    is_answer = torch.zeros_like(excluded).scatter(1, answer[:, None], value=True)
    weighted = (logits + weights).masked_fill(excluded & ~is_answer, -torch.inf)
    return (weighted.logsumexp(dim=1) - logits.gather(1, answer[:, None])[:, 0]).mean()
