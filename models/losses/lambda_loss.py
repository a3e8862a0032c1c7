"""LambdaLoss: pairs are put in the teacher's order, those first whose exchange would change nDCG most.

    L     = -1/Q · Σ_q mean over pairs with t_i > t_j of  w_ij · log₂ σ(s_i - s_j)
    w_ij  = |G_i - G_j| · ( μ · |1/D(|r_i - r_j|) - 1/D(|r_i - r_j| + 1)| + |1/D(r_i) - 1/D(r_j)| )
    G_i   = (2^t_i - 1) / Σ_k (2^t_k - 1) / D(k, the teacher's rank),       D(r) = log₂(1 + r)

where s are the student's scores of a list, r their ranks from 1, and t the teacher's scores as gains, 0 or
more. Weights are numbers, not differentiated. The first term of a weight bounds nDCG, the second is
LambdaRank's; both together are the scheme NDCGLoss2++. The student's scores are to be on a scale where a gap
of 1 means something (``normalised``).

Source: Wang et al. 2018, https://marc.najork.org/papers/cikm2018.pdf; allegro/allRank (lambdaLoss) and
sentence-transformers (LambdaLoss, its defaults) have it. Differs: the mean is taken list by list.
"""

import math

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import logsigmoid

BOUND_WEIGHT = 10.0
SMALLEST_GAIN = 1e-10


def lambda_loss(
    student: Float[Tensor, "query candidate"],
    gains: Float[Tensor, "query candidate"],
    bound_weight: float = BOUND_WEIGHT,
) -> Float[Tensor, ""]:
    """Mean weighted logistic loss of the pairs on which the teacher decides, in bits.

    It does not change when a constant is added to all of the student's scores of a list. A list whose gains
    are all equal has the loss 0. The gradient reaches the student alone.

    Args:
        student: its scores.
        gains: t, of the same passages: the teacher's scores, brought to [0, 1] list by list.
        bound_weight: μ

    >>> lambda_loss(torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0, 0.0]]))
    tensor(4.0598)
    """
    scores, order = student.sort(dim=1, descending=True, stable=True)
    told = gains.detach().gather(1, order)
    weights = _weights(told, bound_weight)
    decided = told[:, :, None] > told[:, None, :]
    bits = logsigmoid(scores[:, :, None] - scores[:, None, :]) / math.log(2)
    pairs = decided.sum(dim=(1, 2)).clamp_min(1)
    return -(torch.where(decided, weights * bits, 0.0).sum(dim=(1, 2)) / pairs).mean()


def _weights(
    told: Float[Tensor, "query candidate"], bound_weight: float
) -> Float[Tensor, "query candidate candidate"]:
    """What an exchange of two places does to nDCG, for gains in the student's order."""
    ranks = torch.arange(1, told.shape[1] + 1, device=told.device)
    share = 1 / torch.log2(1 + ranks)
    best = told.sort(dim=1, descending=True).values
    ideal = (torch.expm1(best * math.log(2)) * share).sum(dim=1, keepdim=True).clamp_min(SMALLEST_GAIN)
    gain = torch.expm1(told * math.log(2)) / ideal
    distance = (ranks[:, None] - ranks).abs()
    # A passage has no distance from itself, and is in no pair: any number serves.
    near = distance.clamp_min(1)
    bound = 1 / torch.log2(1 + near) - 1 / torch.log2(2 + near)
    change = (share[:, None] - share).abs()
    return (gain[:, :, None] - gain[:, None, :]).abs() * (bound_weight * bound + change)
