"""Word alignment: two tokenizers cut a text differently, but its words are the same.

A word is what stands between spaces, known by its characters' places in the text, and a token belongs to the
word of its last character (some tokenizers put a word's leading space into its first piece). Then

    a map of tokens becomes one of words:     rows are the mean of a word's pieces, columns their sum
    states of tokens become states of words:  the mean of a word's pieces

so that rows that sum to 1 still do. A word that one side has cut off is dropped on both.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor

NO_WORD = -1
WORD = re.compile(r"\S+")

Members = Float[Tensor, "text word token"]


@dataclass(frozen=True)
class Aligned:
    """Which tokens are pieces of which words, on two sides: 1 or 0; a word has pieces on both or on none.

    ``share`` tells how many of all words that either side has both of them have.
    """

    first: Float[Tensor, "text word first_token"]
    second: Float[Tensor, "text word second_token"]
    share: float

    @property
    def words(self) -> Bool[Tensor, "text word"]:
        """Words that there are."""
        return self.first.any(dim=-1)


def word_places(text: str, offsets: Sequence[tuple[int, int]]) -> list[int]:
    """The word that each token is a piece of, words counted from 0.

    >>> word_places("gold never rusts", [(0, 0), (0, 4), (4, 10), (11, 15), (15, 16)])
    [-1, 0, 1, 2, 2]
    """
    word_of = np.full(len(text), NO_WORD)
    for place, word in enumerate(WORD.finditer(text)):
        word_of[word.start() : word.end()] = place
    return [int(word_of[start:end].max(initial=NO_WORD)) for start, end in offsets]


def places_of(
    tokenizer: Any,  # noqa: ANN401  (of transformers)
    texts: Sequence[str],
    width: int,
) -> Int[Tensor, "text token"]:
    """The word of each token, for texts that became ``width`` tokens: cut there, and padded to it."""
    encoded = tokenizer(
        list(texts), truncation=True, max_length=width, padding="max_length", return_offsets_mapping=True
    )
    found = map(word_places, texts, encoded["offset_mapping"])
    return torch.tensor(list(found))


def align(first: Int[Tensor, "text first_token"], second: Int[Tensor, "text second_token"]) -> Aligned:
    """Find the words that both sides have, given the word of each token.

    >>> found = align(torch.tensor([[0, 0, 1]]), torch.tensor([[0, 1, 2]]))
    >>> found.first[0].tolist(), found.words.tolist()
    ([[1.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0]], [[True, True, False]])
    """
    words = 1 + max(int(first.max()), int(second.max()), 0)
    sides = [F.one_hot(side + 1, 1 + words)[:, :, 1:].transpose(1, 2).float() for side in (first, second)]
    has = [side.any(dim=-1) for side in sides]
    both, either = has[0] & has[1], has[0] | has[1]
    kept = [side * both[:, :, None] for side in sides]
    return Aligned(kept[0], kept[1], float(both.sum() / either.sum().clamp_min(1)))


def word_states(states: Float[Tensor, "text token dim"], words: Members) -> Float[Tensor, "text word dim"]:
    """The mean state of each word's pieces; 0 for a word without any."""
    return _means(words) @ states


def word_block(
    block: Float[Tensor, "pair row_token key_token"],
    rows: Float[Tensor, "pair row_word row_token"],
    keys: Float[Tensor, "pair key_word key_token"],
) -> Float[Tensor, "pair row_word key_word"]:
    """A map of words from one of tokens: what a word's pieces look at on average, summed over pieces."""
    return _means(rows) @ block @ keys.transpose(1, 2)


def _means(words: Members) -> Members:
    return words / words.sum(dim=-1, keepdim=True).clamp_min(1)
