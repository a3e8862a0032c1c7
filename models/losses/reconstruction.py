"""Against degeneration: each of the two vectors of a pair must still tell which text it belongs to.

    R = 1/n Σ ( || W_q e(q | p) - e(q) ||² + || W_p e(p | q) - e(p) ||² ) / d

where e(q | p) and e(p | q) are the vectors of a pair (``models.encoders.dual_pooling``), e(q) and e(p) those
of the texts read alone by the same body, without a gradient, W are learned, and d is the width of a vector. A
score that is an inner product needs no such thing: it would let one vector be constant and put all it knows
of the pair into the other, and a dual encoder could be taught neither.
Kim et al. 2023 (https://arxiv.org/abs/2301.12005) name such a term; its form is a choice of this project.
"""

from jaxtyping import Float
from torch import Tensor


def reconstruction(rebuilt: Float[Tensor, "pair dim"], alone: Float[Tensor, "pair dim"]) -> Float[Tensor, ""]:
    """Mean squared difference between what was rebuilt from a pair's vector and the text read alone.

    No gradient reaches ``alone``: it would be shortest to make all texts alike.

    >>> import torch
    >>> reconstruction(torch.tensor([[1.0, 2.0]]), torch.tensor([[0.0, 0.0]]))
    tensor(2.5000)
    """
    return (rebuilt.float() - alone.detach().float()).square().mean()
