"""Generative retrieval: the model writes what it would call the answer, and the index says who is called so.

    keys     what is written, the query's own words, single tokens; each with a weight  (``key_writer``)
    find     rare keys name their passages; where these are many, a first count keeps the ``ranked`` best
    rank     score(p) = Σ_k c_k(p) · w_k over all keys, laid on the passage's text  (``identifier_cover``)
             with c_k(p) divided by  1 − b + b · |p| / mean |p|,  the length of bodies as in BM25

A query costs its keys, their places and the text of at most ``ranked`` passages, whatever the collection has.
Source: SEAL, https://arxiv.org/abs/2204.10628, and the code of MINDER, https://github.com/liyongqi67/MINDER.
Differs: where rare keys find no more passages than are ranked, the first count is left out, for it could
decide nothing; single tokens are keys too, the last, so that their repeats count as those of others do; and
passages are divided by their length, for one of 3,689 words among a hundred times shorter ones has some key
of every query (MINDER's have 100 words each, where b changes nothing).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int

from models.encoders.seq2seq import Seq2Seq
from models.generative_settings import GenerativeSettings
from models.identifiers import VIEWS, Identifiers
from models.retriever import Hits, Rows, top_hits
from models.retrievers.identifier_cover import Cover, Sheets
from models.retrievers.identifier_keys import BODY, Keys
from models.retrievers.key_writer import KeyWriter
from models.retrievers.passage_places import PassagePlaces, Text

Found = tuple[Int[np.ndarray, " place"], Int[np.ndarray, " place"]]


@dataclass(frozen=True)
class Matches:
    """Which key counts for which passage, and how much of its weight."""

    owners: Int[np.ndarray, " match"]
    keys: Int[np.ndarray, " match"]
    coefficients: Float[np.ndarray, " match"]

    def scores(self, keys: Keys, passages: int) -> Float[np.ndarray, " passage"]:
        """Sum of coefficient times weight."""
        shares = self.coefficients * keys.weight[self.keys]
        # Without a match numpy counts in integers.
        return np.bincount(self.owners, weights=shares, minlength=passages).astype(np.float64)


class GenerativeRetriever:
    """A model that writes, and the index of what may be written.

    Args:
        model: speaks the tokens of the index alone (``Seq2Seq.speaks``).
        identifiers: the index.
        settings: how keys are written and counted.
    """

    def __init__(self, model: Seq2Seq, identifiers: Identifiers, settings: GenerativeSettings) -> None:
        self._writer = KeyWriter(model, identifiers, settings)
        self._settings = settings
        self._delimiters = identifiers.tokens.start, identifiers.tokens.end
        self._indexes = [identifiers.views[view] for view in VIEWS]
        self._places = [PassagePlaces(index) for index in self._indexes]
        self._sheets = Sheets([each.length for each in self._places])
        self._mean_length = self._places[BODY].mean_length
        self._written: list[int] = []
        self.parameters = sum(weights.numel() for weights in model.model.parameters())

    @property
    def index_bytes(self) -> int:
        """Size of the index, which grows with the collection as the model does not."""
        return sum(index.index_bytes for index in self._indexes) + self._sheets.nbytes

    @property
    def rows(self) -> int:
        """Passages up to the last that has an identifier."""
        return max(each.rows for each in self._places)

    def costs(self) -> dict[str, float]:
        """Keys that were not single tokens, on average over the queries so far."""
        return {"keys_per_query": float(np.mean(self._written))} if self._written else {}

    def encode(self, queries: Sequence[str]) -> list[Keys]:
        """Write the keys of each query."""
        keys = self._writer.keys(queries)
        self._written += [each.singles for each in keys]
        return keys

    def search(self, encoded: Sequence[Keys], depth: int) -> Hits:
        """Give the ``depth`` best passages of each query, of those that a rare key finds."""
        rows = np.full((len(encoded), depth), -1, dtype=np.int64)
        scores = np.full((len(encoded), depth), -np.inf, dtype=np.float32)
        for place, keys in enumerate(encoded):
            rare = self._rare(keys)
            found = self._find(keys, rare)
            score = self._match(keys, rare, found).scores(keys, len(found)).astype(np.float32)
            best = top_hits(score[None], found[None], depth)
            kept = best.rows.shape[1]
            rows[place, :kept], scores[place, :kept] = best.rows, best.scores
        return Hits(rows, scores)

    def matches(self, keys: Keys, rows: Sequence[int]) -> list[list[tuple[int, float]]]:
        """Which keys each passage is ranked by, with their coefficients, what adds most first.

        A passage's score is Σ coefficient · ``keys.weight``.
        """
        distinct, back = np.unique(np.asarray(rows, dtype=np.int64), return_inverse=True)
        found = self._match(keys, self._rare(keys), distinct)
        order = np.lexsort((found.keys, -found.coefficients * keys.weight[found.keys], found.owners))
        cuts = np.searchsorted(found.owners[order], np.arange(len(distinct) + 1))
        pairs = list(zip(found.keys[order].tolist(), found.coefficients[order].tolist(), strict=True))
        return [pairs[cuts[place] : cuts[place + 1]] for place in back.tolist()]

    def scores(self, keys: Keys, rows: Rows) -> Float[np.ndarray, " passage"]:
        """The score of each of these passages, whether a key finds it or not; rows ascend."""
        return self._match(keys, self._rare(keys), rows).scores(keys, len(rows))

    def _rare(self, keys: Keys) -> dict[int, Found]:
        """Places and rows of the keys that are rare enough to look at all of them."""
        counts = keys.ranges[: keys.singles, 1] - keys.ranges[: keys.singles, 0]
        found: dict[int, Found] = {}
        for view, places in enumerate(self._places):
            rare = (keys.views[: keys.singles] == view) & (counts <= self._settings.frequent)
            some = np.flatnonzero(rare).tolist()
            ranges = [(low, high) for low, high in keys.ranges[some].tolist()]
            found |= dict(zip(some, places.of_keys(ranges), strict=True))
        return found

    def _find(self, keys: Keys, rare: dict[int, Found]) -> Rows:
        """Rows of the passages to rank, ascending."""
        none = np.zeros(0, dtype=np.int64)
        rows = np.unique(np.concatenate([none, *(of_rows for _, of_rows in rare.values())]))
        if len(rows) <= self._settings.ranked:
            return rows
        owned = {key: (places, np.searchsorted(rows, of_rows)) for key, (places, of_rows) in rare.items()}
        scores = self._laid(keys, owned, rows, None).scores(keys, len(rows))
        return np.sort(rows[np.lexsort((rows, -scores))[: self._settings.ranked]])

    def _match(self, keys: Keys, rare: dict[int, Found], rows: Rows) -> Matches:
        """Lay all keys on the text of these passages."""
        texts = [places.text_of(rows) for places in self._places]
        owned: dict[int, Found] = {}
        for key in range(keys.singles):
            if key in rare:
                places, of_rows = rare[key]
                owners = np.searchsorted(rows, of_rows)
                is_asked = np.append(rows, -1)[owners] == of_rows
                owned[key] = places[is_asked], owners[is_asked]
            else:
                owned[key] = texts[keys.views[key]].find(self._in_index(keys, key))
        return self._laid(keys, owned, rows, texts[BODY])

    def _laid(self, keys: Keys, owned: dict[int, Found], rows: Rows, body: Text | None) -> Matches:
        """Lay keys on their places, the heaviest first, then single tokens on what is left of the body."""
        order = sorted(owned)
        every = dict.fromkeys(token for key in order for token in keys.tokens[key])
        tokens = [token for token in every if token not in self._delimiters]
        cover = Cover(self._sheets, len(rows), tokens, self._settings.repetition)
        found = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
        for key in order:
            places, owners = owned[key]
            if places.size:
                view = int(keys.views[key])
                of_passages, shares = cover.put(self._in_index(keys, key), view, places, owners)
                found.append((of_passages, np.full(len(of_passages), key), shares))
        if body is not None and keys.singles < len(keys.tokens):
            found.append(_single_tokens(keys, body, cover))
        self._sheets.clear()
        owners, of_keys, coefficients = (np.concatenate(each) for each in zip(*found, strict=True))
        return Matches(owners, of_keys, coefficients / self._lengthiness(rows)[owners])

    def _lengthiness(self, rows: Rows) -> Float[np.ndarray, " passage"]:
        """What passages are divided by: 1 for one of mean length; one without a body has a token."""
        share = self._settings.length_norm
        return 1 - share + share * self._places[BODY].lengths(rows).clip(min=1) / self._mean_length

    def _in_index(self, keys: Keys, key: int) -> tuple[int, ...]:
        """A key as it stands in its index: with its start, if it is a whole identifier."""
        is_part = keys.views[key] == BODY
        return keys.tokens[key] if is_part else (self._delimiters[0], *keys.tokens[key])


def _single_tokens(
    keys: Keys, body: Text, cover: Cover
) -> tuple[Int[np.ndarray, " match"], Int[np.ndarray, " match"], Float[np.ndarray, " match"]]:
    """Passages, keys and coefficients of the single tokens that stand where nothing lies."""
    alone = np.array([key[0] for key in keys.tokens[keys.singles :]], dtype=np.int64)
    key_of = np.full(max(alone.max(), body.tokens.max(initial=0)) + 1, -1)
    key_of[alone] = np.arange(keys.singles, len(keys.tokens))
    counts = np.flatnonzero(key_of[body.tokens] >= 0)
    owners, tokens, shares = cover.put_tokens(
        BODY, body.places[counts], body.owners[counts], body.tokens[counts]
    )
    return owners, key_of[tokens], shares
