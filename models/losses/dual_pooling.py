"""The loss of a dual-pooling cross-encoder: a softmax over each list, and the term against degeneration.

    L = -log softmax(t)⁺ + w · R,     t(q, p) = e(q | p) · e(p | q)

Pairs are read together once; a query or passage of several pairs is read alone once.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from models.encoders.dual_pooling import DualPooling
from models.losses.reconstruction import reconstruction


class DualPoolingLoss(nn.Module):
    """The terms of a step, by name: the trainer sums them, and the curve keeps each."""

    def __init__(self, dual: DualPooling, reconstruction_weight: float) -> None:
        super().__init__()
        self.model = dual.model
        self.dual = dual
        self.weight = reconstruction_weight
        # They start as if nothing had to be undone.
        self.rebuild_query = _identity(dual.width)
        self.rebuild_passage = _identity(dual.width)

    def forward(
        self,
        inputs: tuple[Sequence[str], Sequence[Sequence[str]]] | list[Sequence[str] | Sequence[Sequence[str]]],
        labels: Tensor | None = None,
        **_: object,
    ) -> dict[str, Tensor]:
        """Give the weighted terms.

        Args:
            inputs: the queries, and for each a list of passages whose first is its answer; all of one length.
            labels: none; the place says which is the answer.
        """
        del labels
        queries, lists = inputs
        pairs = [
            (str(query), passage) for query, some in zip(queries, lists, strict=True) for passage in some
        ]
        of_queries, of_passages = self.dual.read_pairs(pairs)
        scores = (of_queries * of_passages).sum(-1).reshape(len(queries), -1)
        first = torch.zeros(len(scores), dtype=torch.int64, device=scores.device)
        found = {"list_loss": cross_entropy(scores, first)}
        if self.weight:
            rebuilt = self.rebuild_query(of_queries), self.rebuild_passage(of_passages)
            texts = [query for query, _ in pairs], [passage for _, passage in pairs]
            terms = [
                reconstruction(each, self._alone(text)) for each, text in zip(rebuilt, texts, strict=True)
            ]
            found["reconstruction"] = self.weight * (terms[0] + terms[1])
        return found

    def _alone(self, texts: Sequence[str]) -> Tensor:
        distinct = {text: row for row, text in enumerate(dict.fromkeys(texts))}
        vectors = self.dual.read_alone(list(distinct))
        return vectors[torch.tensor([distinct[text] for text in texts], device=vectors.device)]


def _identity(width: int) -> nn.Linear:
    layer = nn.Linear(width, width)
    nn.init.eye_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
