"""What a transformer says of its tokens: its own head over the vocabulary, or one that is tied to its words.

    z = LayerNorm(gelu(W h + b)) Eᵀ + c                                  (Devlin et al. 2019, 1810.04805)

where h is the last hidden state of a token and E are the word embeddings, shared with the encoder.
"""

from typing import Any

import torch
from jaxtyping import Bool, Float
from sentence_transformers.base.modules import Transformer
from torch import Tensor, nn


class VocabularyHead(nn.Module):
    """Logits over the vocabulary, for an encoder that has lost its head or never had one."""

    def __init__(self, hidden: int, embeddings: Tensor) -> None:
        """Make W the identity: in a short training it gets further than from random numbers.

        Args:
            hidden: width of the encoder's states.
            embeddings: of words, [vocab, dim]; not kept.
        """
        super().__init__()
        vocabulary, width = embeddings.shape
        self.transform = nn.Sequential(nn.Linear(hidden, width), nn.GELU(), nn.LayerNorm(width))
        self.offset = nn.Parameter(torch.zeros(vocabulary))
        nn.init.eye_(self.transform[0].weight)  # pyright: ignore[reportArgumentType]
        nn.init.zeros_(self.transform[0].bias)  # pyright: ignore[reportArgumentType]

    def forward(
        self, states: Float[Tensor, "masked hidden"], embeddings: Float[Tensor, "vocab dim"]
    ) -> Float[Tensor, "masked vocab"]:
        """Give the logits of some tokens."""
        return self.transform(states) @ embeddings.T + self.offset


def has_head(encoder: Transformer) -> bool:
    """Whether the encoder gives logits over the vocabulary itself, as that of a sparse model does."""
    return encoder.transformer_task == "fill-mask"


def logits_at(
    encoder: Transformer,
    head: VocabularyHead | None,
    texts: dict[str, Any],
    chosen: Bool[Tensor, "text token"],
) -> Float[Tensor, "masked vocab"]:
    """Give the logits of the chosen tokens alone: those of all would not fit into memory.

    Args:
        encoder: reads the texts.
        head: None for an encoder that ``has_head``.
        texts: token tensors, [text, token].
        chosen: whose logits are wanted.
    """
    if head is not None:
        states = encoder(texts)[encoder.module_output_name]
        return head(states[chosen], encoder.model.get_input_embeddings().weight)
    last: Any = encoder.model.get_output_embeddings()
    only_chosen = last.register_forward_pre_hook(lambda _, inputs: (inputs[0][chosen],))
    try:
        return encoder(texts)[encoder.module_output_name]
    finally:
        only_chosen.remove()
