"""What finds a passage for a query: keys, each an identifier or a part of one, with a weight.

    w_k = max(lo(lp_k, share_k), 0)²                                     (``models.losses.log_odds``)

lp of a pseudo-query that was written is raised before, lp ← min(lp + 14, −1), since it is long.

Source: SEAL, https://arxiv.org/abs/2204.10628, and the code of MINDER, https://github.com/liyongqi67/MINDER.
Differs: shares are of the tokens of all views together, and a key is counted in its own view alone; MINDER's
index holds the views of a passage as one text.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from models.encoders.seq2seq import Identifier
from models.generative_settings import GenerativeSettings
from models.identifiers import VIEWS, View
from models.losses.log_odds import raised, weight

BODY = VIEWS.index("body")


@dataclass(frozen=True)
class Keys:
    """A query's keys, the heaviest first; from ``singles`` on they are single tokens, which come last.

    ``tokens`` are what the model writes: whole identifiers without their start, with their end. ``views`` are
    places in ``VIEWS``, ``ranges`` those of the view's index; ``log_probability`` is before it is raised.
    """

    tokens: list[Identifier]
    views: Int[np.ndarray, " key"]
    log_probability: Float[np.ndarray, " key"]
    log_share: Float[np.ndarray, " key"]
    is_raised: Bool[np.ndarray, " key"]
    weight: Float[np.ndarray, " key"]
    ranges: Int[np.ndarray, "key 2"]
    singles: int


def marked(query: str, view: View, mark: str = "+") -> str:
    """What the model reads to write of a view; MINDER's mark is + for what answers a query."""
    return f"{query} || {view} || {mark}"


def weights(
    log_probability: Float[Tensor, " key"],
    log_share: Float[Tensor, " key"],
    is_raised: Bool[Tensor, " key"],
    settings: GenerativeSettings,
) -> Float[Tensor, " key"]:
    """What keys weigh; differentiable in the log-probabilities."""
    higher = raised(log_probability, settings.query_offset, settings.query_ceiling)
    return weight(torch.where(is_raised, higher, log_probability), log_share)
