"""The keys of queries: what a model would call the passages that answer them.

Keys are what the model writes under the index's constraint in each view (titles and pseudo-queries whole,
n-grams of the body at every length they had on the way), the query's own sequences of one to three words that
stand in the index, and the likeliest single tokens. log p of what was written is known from the writing; that
of the query's own words is computed in one teacher-forced pass, a beginning for nothing with what it begins.

Source: SEAL, https://arxiv.org/abs/2204.10628, and the code of MINDER, https://github.com/liyongqi67/MINDER.
Differs: what was written is not scored again, for the sums would be the same; body keys are scored with the
input they were written for, not with the bare query; the query's own words and single tokens are looked for
in the body, not in all views; and probabilities are shares among the tokens that the index has.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.encoders.seq2seq import Identifier, Seq2Seq
from models.generative_settings import GenerativeSettings
from models.identifiers import VIEWS, Identifiers
from models.losses.log_odds import log_share, weight
from models.retrievers.constrained_beam import Constraint, constrained_beam
from models.retrievers.identifier_keys import BODY, Keys, marked, weights

# View and tokens of a key: its log-probability, and whether that is to be raised.
Known = dict[tuple[int, Identifier], tuple[float, bool]]


class KeyWriter:
    """Writes the keys of queries.

    Args:
        model: speaks the tokens of the index alone.
        identifiers: the index.
        settings: how many keys, how long, how heavy.
    """

    def __init__(self, model: Seq2Seq, identifiers: Identifiers, settings: GenerativeSettings) -> None:
        self._model = model
        self._identifiers = identifiers
        self._settings = settings
        self._indexes = [identifiers.views[view] for view in VIEWS]
        self._total = sum(index.size for index in self._indexes)
        tokens, counts = self._indexes[BODY].next_tokens(self._indexes[BODY].everything, 0)
        self._body_tokens = torch.tensor(np.asarray(tokens, np.int64))
        self._body_shares = log_share(torch.tensor(np.asarray(counts, np.int64)), self._total)

    @torch.inference_mode()
    def keys(self, queries: Sequence[str]) -> list[Keys]:
        """Write the keys of each query."""
        found: list[Keys] = []
        for start in range(0, len(queries), self._settings.batch_queries):
            found += self._some(queries[start : start + self._settings.batch_queries])
        return found

    def _some(self, queries: Sequence[str]) -> list[Keys]:
        known: list[Known] = [{} for _ in queries]
        firsts = torch.zeros(0)
        for place, view in enumerate(VIEWS):
            texts = [marked(query, view) for query in queries]
            steps = self._model.writer(texts)
            written = constrained_beam(
                steps,
                Columns(self._identifiers.constraint(view), self._model),
                beams=self._settings.beams,
                # Of what is whole the start is given.
                max_tokens=self._indexes[place].longest - (view != "body"),
                keep_parts=view == "body",
            )
            for keys, texts_of_query in zip(known, written, strict=True):
                for each in texts_of_query:
                    tokens = tuple(self._model.spoken(torch.tensor(each.tokens)).tolist())
                    keys[place, tokens] = each.log_probability, view == "query"
            if view == "body":
                firsts = steps.likely_first
                self._add_own(known, queries, texts)
        return [self._weighted(*each) for each in zip(known, firsts, strict=True)]

    def _add_own(self, known: Sequence[Known], queries: Sequence[str], texts: Sequence[str]) -> None:
        """Add the query's own n-grams of words that stand in the index."""
        own = [self._own(query) for query in queries]
        longest = [_longest(each) for each in own]
        rows = torch.tensor([row for row, each in enumerate(longest) for _ in each], dtype=torch.long)
        asked = [key for each in longest for key in each]
        likely = self._model.token_log_probabilities(self._model.read(texts), rows, asked).cumsum(1).tolist()
        beginnings: list[dict[Identifier, float]] = [{} for _ in queries]
        for row, key, totals in zip(rows.tolist(), asked, likely, strict=True):
            beginnings[row] |= {key[:length]: totals[length - 1] for length in range(1, len(key) + 1)}
        for keys, found, of_key in zip(known, own, beginnings, strict=True):
            for key in found:
                keys.setdefault((BODY, key), (of_key[key], False))

    def _own(self, query: str) -> list[Identifier]:
        words = re.findall(r"\w+", query)
        lengths = range(1, self._settings.own_words + 1)
        texts = [" ".join(words[at : at + n]) for n in lengths for at in range(len(words) - n + 1)]
        both = list(dict.fromkeys([*texts, *map(str.lower, texts)]))
        index = self._indexes[BODY]
        keys = [tuple(each) for each in self._identifiers.encode(both)]
        keys = [key for key in dict.fromkeys(keys) if 0 < len(key) <= index.longest]
        lows, highs = index.ranges_of(keys)
        return [key for key, count in zip(keys, highs - lows, strict=True) if count]

    def _weighted(self, known: Known, first: Tensor) -> Keys:
        """Give keys their weights, in that order; single tokens come after."""
        keys = [key for _, key in known]
        views = np.array([view for view, _ in known], dtype=np.int64)
        ranges = np.zeros((len(keys), 2), dtype=np.int64)
        for place, view in enumerate(VIEWS):
            some = np.flatnonzero(views == place)
            found = self._identifiers.ranges_of(view, [keys[key] for key in some])
            ranges[some] = np.stack(found, axis=1)
        counts = ranges[:, 1] - ranges[:, 0]
        likely = torch.tensor([each for each, _ in known.values()])
        shares = log_share(torch.tensor(counts), self._total)
        is_raised = torch.tensor([each for _, each in known.values()], dtype=torch.bool)
        weighs = weights(likely, shares, is_raised, self._settings).numpy()
        order = np.argsort(-weighs, kind="stable")
        order = order[(weighs[order] > 0) & (counts[order] <= self._settings.too_frequent)]
        singles, of_tokens = self._singles(first)
        alone = [(token,) for token in self._body_tokens[singles].tolist()]
        body = self._indexes[BODY]
        likely = torch.cat([likely[order], of_tokens[singles]])
        shares = torch.cat([shares[order], self._body_shares[singles]])
        is_raised = torch.cat([is_raised[order], torch.zeros(len(alone), dtype=torch.bool)])
        return Keys(
            tokens=[*(keys[key] for key in order), *alone],
            views=np.concatenate([views[order], np.full(len(alone), BODY)]),
            log_probability=likely.numpy(),
            log_share=shares.numpy(),
            is_raised=is_raised.numpy(),
            weight=weights(likely, shares, is_raised, self._settings).numpy(),
            ranges=np.concatenate([ranges[order], np.stack(body.ranges_of(alone), axis=1)]),
            singles=len(order),
        )

    def _singles(self, first: Tensor) -> tuple[npt.NDArray[np.int64], Tensor]:
        """Rows of ``_body_tokens`` that are likely first tokens and weigh anything, the heaviest first."""
        likely = first[self._model.places(self._body_tokens.to(first.device))].cpu()
        weighs = weight(likely, self._body_shares)
        most = likely.topk(min(self._settings.single_tokens, len(likely))).indices
        most = most[weighs[most].argsort(descending=True, stable=True)]
        return most[weighs[most] > 0].numpy(), likely


