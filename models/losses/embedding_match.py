"""Embedding matching: the student's vector is to lie where the teacher's lies.

    L = 1/n · Σᵢ || e_s(i) - e_t(i) ||₂                   (Kim et al. 2023, eq. 7 for queries, 8 for passages)

where e_s and e_t are the vectors that student and teacher give the text i. It is the Euclidean distance, not
its square: far and near texts pull with the same force. Unlike a cosine it fixes the length of vectors too,
which decides the ranks of an index of inner products.
Source: https://arxiv.org/abs/2301.12005; sentence-transformers has it as ``EmbedDistillLoss`` with
``distance_metric="l2"``, but compares cosines unless told otherwise, and does not save its projection.
"""

from jaxtyping import Float
from torch import Tensor
from torch.linalg import vector_norm


def embedding_match(
    student: Float[Tensor, "*text dim"], teacher: Float[Tensor, "*text dim"]
) -> Float[Tensor, ""]:
    """Mean Euclidean distance between the vectors of a text; no gradient reaches the teacher.

    Turning or shifting the whole space changes nothing, if both are turned and shifted alike.

    >>> import torch
    >>> embedding_match(torch.tensor([[3.0, 4.0], [1.0, 1.0]]), torch.tensor([[0.0, 0.0], [1.0, 1.0]]))
    tensor(2.5000)
    """
    return vector_norm(student.float() - teacher.detach().float(), dim=-1).mean()
