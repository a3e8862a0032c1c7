"""Filtered InfoNCE: the positive against the negatives, without those that the ranker puts above it.

    L = -1/Q · Σ_q log( e^{s_q⁺} / (e^{s_q⁺} + Σ_{n kept} e^{s_qn}) )        n is left out if r_qn > r_q⁺

where s are the student's scores, r the ranker's, and column 0 is the positive. The threshold r_q⁺ is the
ranker's own score of the labelled answer: a passage above it is more likely an answer that nobody labelled
than a negative. A filter is only as good as its ranker; where it leaves out much, the student is left with
easy negatives, so its rate is to be watched. Source: https://arxiv.org/abs/2312.16821
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor


def false_negatives(ranker: Float[Tensor, "query candidate"]) -> Bool[Tensor, "query candidate"]:
    """Candidates above the positive, which is column 0; never the positive itself.

    Only the order of a query's scores matters, so that any rising transform of them gives the same.

    >>> false_negatives(torch.tensor([[2.0, 3.0, 2.0, 1.0]]))
    tensor([[False,  True, False, False]])
    """
    return ranker > ranker[:, :1]


def filtered_infonce(
    scores: Float[Tensor, "query candidate"], left_out: Bool[Tensor, "query candidate"]
) -> Float[Tensor, ""]:
    """Mean over queries of the negative log share of the positive.

    A query whose negatives are all left out adds 0 and moves nothing. A candidate without a score of the
    ranker passes every filter: negatives of other queries are to be scored or kept out.

    Args:
        scores: of the student, times its scale; column 0 is the positive.
        left_out: what does not count as a negative; column 0 is False.

    >>> filtered_infonce(torch.tensor([[1.0, 1.0, 9.0]]), torch.tensor([[False, False, True]]))
    tensor(0.6931)
    """
    positive = torch.zeros(len(scores), dtype=torch.long, device=scores.device)
    return F.cross_entropy(scores.masked_fill(left_out, -torch.inf), positive)
