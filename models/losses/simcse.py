"""SimCSE: a text encoded twice, under two draws of dropout, is nearer to itself than to other texts.

    L = - 1/n · Σ_i log softmax_j( cos(u_i, v_j) / τ )[i]                    (Gao et al. 2021, 2104.08821)

where u_i and v_i are the vectors of text i in the two passes and τ is the temperature. It needs no labels,
and it keeps vectors of different texts apart.
"""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F


def simcse(
    first: Float[Tensor, "text dim"], second: Float[Tensor, "text dim"], temperature: float
) -> Float[Tensor, ""]:
    """Mean of -log of the share that a text's own second vector gets among those of all.

    Lengths of vectors do not matter. Texts must differ: a copy would be a negative of itself.

    >>> simcse(torch.eye(2), torch.eye(2), temperature=1.0)  # ln(1 + 1/e)
    tensor(0.3133)
    """
    near = F.normalize(first, dim=-1) @ F.normalize(second, dim=-1).T
    return F.cross_entropy(near / temperature, torch.arange(len(near), device=near.device))
