"""Log-odds: how much likelier an identifier is for this query than anywhere in the collection.

    lo  = [lp + log(1 − e^snr)] − [snr + log(1 − e^lp)]          = logit(e^lp) − logit(e^snr)
    snr = log (count + 5) / (tokens + 5)
    w   = max(lo, 0)²

where lp is the log-probability that the model gives the identifier for the query, ``count`` how often its
tokens stand in the index, and ``tokens`` the size of the index. Only lp has a gradient. What is common earns
nothing by being likely; what is rare earns much, and the more the larger the index: of lp = −1 and count = 10
the weight is 36 in an index of 10⁴ tokens and 341 in one of 2.7·10⁹. Margins between sums of weights are
therefore margins of one index.
Source: SEAL, Bevilacqua et al. 2022, https://arxiv.org/abs/2204.10628 and its code; MINDER and DGR score so.
"""

import torch
from jaxtyping import Float, Num
from torch import Tensor

# Of SEAL's code: what stands nowhere is not infinitely rare.
SMOOTHING = 5.0
# A probability is nowhere nearer to 1: its log-odds would be infinite, and no gradient a number.
LARGEST = -1e-6


def log_share(count: Num[Tensor, "*any"], tokens: float | int) -> Float[Tensor, "*any"]:
    """Logarithm of the smoothed share of an index of ``tokens`` that is occurrences of an identifier."""
    return torch.log((count.to(torch.float32) + SMOOTHING) / (tokens + SMOOTHING))


def log_odds(
    log_probability: Float[Tensor, "*any"], log_share: Float[Tensor, "*any"]
) -> Float[Tensor, "*any"]:
    """The difference of two logits, each given by the logarithm of its probability.

    >>> log_odds(torch.tensor([-1.0]), torch.tensor([-1.0]))
    tensor([0.])
    """
    return _logit(log_probability) - _logit(log_share)


def weight(log_probability: Float[Tensor, "*any"], log_share: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """What an identifier adds to the score of a passage that has it; 0 where it says nothing of the query."""
    return log_odds(log_probability, log_share).clamp_min(0).square()


def raised(log_probability: Float[Tensor, "*any"], by: float, ceiling: float) -> Float[Tensor, "*any"]:
    """Log-probabilities of long identifiers, made comparable with those of short ones.

    What reaches the ceiling has no gradient: it is likely enough.

    >>> raised(torch.tensor([-20.0, -3.0]), 14.0, -1.0)
    tensor([-6., -1.])
    """
    return (log_probability + by).clamp_max(ceiling)


def _logit(log_probability: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    found = log_probability.clamp_max(LARGEST)
    return found - torch.log(-torch.expm1(found))
