"""Attention match: where a ranker looks, a retriever that never sees both texts at once should look too.

    A_ranker    = mean over heads of attention[queries' rows, keys' columns], each row divided by its sum
    A_retriever = softmax over keys of  H_rows · H_keysᵀ / √d
    L           = 1/rows · Σ_rows Σ_keys (A_retriever - A_ranker)²

where the rows are tokens of the query and the keys those of the passage, or the other way round, and H are
the last token states of the two towers: an attention that nobody computed, hence virtual.

Attention is a softmax already. To mask it and apply softmax again, as code that follows VIRT does, makes
almost uniform rows: numbers in [0, 1] differ by a factor of e at most. Here rows are divided by their sum.
And without 1/√d the virtual attention's rows are almost one-hot. Squares are summed over keys, not averaged:
entries are about 1/keys, so that a mean would vanish for long passages.
Source: https://arxiv.org/abs/2312.16821 and https://arxiv.org/abs/2112.04195 (VIRT)
"""

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Rows = Bool[Tensor, "pair row"]
Keys = Bool[Tensor, "pair key"]


def ranker_block(
    attention: Float[Tensor, "pair token token"],
    rows: Bool[Tensor, "pair token"],
    keys: Bool[Tensor, "pair token"],
) -> Float[Tensor, "pair token token"]:
    """The part of an attention that goes from some tokens to others; its rows sum to 1, all else is 0.

    Args:
        attention: after softmax, the mean of its heads.
        rows: tokens that look.
        keys: tokens that are looked at.

    >>> attention = torch.tensor([[[0.5, 0.3, 0.2], [0.6, 0.2, 0.2], [0.1, 0.1, 0.8]]])
    >>> rows, keys = torch.tensor([[True, False, False]]), torch.tensor([[False, True, True]])
    >>> ranker_block(attention, rows, keys)[0, 0]
    tensor([0.0000, 0.6000, 0.4000])
    """
    block = attention * rows[:, :, None] * keys[:, None, :]
    return block / block.sum(dim=-1, keepdim=True).clamp_min(1e-9)


def retriever_block(
    looking: Float[Tensor, "pair row dim"], looked_at: Float[Tensor, "pair key dim"], rows: Rows, keys: Keys
) -> Float[Tensor, "pair row key"]:
    """The attention that token states of two texts would give; rows sum to 1, what is masked is 0."""
    scores = torch.einsum("prd,pkd->prk", looking, looked_at) / looking.shape[-1] ** 0.5
    weights = scores.masked_fill(~keys[:, None, :], torch.finfo(scores.dtype).min).softmax(dim=-1)
    # The keys again: where there is none, softmax gave all of them the same.
    return weights * rows[:, :, None] * keys[:, None, :]


def attention_match(
    retriever: Float[Tensor, "pair row key"], ranker: Float[Tensor, "pair row key"], rows: Rows
) -> Float[Tensor, ""]:
    """Mean over the rows there are of the squared distance between two distributions over the keys.

    At most 2, where both are sure of different keys; 0 where they are equal, or there is no row.

    >>> sure, other = torch.tensor([[[1.0, 0.0]]]), torch.tensor([[[0.0, 1.0]]])
    >>> attention_match(sure, other, torch.tensor([[True]]))
    tensor(2.)
    """
    squares = (retriever - ranker.detach()).square().sum(dim=-1)
    return torch.where(rows, squares, 0.0).sum() / rows.sum().clamp_min(1)
