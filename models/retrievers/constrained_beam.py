"""Write the likeliest texts that a rule allows, token by token, for many queries at once.

    S(y_1 … y_t) = Σ_i log p(y_i | query, y_<i),    y_t ∈ legal(y_<t)

Of each query the ``beams`` best hypotheses of a length are kept and go on. A hypothesis that the rule calls
whole is written down whenever it stands in the beam, and goes on too if something may follow it. Only legal
tokens are looked at: their scores are gathered, never the vocabulary masked, so that nothing illegal can be
written however unlikely everything legal is. A query with fewer hypotheses than beams has fewer rows; there
is no padding. Equal scores are ordered by their tokens.

Sources: De Cao et al. 2021 (a trie), https://arxiv.org/abs/2010.00904; Bevilacqua et al. 2022, SEAL (an index
of n-grams, and partial hypotheses kept), https://arxiv.org/abs/2204.10628
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from data.errors import InputError

Places = Int64[np.ndarray, " place"]


@runtime_checkable
class Steps(Protocol):
    """A model that writes, one token at a time, for many hypotheses (rows) at once."""

    def first(self) -> Float[Tensor, "query vocab"]:
        """Log-probabilities of the first token, a row per query."""
        ...

    def next(
        self, parents: Int64[Tensor, " row"], tokens: Int64[Tensor, " row"]
    ) -> Float[Tensor, "row vocab"]:
        """Log-probabilities of the token after ``tokens``, each of which is added to a row of the last call.

        Args:
            parents: rows of the call before; some have no child, some have many. They are on the CPU.
            tokens: what is appended to each.
        """
        ...


@runtime_checkable
class Constraint(Protocol):
    """What may be written. A state is whatever the constraint needs to know of what was written so far."""

    @property
    def start(self) -> Any:  # noqa: ANN401  (the constraint's own)
        """State in which nothing is written yet."""
        ...

    def legal(self, states: Sequence[Any]) -> list[npt.NDArray[np.integer]]:
        """Tokens that may follow each state, ascending and distinct; none where nothing may."""
        ...

    def after(self, state: Any, token: int) -> Any:  # noqa: ANN401
        """State after a legal token."""
        ...

    def is_whole(self, state: Any) -> bool:  # noqa: ANN401
        """Say whether what is written may stand as it is."""
        ...


@dataclass(frozen=True)
class Written:
    """A whole hypothesis and the sum of the log-probabilities of its tokens."""

    tokens: tuple[int, ...]
    log_probability: float


@dataclass(frozen=True)
class _Rows:
    """Hypotheses of one length, those of a query together and in the order of their tokens."""

    query: Places
    tokens: Int64[np.ndarray, "place length"]
    total: npt.NDArray[np.float64]
    states: list[Any]

    def take(self, places: Places) -> "_Rows":
        states = [self.states[place] for place in places]
        return _Rows(self.query[places], self.tokens[places], self.total[places], states)


def constrained_beam(
    steps: Steps,
    constraint: Constraint | Sequence[Constraint],
    *,
    beams: int,
    max_tokens: int,
    keep_parts: bool = False,
) -> list[list[Written]]:
    """Write whole hypotheses of each query, best first.

    With ``keep_parts`` every whole hypothesis that ever stood in the beam is given, else the ``beams`` best
    of them; then a query stops as soon as nothing can come among these, for log-probabilities only fall.

    Args:
        steps: the model.
        constraint: one for all queries, or one per query.
        beams: hypotheses of a query that go on.
        max_tokens: of the longest hypothesis.
        keep_parts: whether to give all that were seen.

    Raises:
        InputError: the model gives NaN, or knows fewer tokens than the constraint allows.
    """
    log_probabilities = steps.first()
    queries = log_probabilities.shape[0]
    rules = list(constraint) if isinstance(constraint, Sequence) else [constraint] * queries
    written: list[list[Written]] = [[] for _ in range(queries)]
    none = np.zeros((queries, 0), dtype=np.int64)
    rows = _Rows(np.arange(queries), none, np.zeros(queries), [rule.start for rule in rules])
    legal = _legal(rows, rules)
    for length in range(1, max_tokens + 1):
        parents, rows = _best(log_probabilities, rows, legal, beams)
        rows = _moved(rows, rules)
        _write_down(rows, rules, written)
        if length == max_tokens:
            break
        if not keep_parts:
            hopeful = _hopeful(rows, written, beams)
            parents, rows = parents[hopeful], rows.take(hopeful)
        legal = _legal(rows, rules)
        alive = np.flatnonzero([len(tokens) > 0 for tokens in legal])
        if not alive.size:
            break
        parents, rows, legal = parents[alive], rows.take(alive), [legal[place] for place in alive]
        log_probabilities = steps.next(torch.from_numpy(parents), torch.from_numpy(rows.tokens[:, -1].copy()))
    return [_ordered(found)[: None if keep_parts else beams] for found in written]


def _legal(rows: _Rows, rules: Sequence[Constraint]) -> list[npt.NDArray[np.integer]]:
    """Legal tokens of every row: each rule is asked once for all of its rows."""
    of_rule: dict[int, list[int]] = {}
    for place, query in enumerate(rows.query.tolist()):
        of_rule.setdefault(id(rules[query]), []).append(place)
    found: list[Any] = [None] * len(rows.states)
    for places in of_rule.values():
        rule = rules[rows.query[places[0]]]
        for place, tokens in zip(places, rule.legal([rows.states[at] for at in places]), strict=True):
            found[place] = tokens
    return found


def _best(
    log_probabilities: Tensor, rows: _Rows, legal: Sequence[npt.NDArray[np.integer]], beams: int
) -> tuple[Places, _Rows]:
    """Rows that the best continuations come from, and these, still with the states of their parents."""
    sizes = np.array([len(tokens) for tokens in legal], dtype=np.int64)
    parents = np.repeat(np.arange(len(sizes)), sizes)
    tokens = np.concatenate([np.zeros(0, np.int64), *legal]).astype(np.int64, copy=False)
    totals = rows.total[parents] + _gathered(log_probabilities, parents, tokens)
    # Where each query's continuations begin and end, for its rows lie together.
    ends = np.concatenate([[0], np.cumsum(sizes)])
    turns = np.flatnonzero(np.diff(rows.query, prepend=-1, append=-1))
    chosen = [
        first + _top(totals[first:last], beams)
        for first, last in zip(ends[turns[:-1]], ends[turns[1:]], strict=True)
    ]
    kept = np.concatenate([np.zeros(0, np.int64), *chosen])
    parents, tokens = parents[kept], tokens[kept]
    longer = rows.take(parents)
    text = np.concatenate([longer.tokens, tokens[:, None]], axis=1)
    return parents, _Rows(longer.query, text, totals[kept], longer.states)


def _gathered(log_probabilities: Tensor, parents: Places, tokens: Places) -> npt.NDArray[np.float32]:
    """Log-probability of each token in its row; one with NaN stops everything."""
    vocabulary = log_probabilities.shape[1]
    if tokens.size and tokens.max() >= vocabulary:
        raise InputError(
            where="constrained writing",
            found=f"the legal token {tokens.max()}",
            expected=f"one of the {vocabulary} that the model knows",
            advice="Make the identifiers with the tokenizer of the model.",
        )
    flat = torch.from_numpy(parents * vocabulary + tokens).to(log_probabilities.device)
    found = torch.take(log_probabilities, flat).float().cpu().numpy()
    if np.isnan(found).any():
        raise InputError(
            where="constrained writing",
            found="NaN among the log-probabilities of tokens",
            expected="numbers",
            advice='Train with a lower learning_rate, or with precision = "float32".',
        )
    return found


def _top(totals: npt.NDArray[np.float64], beams: int) -> Places:
    """Places of the ``beams`` highest totals, ascending: the first of equal ones, none of probability 0."""
    if totals.size > beams:
        limit = np.partition(totals, totals.size - beams)[totals.size - beams]
        above = np.flatnonzero(totals > limit)
        ties = np.flatnonzero(totals == limit)[: beams - above.size]
        places = np.sort(np.concatenate([above, ties]))
    else:
        places = np.arange(totals.size)
    return places[totals[places] > -np.inf]


def _moved(rows: _Rows, rules: Sequence[Constraint]) -> _Rows:
    """Rows with the states after their last tokens."""
    lasts = zip(rows.query.tolist(), rows.states, rows.tokens[:, -1].tolist(), strict=True)
    states = [rules[query].after(state, token) for query, state, token in lasts]
    return _Rows(rows.query, rows.tokens, rows.total, states)


def _write_down(rows: _Rows, rules: Sequence[Constraint], written: list[list[Written]]) -> None:
    for place, query in enumerate(rows.query.tolist()):
        if rules[query].is_whole(rows.states[place]):
            tokens = tuple(rows.tokens[place].tolist())
            written[query].append(Written(tokens, float(rows.total[place])))


def _hopeful(rows: _Rows, written: list[list[Written]], beams: int) -> Places:
    """Places of the rows that may still come among the ``beams`` best; those that tie may not be dropped."""
    limits = np.full(len(written), -np.inf)
    for query in np.unique(rows.query).tolist():
        if len(written[query]) >= beams:
            limits[query] = sorted(each.log_probability for each in written[query])[-beams]
    return np.flatnonzero(rows.total >= limits[rows.query])


def _ordered(found: list[Written]) -> list[Written]:
    return sorted(found, key=lambda each: (-each.log_probability, each.tokens))
