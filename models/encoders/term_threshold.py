"""How high a logit must be to count: the decoder's bias, set on passages so that so many terms are above 0.

    w_v = log(1 + relu(m_v - θ)),    θ: the mean over passages of #{v : m_v > θ} is the budget

where m_v is a term's highest logit in a passage. θ is taken off every b_v, so that whoever opens the model
gets the same terms. A head that was begun from nothing (``models.encoders.term_head``) first gets

    b_v = - mean over passages of m_v

for some words resemble every state: a term starts from how much further a passage raises it than passages do.
No label is read, nor any query.
"""

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from models.encoders.term_encoder import TermEncoder

# Terms of a passage that are looked at, times the budget: no passage has so many above the threshold.
LOOKED_AT = 16


def threshold(tops: Float[Tensor, "passage term"], terms: int) -> float:
    """Give θ: ``terms`` numbers of a row are above it, on average.

    >>> threshold(torch.tensor([[5.0, 4.0, 1.0], [3.0, 0.0, 0.0]]), terms=1)
    3.5
    """
    wanted = min(terms * len(tops), tops.numel() - 1)
    last, first_out = tops.flatten().topk(wanted + 1).values[-2:].double().tolist()
    return (last + first_out) / 2


def begin(encoder: TermEncoder, passages: Sequence[str], terms: int) -> None:
    """Set the bias of a head that was begun from nothing: centred, with ``terms`` a passage above 0."""
    with torch.no_grad():
        bias = encoder.bias
        tops = torch.cat(list(encoder.highest(passages)))
        centre = tops.mean(dim=0)
        bias.sub_(centre).sub_(threshold(tops.sub_(centre), terms))


def meet(encoder: TermEncoder, passages: Sequence[str], budget: int) -> tuple[float, float]:
    """Shift the bias so that passages have ``budget`` terms on average; give that number before and after."""
    with torch.no_grad():
        bias, count = encoder.bias, min(LOOKED_AT * budget, encoder.vocabulary)
        found = [(tops.gt(0).sum(1), tops.topk(count).values) for tops in encoder.highest(passages)]
        before = torch.cat([counts for counts, _ in found]).double().mean().item()
        tops = torch.cat([highest for _, highest in found])
        shift = threshold(tops, budget)
        bias.sub_(shift)
        return before, tops.gt(shift).sum(1).double().mean().item()
