"""Masked language model: read a text with some tokens hidden, and say what they were.

    L = - 1/|M| · Σ_{i ∈ M} log softmax(z_i)[x_i]                        (Devlin et al. 2019, 1810.04805)

where M are the chosen positions, x_i the token that stood there and z_i the logits over the vocabulary. Of M,
80 % are shown as the mask, 10 % as another token, drawn at random, and 10 % as they are: else the encoder
would only ever think where a mask stands, and no text that is searched has one.
"""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional as F

SHOWN_AS_MASK, SHOWN_AS_OTHER = 0.8, 0.1


class Hiding(NamedTuple):
    """How tokens are hidden.

    ``share`` is of those that may be, on average; ``mask`` is the token that hides another; ``others`` are
    those that one may be shown as instead.
    """

    share: float
    mask: int
    others: Int[Tensor, " vocab"]


def hide_tokens(
    tokens: Int[Tensor, "text token"],
    may_be_hidden: Bool[Tensor, "text token"],
    hiding: Hiding,
    draws: torch.Generator,
) -> tuple[Int[Tensor, "text token"], Bool[Tensor, "text token"]]:
    """Give the tokens as they are shown, and which were chosen.

    One at least is chosen wherever one may be.

    Args:
        tokens: of some texts, padded.
        may_be_hidden: false for padding, and for what stands in every text.
        hiding: how many, and as what.
        draws: on the CPU, so that it is the same on every device.
    """
    chance, fate = (torch.rand(tokens.shape, generator=draws).to(tokens.device) for _ in range(2))
    pick = torch.randint(len(hiding.others), tokens.shape, generator=draws).to(tokens.device)
    # Nothing that may not be hidden is below 1.
    chance = chance.masked_fill(~may_be_hidden, 1.0)
    chosen = may_be_hidden & ((chance < hiding.share) | (chance == chance.min()))
    shown = torch.where(chosen & (fate < SHOWN_AS_MASK), hiding.mask, tokens)
    return torch.where(chosen & (fate >= 1 - SHOWN_AS_OTHER), hiding.others[pick], shown), chosen


def masked_language_model(
    logits: Float[Tensor, "masked vocab"], tokens: Int[Tensor, " masked"]
) -> Float[Tensor, ""]:
    """Mean of -log of the share that each token gets of its own position; 0 where there is none.

    >>> masked_language_model(torch.zeros(2, 4), torch.tensor([0, 3]))  # ln 4
    tensor(1.3863)
    """
    return F.cross_entropy(logits, tokens, reduction="sum") / max(len(tokens), 1)