class Columns:
    """A constraint whose tokens are columns of the model's outputs (``Seq2Seq.speaks``)."""

    def __init__(self, rule: Constraint, model: Seq2Seq) -> None:
        self._rule = rule
        everything = torch.arange(model.decoder.vocabulary, device=model.device)
        self._columns = model.places(everything).cpu().numpy()
        self._tokens: list[int] = (everything if model.tokens is None else model.tokens).tolist()

    @property
    def start(self) -> Any:  # noqa: ANN401  (the rule's own)
        """State in which nothing is written yet."""
        return self._rule.start

    def legal(self, states: Sequence[Any]) -> list[npt.NDArray[np.integer]]:
        """Columns that may follow each state."""
        return [self._columns[tokens] for tokens in self._rule.legal(states)]

    def after(self, state: Any, token: int) -> Any:  # noqa: ANN401
        """State after a column."""
        return self._rule.after(state, self._tokens[token])

    def is_whole(self, state: Any) -> bool:  # noqa: ANN401
        """Say whether what is written may stand as it is."""
        return self._rule.is_whole(state)


def _longest(keys: Sequence[Identifier]) -> list[Identifier]:
    """Keys that are no beginning of another.

    >>> _longest([(1,), (1, 2), (3,)])
    [(1, 2), (3,)]
    """
    ordered = sorted(keys)
    # All that a key begins stands right behind it.
    after = [*ordered, ()][1:]
    return [key for key, other in zip(ordered, after, strict=True) if other[: len(key)] != key]
