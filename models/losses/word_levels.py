"""Word-level terms: a ranker's last layer against a retriever's, word by word.

Both sides are tokens of the same two texts, cut differently. Maps and states are brought to the words that
both sides have (``models.encoders.word_alignment``) and compared there. A map's rows are normalised over the
tokens of those words before they are summed, so that they are distributions over the same words.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from models.encoders.ranker import Reading
from models.encoders.word_alignment import Aligned, align, word_block, word_states
from models.losses.attention_match import attention_match, ranker_block, retriever_block
from models.losses.hidden_match import hidden_match

Direction = Literal["query_to_passage", "passage_to_query", "both"]


@dataclass(frozen=True)
class Towers:
    """A retriever's token states of pairs, and the word of each token."""

    query_states: Float[Tensor, "pair query_token dim"]
    query_places: Int[Tensor, "pair query_token"]
    passage_states: Float[Tensor, "pair passage_token dim"]
    passage_places: Int[Tensor, "pair passage_token"]


@dataclass(frozen=True)
class Side:
    """One of a pair's texts: its token states in the retriever, and its words in both models."""

    states: Float[Tensor, "pair token dim"]
    words: Aligned  # first: the retriever's tokens; second: the ranker's, of query and passage together


def sides(towers: Towers, reading: Reading) -> tuple[Side, Side]:
    """Query and passage, aligned."""
    query = align(towers.query_places, reading.query_places)
    passage = align(towers.passage_places, reading.passage_places)
    return Side(towers.query_states, query), Side(towers.passage_states, passage)


def attention_level(query: Side, passage: Side, reading: Reading, direction: Direction) -> Float[Tensor, ""]:
    """Attention match of word maps; the mean of both directions, where both are asked for."""
    ways = {"query_to_passage": [(query, passage)], "passage_to_query": [(passage, query)]}
    chosen = ways.get(direction, [(query, passage), (passage, query)])
    return torch.stack([_looks(looking, seen, reading) for looking, seen in chosen]).mean()


def hidden_level(
    query: Side, passage: Side, reading: Reading, project: Callable[[Tensor], Tensor]
) -> Float[Tensor, ""]:
    """Hidden match of words' states; queries, which are short, count as much as passages.

    Args:
        query: of the pairs.
        passage: of the pairs.
        reading: of the same pairs.
        project: the retriever's width into the ranker's.
    """
    found = [
        hidden_match(
            project(word_states(side.states, side.words.first)),
            word_states(reading.states, side.words.second),
            side.words.words,
        )
        for side in (query, passage)
    ]
    return torch.stack(found).mean()


def _looks(looking: Side, seen: Side, reading: Reading) -> Tensor:
    rows, keys = looking.words, seen.words
    own = retriever_block(looking.states, seen.states, rows.first.any(dim=1), keys.first.any(dim=1))
    theirs = ranker_block(reading.attention, rows.second.any(dim=1), keys.second.any(dim=1))
    # Where a pair's other text has no word at all, nobody can look at it.
    is_row = rows.words & keys.words.any(dim=1, keepdim=True)
    return attention_match(
        word_block(own, rows.first, keys.first), word_block(theirs, rows.second, keys.second), is_row
    )
