"""What a writing student's score of a passage is made of, as a function of its weights.

    s(q, p) = Σ_{k ∈ keys(q, p)}  share_k · w( log p_θ(k | q, view of k), how rare k is )

It is the score by which the student retrieves (``models.losses.log_odds`` has w), with the keys held that it
found the passage by when the lists were made. The query is read once for each view, however many keys there
are, and the decoder is run over so many tokens at once as fit in memory: its activations are computed again
when the gradient comes (``recompute``), so that lists of 32 passages with 40 keys each cost time, not memory.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from models.rank_lists import RankList

if TYPE_CHECKING:
    from models.encoders.seq2seq import Seq2Seq

Keys = Float[Tensor, " key"]


@dataclass(frozen=True)
class Scoring:
    """How a student scores: what writes, what it reads for a query and a view's number, what a key weighs.

    ``weigh`` takes the log-probabilities of keys, their log shares of the index, and which are raised.
    """

    model: "Seq2Seq"
    reads: Callable[[str, int], str]
    weigh: Callable[[Keys, Keys, Bool[Tensor, " key"]], Keys]


def list_scores(
    scoring: Scoring, lists: Sequence[RankList], *, recompute: bool
) -> list[Float[Tensor, " candidate"]]:
    """The student's scores of the passages of each list; differentiable.

    Args:
        scoring: the student's way.
        lists: with a key or more in all.
        recompute: keep nothing of the decoder until the gradient comes, then compute it again.
    """
    asked = [(one.query, view) for one in lists for view in one.views]
    texts = {each: row for row, each in enumerate(dict.fromkeys(asked))}
    device = scoring.model.device
    likely = scoring.model.log_probabilities(
        [scoring.reads(*each) for each in texts],
        torch.tensor([texts[each] for each in asked], device=device),
        [tokens for one in lists for tokens in one.tokens],
        recompute=recompute,
    )
    shares = torch.tensor([share for one in lists for share in one.log_shares], device=device)
    raised = torch.tensor([raised for one in lists for raised in one.raised], device=device)
    weights = scoring.weigh(likely, shares, raised).split([len(one.tokens) for one in lists])
    return [_summed(one, some) for one, some in zip(lists, weights, strict=True)]


def _summed(one: RankList, weights: Float[Tensor, " key"]) -> Float[Tensor, " candidate"]:
    """Sum the keys' weights by passage."""
    places, keys, shares = zip(*one.entries, strict=True)
    at, used = (torch.tensor(numbers, device=weights.device) for numbers in (places, keys))
    adds = torch.tensor(shares, dtype=weights.dtype, device=weights.device) * weights[used]
    return weights.new_zeros(len(one.scores)).index_add(0, at, adds)
