"""Attention for training on a CPU: plain, and in the precision of its inputs.

    attention(Q, K, V) = softmax(Q Kᵀ / √d + mask) V

Torch's fused attention is slow backwards on CPUs, and transformers' own plain attention goes up to float32
for scores and softmax under autocast. Scores are the largest tensors of a step, so that their width decides:
measured on two cores with two layers and texts of 100 tokens, a step takes 0.85 of the time of ``eager``.
"""

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AttentionInterface, PreTrainedModel
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, eager_mask

from models.hardware import device

NAME = "eager_same_precision"
# Whose attention is the equation above and nothing else: no soft cap, no relative bias, no shared heads.
PLAIN = frozenset({"bert", "roberta", "xlm-roberta", "electra", "camembert", "distilbert"})


@contextmanager
def fast_attention(model: nn.Module) -> Generator[None]:
    """Let what is trained on a CPU attend in the fastest known way, and as before afterwards."""
    found = [each for each in model.modules() if isinstance(each, PreTrainedModel) and device() == "cpu"]
    # It has no public name.
    before = [each.config._attn_implementation or "eager" for each in found]  # pyright: ignore[reportPrivateUsage]
    for each in found:
        each.set_attn_implementation(NAME if each.config.model_type in PLAIN else "eager")
    try:
        yield
    finally:
        for each, attention in zip(found, before, strict=True):
            each.set_attn_implementation(attention)


def attend(  # noqa: PLR0913, PLR0917  (the signature is transformers')
    module: nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float | None = None,
    dropout: float = 0.0,
    **_: Any,  # noqa: ANN401
) -> tuple[Tensor, Tensor]:
    """Attend; tensors are [text, head, token, width], what comes back is [text, token, head, width].

    Args:
        module: says whether dropout applies.
        query: of each token.
        key: of each token.
        value: of each token.
        attention_mask: added to the scores, [text, 1, 1 or token, token].
        scaling: times the scores; 1 / √width if None.
        dropout: share of weights that are zeroed while training.
    """
    with torch.autocast(query.device.type, enabled=False):
        scores = (query * (scaling or query.shape[-1] ** -0.5)) @ key.transpose(2, 3)
        if attention_mask is not None:
            lowest = torch.finfo(scores.dtype).min
            scores = scores + attention_mask.clamp(min=lowest).to(scores.dtype)
        weights = nn.functional.dropout(scores.softmax(dim=-1), p=dropout, training=module.training)
        return (weights @ value).transpose(1, 2).contiguous(), weights


AttentionInterface.register(NAME, attend)
ALL_MASK_ATTENTION_FUNCTIONS.register(NAME, eager_mask)
