"""Pieces of a passage as its queries: whole sentences, and spans of words from anywhere in it.

No model is needed. A piece asks for its passage in the passage's own words, which is less than a
question does, but shows a student every corner of the collection. GDR trains on 5 random spans of 16
words for each passage. Source: https://arxiv.org/abs/2401.10487
"""

import re
from collections.abc import Iterator, Sequence
from hashlib import blake2b
from typing import Literal

import numpy as np
from pydantic import Field, PositiveInt, model_validator

from models.generator import GeneratorConfig

# After a full stop, unless it ends an initial ("J. S. Bach") or a small letter goes on ("i.e. by"), and at
# line breaks.
SENTENCE_END = re.compile(r"(?<=[.!?])(?<!\b[A-Z]\.)\s+(?![a-z])|\n+")


class SpansConfig(GeneratorConfig):
    """How many pieces of which kind."""

    kind: Literal["spans"] = "spans"
    per_passage: PositiveInt = Field(
        default=5, description="Pieces of a passage, fewer where it is short; 5 as in GDR."
    )
    span_words: PositiveInt = Field(default=16, description="Words of a span; 16 as in GDR.")
    sentence_share: float = Field(
        default=0.5, ge=0, le=1, description="Share of the pieces that are whole sentences; GDR has none."
    )
    title_share: float = Field(
        default=0.0, ge=0, le=1, description="Share of the pieces that follow the passage's title."
    )
    shortest_sentence: PositiveInt = Field(default=4, description="Words of a sentence that is used.")
    longest_sentence: PositiveInt = Field(default=32, description="Words of a sentence that is used.")

    @model_validator(mode="after")
    def _check_lengths(self) -> "SpansConfig":
        if self.shortest_sentence > self.longest_sentence:
            msg = (
                f"shortest_sentence: found {self.shortest_sentence}; "
                f"expected at most longest_sentence = {self.longest_sentence}"
            )
            raise ValueError(msg)
        return self

    def generate(self, titles: Sequence[str], texts: Sequence[str], seed: int) -> Iterator[list[str]]:
        """Give the pieces of each passage; of one without text, pieces of its title.

        What is drawn depends on the passage and the seed alone: passages that are added change nothing.
        """
        for title, text in zip(titles, texts, strict=True):
            draw = np.random.default_rng(_seed(seed, title, text))
            has_text = bool(text.strip())
            pieces = self._pieces(text if has_text else title, draw)
            titled = round(self.title_share * len(pieces)) if has_text and title else 0
            follows = draw.permutation(len(pieces)) < titled
            yield [
                f"{title} {piece}" if after else piece for piece, after in zip(pieces, follows, strict=True)
            ]

    def _pieces(self, text: str, draw: np.random.Generator) -> list[str]:
        sentences = self._sentences(text)
        wanted = round(self.sentence_share * self.per_passage)
        pieces = [sentences[place] for place in draw.permutation(len(sentences))[:wanted]]
        words = text.split()
        starts = max(1, len(words) - self.span_words + 1) if words else 0
        for start in draw.permutation(starts):
            if len(pieces) == self.per_passage:
                break
            span = " ".join(words[start : start + self.span_words])
            # A short passage may be one sentence and one span, and both the same.
            if span not in pieces:
                pieces.append(span)
        return pieces

    def _sentences(self, text: str) -> list[str]:
        split = (sentence.split() for sentence in SENTENCE_END.split(text))
        lengths = range(self.shortest_sentence, self.longest_sentence + 1)
        return list(dict.fromkeys(" ".join(words) for words in split if len(words) in lengths))


def _seed(seed: int, title: str, text: str) -> int:
    told = "\0".join((str(seed), title, text))
    return int.from_bytes(blake2b(told.encode(), digest_size=16).digest())
