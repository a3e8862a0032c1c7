"""R-Drop as NCI has it: under two draws of dropout, what a query writes is nearer to itself.

    L = mean over the states h of -log( e^{cos(h, h')/τ} / Σ_{g ≠ h} e^{cos(h, g)/τ} )

where h is the decoder's state before a token of the path, h' is that of the same query before the same token
in the other pass, and g runs over h' and the states of both passes, before that token, of queries with
another path: states of queries that write the same may be alike.

Source: Wang et al. 2022, NCI, https://arxiv.org/abs/2206.02743, whose code GDR keeps. Differs: that code
takes a softmax of the softmax, which hardly has a gradient, and lets queries with the same path repel each
other. R-Drop itself (https://arxiv.org/abs/2106.14448) compares distributions, not states.
"""

import torch
from jaxtyping import Float, Int64
from torch import Tensor
from torch.nn.functional import normalize

from models.clustering.prefix_tree import IGNORED


def dropout_contrast(
    first: Float[Tensor, "query position dim"],
    second: Float[Tensor, "query position dim"],
    paths: Int64[Tensor, "query position"],
    temperature: float,
) -> Float[Tensor, ""]:
    """Mean over both passes of all states that stand before a token. Lengths of states do not matter.

    Args:
        first: states of one pass.
        second: states of the other.
        paths: what is to be written, filled up with ``IGNORED``.
        temperature: τ.

    >>> states = torch.eye(2)[:, None]  # two queries, one token each
    >>> dropout_contrast(states, states, torch.tensor([[0], [1]]), temperature=1.0)  # ln(1 + 2/e)
    tensor(0.5514)
    """
    states = normalize(torch.cat([first, second]).float(), dim=-1).transpose(0, 1)
    near = states @ states.transpose(1, 2) / temperature
    is_state = (paths != IGNORED).repeat(2, 1).T
    same = (paths[:, None] == paths).all(dim=-1).repeat(2, 2)
    rows = torch.arange(len(same), device=paths.device)
    other = rows.roll(len(paths))
    same[rows, other] = False
    counts = is_state[:, None] & ~same
    odds = near.masked_fill(~counts, -torch.inf)[is_state]
    own = other.expand_as(is_state)[is_state]
    return (odds.logsumexp(dim=1) - odds.gather(1, own[:, None])[:, 0]).mean()
