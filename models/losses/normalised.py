"""Normalised lists: scores of any size made such that a gap of 1 means something.

    z         (s - mean) / √var               over the list; var divides by n
    min_max   (s - min) / (max - min)         over the list

A generative student's scores are sums of squared log-odds, 10² to 10³ and more. A softmax or a sigmoid of
them is sure of one passage, and its gradient is 0. After either of these it is not.

A list of equal scores is all 0. Zero and spread are numbers here, as a temperature is: no gradient goes
through them. It would have to leave the spread of a list as it is, and so turn the list on a sphere; but from
the wrong order the way to the right one is as far in every direction, and a student that ranks a list exactly
upside down would hardly be moved.
"""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

Normalisation = Literal["z", "min_max"]


def normalised(
    scores: Float[Tensor, "query candidate"], how: Normalisation
) -> Float[Tensor, "query candidate"]:
    """Give each list the mean 0 and the deviation 1 (``z``), or the range from 0 to 1 (``min_max``).

    A constant added to a list, or a factor above 0, changes nothing. A gradient comes back divided by the
    spread.

    >>> normalised(torch.tensor([[300.0, 100.0, 300.0, 100.0]]), "z")
    tensor([[ 1., -1.,  1., -1.]])
    >>> normalised(torch.tensor([[800.0, 200.0, 500.0]]), "min_max")
    tensor([[1.0000, 0.0000, 0.5000]])
    """
    numbers = scores.detach()
    low, high = numbers.aminmax(dim=1, keepdim=True)
    mean = numbers.mean(dim=1, keepdim=True)
    deviation = (numbers - mean).square().mean(dim=1, keepdim=True).sqrt()
    zero, spread = (mean, deviation) if how == "z" else (low, high - low)
    # The mean of equal numbers is rounded: their spread then is not 0, and means nothing.
    differ = high > low
    return torch.where(differ, scores - zero, scores - low) / torch.where(differ, spread, 1.0)
