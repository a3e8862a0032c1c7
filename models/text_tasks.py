"""What can be learned from a step's texts alone: to fill in hidden tokens, to tell one text from others.

    L_mlm       the shared encoder fills in hidden tokens of the step's distinct texts, in a pass of its own,
                under a head that is thrown away afterwards        (``models.losses.masked_language_model``)
    L_simcse    the student's vectors of the step's distinct queries or positives, each text twice, with a
                dropout of its own                                                (``models.losses.simcse``)

Nothing here reads a label. A step is given as the library's trainers give it: one dictionary of tensors for
each column, queries first, then positives, then other passages.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from data.errors import ConfigError
from models.encoders.shared_encoder import dropping, reads, shared_encoder
from models.encoders.vocabulary_head import VocabularyHead, has_head, logits_at
from models.losses.masked_language_model import Hiding, hide_tokens, masked_language_model
from models.losses.simcse import simcse
from models.repeats import Features, distinct_rows, take_rows
from models.training import MultiTaskSettings

PER_TOKEN = ("input_ids", "attention_mask", "token_type_ids")


class HiddenTokens(nn.Module):
    """The masked language model on some of the step's texts."""

    def __init__(
        self, model: nn.Module, settings: MultiTaskSettings, draws: torch.Generator, precision: str
    ) -> None:
        super().__init__()
        self.model = model
        self.encoder = shared_encoder(model)
        tokenizer: Any = self.encoder.tokenizer
        if tokenizer.mask_token_id is None:
            raise ConfigError(
                where="training.multi_task.mlm_weight",
                found=f"{settings.mlm_weight} for a tokenizer without a mask token",
                expected="0, or a backbone that knows a mask",
                advice="Set it to 0, or choose another backbone.",
            )
        self._mask: int = tokenizer.mask_token_id
        self._padding: int = tokenizer.pad_token_id
        words = torch.arange(len(tokenizer))
        special = torch.tensor(tokenizer.all_special_ids)
        self._special, self._words = special, words[~torch.isin(words, special)]
        transformer = self.encoder.model
        self.head = None
        if not has_head(self.encoder):
            embeddings: Any = transformer.get_input_embeddings()
            self.head = VocabularyHead(transformer.config.hidden_size, embeddings.weight)
        self._share, self._texts = settings.mask_share, settings.mlm_texts
        self._draws, self._bfloat16 = draws, precision == "bfloat16"

    def forward(self, columns: Sequence[Features]) -> Tensor:
        """Hide some tokens, and give the loss of filling them in."""
        read = [each for each in columns if reads(self.model, self.encoder, each.get("task"))]
        texts = some_texts(read, self._texts, self._padding, self._draws)
        tokens = texts["input_ids"]
        may_be_hidden = texts["attention_mask"].bool() & ~torch.isin(tokens, self._special.to(tokens.device))
        hiding = Hiding(self._share, self._mask, self._words.to(tokens.device))
        shown, chosen = hide_tokens(tokens, may_be_hidden, hiding, self._draws)
        # The trainer has the model's own passes in this precision, and no others.
        with torch.autocast(tokens.device.type, torch.bfloat16, enabled=self._bfloat16):
            logits = logits_at(self.encoder, self.head, {**texts, "input_ids": shown}, chosen)
        return masked_language_model(logits.float(), tokens[chosen])


class TwoPasses(nn.Module):
    """SimCSE on the step's queries, or on its positives."""

    def __init__(self, model: nn.Module, settings: MultiTaskSettings) -> None:
        super().__init__()
        self.model = model
        side = settings.simcse_texts
        if not reads(model, shared_encoder(model), side):
            raise ConfigError(
                where="training.multi_task.simcse_texts",
                found=f"{side!r}, whose texts the transformer that is trained does not read",
                expected="the side that it reads",
                advice="Choose the other.",
            )
        self._place = 0 if side == "query" else 1
        self._dropout, self._temperature = settings.simcse_dropout, settings.simcse_temperature

    def forward(self, columns: Sequence[Features]) -> Tensor:
        """Encode the distinct texts of one column twice.

        Raises:
            ConfigError: passages are wanted where a step has queries alone.
        """
        if self._place >= len(columns):
            raise ConfigError(
                where="training.multi_task.simcse_texts",
                found="'document', where a step has no passages",
                expected="'query'",
                advice="Choose it.",
            )
        # Texts themselves, where a loss asked for them, are not what the model reads.
        column = {name: value for name, value in columns[self._place].items() if not isinstance(value, list)}
        distinct, _ = distinct_rows(column)
        texts = take_rows(column, distinct.repeat(2))
        with dropping(self.model, self._dropout):
            found = self.model(texts, task=column.get("task"))
        return simcse(*text_vectors(found).chunk(2), temperature=self._temperature)


def text_vectors(found: Features) -> Tensor:
    """One vector per text [text, width]: the model's, or the mean of those of the tokens that it scores."""
    if "sentence_embedding" in found:
        return found["sentence_embedding"]
    scored = found["attention_mask"].to(found["token_embeddings"].dtype)[..., None]
    return (found["token_embeddings"] * scored).sum(dim=1) / scored.sum(dim=1).clamp(min=1)


def some_texts(columns: Sequence[Features], most: int, padding: int, draws: torch.Generator) -> Features:
    """Draw distinct texts of some columns, ``most`` at most, without columns that are padding in all."""
    names = [name for name in PER_TOKEN if all(name in column for column in columns)]
    longest = max(column["input_ids"].shape[1] for column in columns)
    fill = {"input_ids": padding}
    every = {
        name: torch.cat(
            [
                F.pad(each[name], (0, longest - each[name].shape[1]), value=fill.get(name, 0))
                for each in columns
            ]
        )
        for name in names
    }
    distinct, _ = distinct_rows(every)
    drawn = torch.randperm(len(distinct), generator=draws)[:most]
    return take_rows(every, distinct[drawn.to(distinct.device)])
