"""What generative students share: a model that writes identifiers, how it is searched with, and its folder.

The index is no part of the student: it belongs to a collection and is given when it is searched.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict

from data.seals import sealed, unsealed
from models.encoders.seq2seq import Seq2Seq
from models.encoders.seq2seq_opening import open_seq2seq
from models.generative_settings import GenerativeSettings
from models.hardware import resolve_precision
from models.identifiers import VIEWS, Identifiers
from models.retrievers.generative import GenerativeRetriever
from models.retrievers.identifier_keys import marked

HEADER = "generative.json"


class Header(BaseModel):
    """What a folder says beside the weights."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_tokens: int
    precision: str
    search: GenerativeSettings


class Generative:
    """A model that writes identifiers.

    Args:
        model: reads marked queries.
        search: how passages are found by what it writes.
        precision: of its weights while it searches: float32, bfloat16 or auto.
    """

    def __init__(self, model: Seq2Seq, search: GenerativeSettings, precision: str) -> None:
        self.model = model
        self.search = search
        self.precision = precision

    def retriever(self, identifiers: Path) -> GenerativeRetriever:
        """Search the collection of this index.

        Raises:
            ConfigError: the index means other words by the same tokens.
        """
        opened = Identifiers.open(identifiers)
        model = speaking(self.model.frozen(resolve_precision(self.precision)), opened)
        return GenerativeRetriever(model, opened, self.search)

    def save(self, folder: Path) -> None:
        """Write weights and settings; no index."""
        self.model.save(folder)
        header = Header(max_tokens=self.model.max_tokens, precision=self.precision, search=self.search)
        (folder / HEADER).write_bytes(sealed(header.model_dump_json(indent=1).encode()))

    @staticmethod
    def load(folder: Path) -> "Generative":
        """Open what ``save`` wrote."""
        header = Header.model_validate_json(unsealed((folder / HEADER).read_bytes()))
        return Generative(open_seq2seq(folder, max_tokens=header.max_tokens), header.search, header.precision)


def speaking(model: Seq2Seq, identifiers: Identifiers) -> Seq2Seq:
    """The model, told that identifiers are made of the tokens of an index; nothing else can be written.

    Raises:
        ConfigError: the index means other words by the same tokens.
    """
    identifiers.refuse_other(model.tokenizer.get_vocab(), "backbone")
    indexes = identifiers.views.values()
    tokens = [np.asarray(each.next_tokens(each.everything, 0)[0]) for each in indexes]
    model.speaks(
        np.concatenate([*tokens, [identifiers.tokens.start, identifiers.tokens.end]]).astype(np.int64)
    )
    return model


def let_words_learn(model: Seq2Seq, *, learn: bool) -> None:
    """Train the embeddings of words, which are what is read, what was written and what is written; or not."""
    model.model.get_encoder().get_input_embeddings().weight.requires_grad_(requires_grad=learn)


def valid_identifiers(model: Seq2Seq, queries: Sequence[str], identifiers: Identifiers) -> float:
    """Share of what the model writes by itself, the likeliest token after the other, that the index has.

    Nothing constrains it but that it has no other tokens than the index: a falling share says that the model
    forgets what passages are called.

    Args:
        model: speaks the tokens of the index.
        queries: each is written for once in each view.
        identifiers: the index.
    """
    valid: list[bool] = []
    for view in VIEWS:
        index = identifiers.views[view]
        if not index.size or not queries:
            continue
        longest = index.longest - (view != "body")
        writer = model.writer([marked(query, view) for query in queries])
        # No token ends a part of a body.
        end = -1 if view == "body" else identifiers.tokens.end
        written = writer.greedy(longest, end)
        lows, highs = identifiers.ranges_of(view, written)
        is_whole = [view == "body" or each[-1] == end for each in written]
        valid += [whole and bool(count) for whole, count in zip(is_whole, highs - lows, strict=True)]
    return float(np.mean(valid)) if valid else 0.0
