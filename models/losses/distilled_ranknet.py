"""Distilled RankNet: every passage is to stay ahead of those that the teacher ranks below it, by a margin.

    h_ij = max(0, s_j - s_i + m_base + (j - i - 1) · m_gap)          for all i < j, counted from 0
    L    = 1/Q · Σ_q  Σ_{i<j} w_i · h_ij / max(1, #{i<j : h_ij > 0}),   w_0 = first_weight,  w_i = 1 / (i + 1)

where s_i is the student's score of the passage that stands at place i of the list: an answer first, then the
other passages as the teacher ranks them. Of the teacher only the order enters, so that its scale does not
matter, and nothing of it is differentiated. The margin grows with the distance in ranks: a passage ten places
further down is to be further away. Both margins are in units of the student's score; ``rank_margins`` finds
them.

Source: Li et al. 2024, https://arxiv.org/abs/2402.10769; the weights of rows and the mean over the pairs that
violate their margin are those of the released code (``--manual_rankNet True``). Differs: a list that violates
no margin has the loss 0, where the mean of nothing is not a number; and the mean is taken list by list, so
that a list does not count more because another one in its step is learned already.
"""

import torch
from jaxtyping import Float
from torch import Tensor


def distilled_ranknet(
    student: Float[Tensor, "query candidate"],
    base_margin: float,
    gap_margin: float,
    first_weight: float = 3.0,
) -> Float[Tensor, ""]:
    """Mean over lists of the weighted hinges of the pairs that violate their margin.

    It does not change when a constant is added to all scores of a list. Times a factor it is what it would be
    if scores and margins were times that factor.

    Args:
        student: its scores, each list in the order of the teacher.
        base_margin: m_base, what neighbours are to be apart.
        gap_margin: m_gap, what each further place adds.
        first_weight: of the pairs with the first passage; those with the next weigh 1/2, then 1/3.

    >>> distilled_ranknet(torch.tensor([[5.0, 4.0, 1.0]]), base_margin=2.0, gap_margin=1.0)
    tensor(3.)
    """
    length = student.shape[1]
    better, worse = torch.triu_indices(length, length, offset=1, device=student.device)
    margins = base_margin + (worse - better - 1).to(student.dtype) * gap_margin
    hinges = (student[:, worse] - student[:, better] + margins).clamp_min(0)
    weights = torch.where(better == 0, first_weight, 1 / (better.to(student.dtype) + 1))
    violated = (hinges > 0).sum(dim=1).clamp_min(1)
    return ((weights * hinges).sum(dim=1) / violated).mean()
