"""The libraries' trainers, without model cards; a text of many lists is tokenised once.

A trainer must know its model's kind: how texts become tensors, what may be trained. What they share is set
up in ``models.fitting``.
"""

from typing import Any

from sentence_transformers import (
    CrossEncoderTrainer,
    MultiVectorEncoderTrainer,
    SentenceTransformerTrainer,
    SparseEncoderTrainer,
)
from sentence_transformers.base.data_collator import BaseDataCollator
from sentence_transformers.base.trainer import BaseTrainer

from models.repeats import KeepTexts, TokenizeOnce


class _NoCard:
    """Leaves out the model card: it would draw examples of the texts, and the manifest tells more."""

    def add_model_card_callback(self, default_args_dict: dict[str, Any]) -> None:
        """Add none."""


class OnceTokenized(_NoCard, BaseTrainer):
    """Trains an encoder; a text of many lists is tokenised once."""

    def get_data_collator(self, model: Any, *args: Any, **options: Any) -> BaseDataCollator:  # noqa: ANN401
        """Make the library's collator of columns."""
        collator = super().get_data_collator(model, *args, **options)
        collator.preprocess_fn = TokenizeOnce(collator.preprocess_fn, model.tokenizer)
        return collator


class EncoderTrainer(OnceTokenized, SentenceTransformerTrainer):
    """Trains a SentenceTransformer: one vector per text."""


class ReadingTrainer(EncoderTrainer):
    """Trains a SentenceTransformer by a loss that reads the texts, too: each column brings its ``texts``."""

    def get_data_collator(self, model: Any, *args: Any, **options: Any) -> BaseDataCollator:  # noqa: ANN401
        """Make the collator, and let it hand the texts on."""
        collator = super().get_data_collator(model, *args, **options)
        collator.preprocess_fn = KeepTexts(collator.preprocess_fn)
        return collator


class TokenTrainer(OnceTokenized, MultiVectorEncoderTrainer):
    """Trains a MultiVectorEncoder: one vector per token."""


class TermTrainer(OnceTokenized, SparseEncoderTrainer):
    """Trains a SparseEncoder: one weight per term of the vocabulary."""


class RerankerTrainer(_NoCard, CrossEncoderTrainer):
    """Trains a CrossEncoder."""
