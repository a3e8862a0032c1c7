"""Pairwise margins: the gap between any two passages of a query is to be the teacher's gap.

    L = 1/Q · Σ_q  2 / (n (n - 1)) · Σ_{i<j} [ (s_qi - s_qj) - (t_qi - t_qj) ]²

where s are the student's scores of the n passages of a query, t the teacher's. Margin-MSE is the part of this
sum whose i is the positive. With d = s - t a summand is (d_i - d_j)², and the mean of that over all pairs is
twice the variance of d, with n - 1 below: to match all gaps is to match all scores but for a constant of the
query. So it is computed, in n steps instead of n².
Source: Hofstätter et al. 2020, https://arxiv.org/abs/2010.02666; over all pairs in sebastian-hofstaetter/
matchmaker (MarginMSE_InterPassageLoss), where it is a mean over n² pairs, of which n are of a passage with
itself. Differs: those are left out, so that lists of any length weigh the same.
"""

from jaxtyping import Float
from torch import Tensor


def pairwise_margin(
    student: Float[Tensor, "query candidate"], teacher: Float[Tensor, "query candidate"]
) -> Float[Tensor, ""]:
    """Mean squared difference between the student's and the teacher's gaps, over all pairs of a list.

    It is 0 where the student scores as the teacher, and does not change when a constant is added to all
    scores of a list. A list has two passages or more.

    >>> import torch
    >>> pairwise_margin(torch.tensor([[3.0, 1.0]]), torch.tensor([[9.0, 6.0]]))
    tensor(1.)
    """
    return 2 * (student - teacher.detach()).var(dim=1, correction=1).mean()
