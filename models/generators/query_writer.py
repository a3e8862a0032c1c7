"""What runs a doc2query model: passages in, their queries out, in the order of the passages.

    top_k     next = argmax over the k likeliest tokens v of  log p(v) + g_v,   g_v ~ Gumbel(0, 1)
    beam      the likeliest sequences that a beam as wide as their number finds

The largest log-probability after Gumbel noise is a sample of the distribution (Gumbel 1954). The noise of
each query has a seed of its own, so that what is drawn depends on the passage and the seed, not on which
other passages are in the batch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor
from transformers import (
    AutoConfig,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    LogitsProcessor,
    LogitsProcessorList,
)
from transformers.modeling_outputs import BaseModelOutput

from data.errors import ConfigError
from models.hardware import device

# So many passages are sorted by length at once, and their queries held.
WINDOW = 1024


@dataclass(frozen=True)
class Beam:
    """Keep the likeliest sequences."""

    def options(self, passages: Sequence[str], per_passage: int) -> dict[str, Any]:  # noqa: ARG002
        """What ``generate`` of transformers is to do."""
        return {"num_beams": per_passage, "num_return_sequences": per_passage, "early_stopping": True}


@dataclass(frozen=True)
class TopK:
    """Draw each token from the ``k`` likeliest."""

    k: int
    seed: int

    def options(self, passages: Sequence[str], per_passage: int) -> dict[str, Any]:
        """What ``generate`` of transformers is to do with ``per_passage`` rows for each passage."""
        seeds = [_seed(self.seed, passage, n) for passage in passages for n in range(per_passage)]
        return {"num_beams": 1, "logits_processor": LogitsProcessorList([GumbelTopK(self.k, seeds)])}


class GumbelTopK(LogitsProcessor):
    """Add noise to the ``k`` likeliest tokens of each row, so that the largest of them is a sample."""

    def __init__(self, k: int, seeds: Sequence[int]) -> None:
        self.k = k
        self._draws = [torch.Generator().manual_seed(seed) for seed in seeds]

    def __call__(
        self,
        input_ids: Int[Tensor, "query written"],  # noqa: ARG002  (every processor's shape)
        scores: Float[Tensor, "query vocab"],
    ) -> Float[Tensor, "query vocab"]:
        """Give the noisy scores, −inf for all but the ``k`` likeliest."""
        likeliest, tokens = scores.topk(min(self.k, scores.shape[1]))
        draws = torch.stack([torch.rand(likeliest.shape[1], generator=draw) for draw in self._draws])
        noise = -(-draws.clamp_min(torch.finfo(torch.float32).tiny).log()).log()
        noisy = likeliest + noise.to(likeliest)
        return torch.full_like(scores, -torch.inf).scatter(1, tokens, noisy)


class QueryWriter:
    """A sequence-to-sequence model with its tokenizer."""

    def __init__(  # noqa: PLR0913  (settings, by name)
        self,
        folder: Path,
        *,
        precision: str,
        decoding: Beam | TopK,
        per_passage: int,
        passage_max_tokens: int,
        query_max_tokens: int,
    ) -> None:
        if not AutoConfig.from_pretrained(folder).is_encoder_decoder:
            raise ConfigError(
                where=f"model {str(folder)!r}",
                found="a model that does not turn texts into texts",
                expected="a sequence-to-sequence checkpoint, such as a T5 or BART trained for doc2query",
                advice="Name another model, or use the generator spans, which needs none.",
            )
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        model: Any = AutoModelForSeq2SeqLM.from_pretrained(
            folder, use_safetensors=True, dtype=getattr(torch, precision)
        )
        self._model: Any = model.to(device()).eval()
        self._decoding = decoding
        self._per_passage = per_passage
        self._passage_max_tokens = passage_max_tokens
        self._query_max_tokens = query_max_tokens

    def write(self, passages: Sequence[str], batch: int) -> Iterator[list[str]]:
        """Give the queries of each passage, none twice and none empty, reading ``batch`` at a time."""
        for start in range(0, len(passages), WINDOW):
            window = passages[start : start + WINDOW]
            # Passages of about one length are read together, so that little is padding.
            order = sorted(range(len(window)), key=lambda place: len(window[place]))
            written: list[list[str]] = [[] for _ in window]
            for first in range(0, len(order), batch):
                places = order[first : first + batch]
                for place, queries in zip(places, self._write([window[p] for p in places]), strict=True):
                    written[place] = queries
            yield from written

    @torch.inference_mode()
    def _write(self, passages: Sequence[str]) -> list[list[str]]:
        each = self._per_passage
        tokens = self._tokenizer(
            list(passages),
            padding=True,
            truncation=True,
            max_length=self._passage_max_tokens,
            return_tensors="pt",
        ).to(self._model.device)
        ids, mask = tokens["input_ids"], tokens["attention_mask"]
        states = self._model.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state
        # A beam copies the encoded passage itself; queries that are drawn one by one need a copy each.
        copies = 1 if isinstance(self._decoding, Beam) else each
        made = self._model.generate(
            encoder_outputs=BaseModelOutput(last_hidden_state=states.repeat_interleave(copies, dim=0)),
            attention_mask=mask.repeat_interleave(copies, dim=0),
            do_sample=False,
            max_new_tokens=self._query_max_tokens,
            **self._decoding.options(passages, each),
        )
        texts = [
            " ".join(text.split()) for text in self._tokenizer.batch_decode(made, skip_special_tokens=True)
        ]
        rows = (texts[row : row + each] for row in range(0, len(texts), each))
        return [list(dict.fromkeys(filter(None, row))) for row in rows]


def _seed(seed: int, passage: str, number: int) -> int:
    told = "\0".join((str(seed), str(number), passage))
    return int.from_bytes(blake2b(told.encode(), digest_size=7).digest())
