"""ListMLE: the teacher's whole order is to be likely if the student's softmax draws passages one by one.

    L = 1/Q · Σ_q Σ_i [ log Σ_{k≥i} exp(s_k) - s_i ]

where s_i is the student's score of the passage that the teacher ranks at place i: the negative log likelihood
of the order in the model of Plackett and Luce. Only the order of the teacher's scores enters. The student's
are to be on a scale where a gap of 1 means something (``normalised``).

Source: Xia et al. 2008, https://doi.org/10.1145/1390156.1390306; allegro/allRank (listMLE) and
sentence-transformers (ListMLELoss) have it. Differs from allRank: passages of equal score keep their places,
where it shuffles them.
"""

from jaxtyping import Float
from torch import Tensor


def list_mle(
    student: Float[Tensor, "query candidate"], teacher: Float[Tensor, "query candidate"]
) -> Float[Tensor, ""]:
    """Mean negative log likelihood of the teacher's order, in nats; 0 is its limit, never reached.

    It does not change when a constant is added to all scores of a list, nor by any rising transform of the
    teacher's scores. The gradient reaches the student alone.

    >>> import torch
    >>> list_mle(torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0, 2.0]]))
    tensor(0.6931)
    """
    order = teacher.detach().argsort(dim=1, descending=True, stable=True)
    ordered = student.gather(1, order)
    left = ordered.flip(1).logcumsumexp(dim=1).flip(1)
    return (left - ordered).sum(dim=1).mean()
