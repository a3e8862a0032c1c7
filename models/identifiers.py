"""What a passage may be called by: its title, any n-gram of its text, a question that it answers.

    title, query    START  tokens  END       whole, from the start delimiter to the end delimiter
    body            tokens                   any n-gram of up to ``body_ngram`` tokens

Each view has an index of n-grams of its own, so that what is written as a title is a title. START is given
to the writer, END is written by it. An empty title is no identifier.

Sources: SEAL, Bevilacqua et al. 2022, https://arxiv.org/abs/2204.10628 (titles and n-grams);
MINDER, Li et al. 2023, https://arxiv.org/abs/2305.16675 (three views)
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from pydantic import Field, PositiveInt

from data.errors import ConfigError
from data.ngrams.build import Sequences
from data.ngrams.index import NgramIndex, Ranges
from data.ngrams.layout import IntArray
from models.identifier_tokens import IdentifierTokens, vocabulary_digest
from models.retrievers.ngram_constraint import NgramConstraint
from models.settings import Settings
from models.weights import ModelName

View = Literal["title", "body", "query"]
VIEWS: tuple[View, ...] = get_args(View)


class IdentifierConfig(Settings):
    """In whose tokens identifiers are written, and how long they may be."""

    tokenizer: ModelName = Field(
        default="all-MiniLM-L6-v2",
        description="A model; students that write identifiers need its vocabulary.",
    )
    body_ngram: PositiveInt = Field(
        default=10, description="Tokens of the longest n-gram of a text; 10 in SEAL and MINDER."
    )
    body_max_tokens: PositiveInt | None = Field(
        default=None, description="Of a text so many tokens are indexed; None: all."
    )
    title_max_tokens: PositiveInt = Field(
        default=15, description="Longer titles are cut; 15 in MINDER's code."
    )
    query_max_tokens: PositiveInt = Field(
        default=30, description="Longer pseudo-queries are cut; 30 in MINDER's code."
    )

    def longest(self, view: View) -> int:
        """Tokens of the longest n-gram of a view, its delimiters among them."""
        whole = {"title": self.title_max_tokens, "query": self.query_max_tokens}
        return whole[view] + 2 if view in whole else self.body_ngram

    def sequences(
        self, view: View, texts: Sequence[str], rows: IntArray, tokens: IdentifierTokens
    ) -> Sequences:
        """Sequences of a view's index; a text without tokens gives none.

        Args:
            view: what the texts are.
            texts: titles, texts or questions.
            rows: of the passage of each, ascending.
            tokens: how texts become tokens.
        """
        found = tokens.encode(texts)
        if view == "body":
            found = [each[: self.body_max_tokens] for each in found]
        else:
            inner = self.longest(view) - 2
            found = [[tokens.start, *each[:inner], tokens.end] if each else [] for each in found]
        kept = [place for place, each in enumerate(found) if each]
        parts = [np.array(found[place], dtype=np.int32) for place in kept]
        return Sequences(
            np.concatenate([np.zeros(0, np.int32), *parts]),
            np.array([len(part) for part in parts], dtype=np.int64),
            rows[kept],
        )


class Identifiers:
    """The indexes of the three views and the tokenizer: a folder that ``index_identifiers`` made."""

    def __init__(self, tokens: IdentifierTokens, views: dict[View, NgramIndex]) -> None:
        self.tokens = tokens
        self.views = views
        self._constraints = {view: self._constraint(view) for view in views}

    @staticmethod
    def open(folder: Path) -> "Identifiers":
        """Open the folder; the indexes stay on the disk until they are looked at.

        Raises:
            ArtifactDamaged: a part is missing, damaged or of another version.
        """
        views: dict[View, NgramIndex] = {view: NgramIndex.open(folder / view) for view in VIEWS}
        return Identifiers(IdentifierTokens.open(folder), views)

    @property
    def index_bytes(self) -> int:
        """Size of the three indexes."""
        return sum(index.index_bytes for index in self.views.values())

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of each text, as they stand in the indexes."""
        return self.tokens.encode(texts)

    def constraint(self, view: View) -> NgramConstraint:
        """What may be written of a view; the same for every query, so that it is asked once for all."""
        return self._constraints[view]

    def _constraint(self, view: View) -> NgramConstraint:
        if view == "body":
            return NgramConstraint(self.views[view])
        return NgramConstraint(self.views[view], (self.tokens.start,), self.tokens.end)

    def ranges_of(self, view: View, written: Sequence[Sequence[int]]) -> tuple[Ranges, Ranges]:
        """Ranges in a view's index of what was written of it: low and high, whose difference is the count."""
        start = () if view == "body" else (self.tokens.start,)
        return self.views[view].ranges_of([(*start, *tokens) for tokens in written])

    def refuse_other(self, vocabulary: Mapping[str, int], where: str) -> None:
        """Stop a model that means other words by the same tokens.

        Args:
            vocabulary: of the model's tokenizer, ``get_vocab()``.
            where: the setting that names the model.

        Raises:
            ConfigError: its vocabulary is another.
        """
        digest = vocabulary_digest(vocabulary)
        if digest != self.tokens.digest:
            raise ConfigError(
                where=where,
                found=f"a tokenizer with vocabulary {digest[:12]}… of {len(vocabulary)} tokens",
                expected=f"that of the identifiers, {self.tokens.digest[:12]}… of {self.tokens.size}",
                advice="Name the same model there and as identify.tokenizer.",
            )
