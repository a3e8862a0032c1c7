"""Hidden match: a word's state in the retriever, projected, should point where it points in the ranker.

    L = 1/words · Σ_words 1/d · Σ_dims ( norm(P h) - norm(g) )²,    norm(x) = (x - mean(x)) / std(x)

where h is the retriever's state of a word, g the ranker's, and P a learned linear map into the ranker's
width d. Without norm the loss would mostly compare lengths, which differ from model to model. A ranker's
states know the other text and a retriever's cannot, so this never becomes 0.
Source: https://arxiv.org/abs/2312.16821
"""

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor


def hidden_match(
    retriever: Float[Tensor, "text word dim"],
    ranker: Float[Tensor, "text word dim"],
    words: Bool[Tensor, "text word"],
) -> Float[Tensor, ""]:
    """Mean over words and dimensions of the squared difference of normalised states.

    It is 2 - 2 · correlation, between 0 and 4, whatever the sizes and the means of both.

    >>> hidden_match(torch.tensor([[[1.0, 3.0]]]), torch.tensor([[[9.0, 7.0]]]), torch.tensor([[True]]))
    tensor(4.0000)
    """
    width = retriever.shape[-1:]
    gaps = F.layer_norm(retriever, width) - F.layer_norm(ranker.detach(), width)
    return torch.where(words, gaps.square().mean(dim=-1), 0.0).sum() / words.sum().clamp_min(1)
