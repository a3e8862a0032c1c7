"""Sentence-level distillation: the student is to share its belief among the candidates as the ranker does.

    L = T² · 1/Q · Σ_q Σ_n p_qn · log(p_qn / σ_qn),    p = softmax(r / T),  σ = softmax(s / T)

where s are the student's scores, r the ranker's, both over one list, and T is the temperature of both; T²
keeps the gradient's size as T grows (Hinton et al. 2015). What is left out has no share on either side.
Source: https://arxiv.org/abs/2312.16821
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def sentence_kl(
    student: Float[Tensor, "query candidate"],
    ranker: Float[Tensor, "query candidate"],
    left_out: Bool[Tensor, "query candidate"],
    temperature: float = 1.0,
) -> Float[Tensor, ""]:
    """Mean over queries of the divergence of the student's shares from the ranker's.

    It is 0 where they are equal, and does not change when a constant is added to all scores of a list.

    >>> no = torch.tensor([[False, False]])
    >>> sentence_kl(torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0986123, 0.0]]), no)
    tensor(0.1308)
    """
    theirs = (ranker.detach() / temperature).masked_fill(left_out, -torch.inf).log_softmax(dim=1)
    own = (student / temperature).masked_fill(left_out, -torch.inf).log_softmax(dim=1)
    # Infinity less infinity where something is left out: its share is 0, and so is what it adds.
    gaps = torch.where(left_out, 0.0, theirs - own)
    return temperature**2 * (theirs.exp() * gaps).sum(dim=1).mean()
