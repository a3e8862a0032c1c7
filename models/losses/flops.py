"""FLOPS: what a sparse index has to multiply, made smooth, so that it can be a loss.

    FLOPS(w) = Σ_v ( mean over texts of |w_v| )²

The products that a query and a passage cost are Σ_v p_q(v) · p_p(v), with p(v) the share of texts that have
the term v (``models.retrievers.sparse``); where a gradient is needed, mean weights stand for shares. Unlike
the sum of weights, it presses on the terms that many texts share. Sources: Paria et al. 2020, https://arxiv.org/abs/2004.05665;
Formal et al. 2021, https://arxiv.org/abs/2109.10086. The smooth form is the library's ``FlopsLoss``.
"""

from sentence_transformers.sparse_encoder.losses import FlopsLoss
from torch import Tensor, nn


class CountedFlops(FlopsLoss):
    """The library's FLOPS, that also counts the terms of what it sees."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)  # pyright: ignore[reportArgumentType]  (it only keeps it)
        self.terms = 0.0
        self.flops = 0.0

    def compute_loss_from_embeddings(self, embeddings: Tensor) -> Tensor:
        """FLOPS of term weights, [text, vocab]; ``terms`` then is the mean number above 0."""
        flops = super().compute_loss_from_embeddings(embeddings)
        self.terms = float((embeddings.detach() != 0).sum(dim=1).double().mean())
        self.flops = float(flops.detach())
        return flops
