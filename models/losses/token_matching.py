"""Token matching: each token's vector is to be where the teacher has it.

    L = 1/n · Σ_i ‖ P e_i - e'_i ‖

over the n tokens of some texts, where e are the student's vectors, e' the teacher's, and P is a learned
linear map where their widths differ, else nothing. It compares token by token, so both must cut texts into
the same tokens. The norm itself, not its square: a few tokens that the student cannot place do not outweigh
the rest.
"""

from jaxtyping import Float
from torch import Tensor
from torch.linalg import vector_norm


def token_matching(
    student: Float[Tensor, "token dim"], teacher: Float[Tensor, "token dim"]
) -> Float[Tensor, ""]:
    """Mean distance of the student's vectors, projected, from the teacher's.

    It does not change when both are turned alike; a distance is at most 2 between vectors of length 1.

    >>> import torch
    >>> token_matching(torch.tensor([[3.0, 4.0], [1.0, 0.0]]), torch.tensor([[0.0, 0.0], [1.0, 0.0]]))
    tensor(2.5000)
    """
    return vector_norm(student - teacher.detach(), dim=-1).mean()
