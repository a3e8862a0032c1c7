"""LTRGR: the answer is to stay ahead of every other passage by a margin, whatever their order.

    L = 1/Q · Σ_q  1/(n - 1) · Σ_{j>0} max(0, s_j - s_0 + m)

where s_0 is the student's score of the answer, s_j those of the list's other passages, and m the margin, in
units of the student's score. There is no teacher: it is what distilled RankNet is to be compared with, on the
same lists.

Source: Li et al. 2023, https://arxiv.org/abs/2306.15222, whose loss is the mean of two such terms of one
negative each: the best of the retrieved with the best answer, and one by lot with an answer by lot, whose
margin is a third larger. Differs: all negatives of the list take part, so that the control sees what the
student sees.
"""

from jaxtyping import Float
from torch import Tensor


def ltrgr(student: Float[Tensor, "query candidate"], margin: float) -> Float[Tensor, ""]:
    """Mean hinge over lists and their passages but the first; 0 for lists that have no other.

    It does not change when a constant is added to all scores of a list, nor when its negatives swap places.

    Args:
        student: its scores; column 0 is the answer.
        margin: m, above 0.

    >>> import torch
    >>> ltrgr(torch.tensor([[5.0, 4.0, 1.0]]), margin=2.0)
    tensor(0.5000)
    """
    hinges = (student[:, 1:] - student[:, :1] + margin).clamp_min(0)
    return (hinges.sum(dim=1) / max(hinges.shape[1], 1)).mean()
