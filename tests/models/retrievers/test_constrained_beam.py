import math
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from data.errors import InputError
from models.retrievers.constrained_beam import constrained_beam

VOCABULARY = 5


class Words:
    """Only these may be written; a state is what was written so far."""

    start = ()

    def __init__(self, words):
        self.words = {tuple(word) for word in words}
        self.asked = 0

    def legal(self, states):
        self.asked += 1
        return [
            np.array(
                sorted({word[len(at)] for word in self.words if word[: len(at)] == at and word != at}), int
            )
            for at in states
        ]

    def after(self, state, token):
        return (*state, token)

    def is_whole(self, state):
        return state in self.words


class Scribe:
    """A model whose next token hangs on the query and the two tokens before; it counts what is asked."""

    def __init__(self, queries, seed=0, coarse=False):
        shape = (queries, VOCABULARY + 1, VOCABULARY + 1, VOCABULARY)
        logits = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
        # Coarse scores tie often.
        self.table = torch.round(logits) - 3 if coarse else torch.log_softmax(logits, -1)
        self.rows = [(query, VOCABULARY, VOCABULARY) for query in range(queries)]
        self.asked = [queries]

    def first(self):
        return self.table[:, VOCABULARY, VOCABULARY]

    def next(self, parents, tokens):
        self.rows = [
            (self.rows[parent][0], self.rows[parent][2], token)
            for parent, token in zip(parents.tolist(), tokens.tolist(), strict=True)
        ]
        self.asked.append(len(self.rows))
        return torch.stack([self.table[row] for row in self.rows])

    def score(self, query, word):
        at = (VOCABULARY, VOCABULARY, *word)
        return sum(self.table[query, at[i], at[i + 1], token].double().item() for i, token in enumerate(word))


words = st.sets(st.lists(st.integers(0, VOCABULARY - 1), min_size=1, max_size=4).map(tuple), max_size=12)
seeds = st.integers(0, 1000)


def exhaustive(scribe, query, allowed, max_tokens=4):
    found = [(scribe.score(query, word), word) for word in allowed if len(word) <= max_tokens]
    return sorted(found, key=lambda pair: (-round(pair[0], 9), pair[1]))


@given(words, seeds, st.booleans(), st.booleans())
def test_with_beams_enough_it_finds_what_trying_everything_finds(allowed, seed, keep_parts, coarse):
    scribe = Scribe(3, seed, coarse)
    found = constrained_beam(scribe, Words(allowed), beams=50, max_tokens=4, keep_parts=keep_parts)
    for query in range(3):
        expected = exhaustive(scribe, query, allowed)
        assert [each.tokens for each in found[query]] == [word for _, word in expected]
        np.testing.assert_allclose(
            [each.log_probability for each in found[query]], [score for score, _ in expected], atol=1e-5
        )


@given(words, seeds, st.integers(1, 4), st.integers(1, 4), st.booleans())
def test_nothing_illegal_is_written_and_nothing_twice(allowed, seed, beams, max_tokens, keep_parts):
    found = constrained_beam(
        Scribe(2, seed), Words(allowed), beams=beams, max_tokens=max_tokens, keep_parts=keep_parts
    )
    for hypotheses in found:
        tokens = [each.tokens for each in hypotheses]
        assert set(tokens) <= allowed
        assert len(set(tokens)) == len(tokens)
        assert all(len(each) <= max_tokens for each in tokens)
        assert keep_parts or len(tokens) <= beams
        scores = [each.log_probability for each in hypotheses]
        assert scores == sorted(scores, reverse=True)


@given(words, seeds, st.integers(1, 3))
def test_the_best_are_the_first_of_all_that_were_seen(allowed, seed, beams):
    short, long = (
        constrained_beam(Scribe(2, seed), Words(allowed), beams=beams, max_tokens=4, keep_parts=keep)
        for keep in (False, True)
    )
    assert short == [hypotheses[:beams] for hypotheses in long]


@given(words, words, seeds, st.integers(1, 3))
def test_queries_do_not_touch_each_other(first, second, seed, beams):
    scribe = Scribe(2, seed)
    together = constrained_beam(scribe, [Words(first), Words(second)], beams=beams, max_tokens=4)
    for query, allowed in enumerate((first, second)):
        alone = Scribe(1)
        alone.table = scribe.table[query : query + 1]
        assert (
            constrained_beam(alone, Words(allowed), beams=beams, max_tokens=4) == together[query : query + 1]
        )


def certain(rows):
    """A model that says the same after anything, for one query."""

    class Same(Scribe):
        def __init__(self):
            super().__init__(1)
            self.table = torch.tensor(rows).log().expand(1, VOCABULARY + 1, VOCABULARY + 1, VOCABULARY)

    return Same()


def test_a_beam_worked_by_hand():
    # Words 0, 01, 12. log p: first step 0 -> 0.5, 1 -> 0.25; both stand in a beam of two.
    # Then 01 = 0.5 * 0.25 = 0.125 and 12 = 0.25 * 0.125 = 0.03125.
    model = certain([0.5, 0.25, 0.125, 0.0625, 0.0625])
    found = constrained_beam(model, Words([(0,), (0, 1), (1, 2)]), beams=2, max_tokens=3)[0]
    assert [each.tokens for each in found] == [(0,), (0, 1)]
    assert [each.log_probability for each in found] == pytest.approx([math.log(0.5), math.log(0.125)])
    kept = constrained_beam(model, Words([(0,), (0, 1), (1, 2)]), beams=2, max_tokens=3, keep_parts=True)[0]
    assert [each.tokens for each in kept] == [(0,), (0, 1), (1, 2)]


def test_a_legal_word_is_found_though_the_model_wants_another():
    # Token 4 has 96 % at every step, and is never legal.
    model = certain([0.01, 0.01, 0.01, 0.01, 0.96])
    found = constrained_beam(model, Words([(2, 3)]), beams=3, max_tokens=5)[0]
    assert [each.tokens for each in found] == [(2, 3)]


def test_equal_scores_are_ordered_by_tokens():
    model = certain([0.2] * VOCABULARY)
    allowed = list(product(range(VOCABULARY), repeat=2))
    found = constrained_beam(model, Words(allowed), beams=6, max_tokens=2)[0]
    assert [each.tokens for each in found] == [(0, token) for token in range(5)] + [(1, 0)]


def test_what_has_probability_0_is_not_written():
    model = certain([1.0, 0.0, 0.0, 0.0, 0.0])
    assert constrained_beam(model, Words([(1,)]), beams=3, max_tokens=2) == [[]]


def test_the_model_is_asked_only_for_what_goes_on():
    scribe = Scribe(2)
    rules = [Words([(0,), (1,)]), Words([(0, 1), (2, 1), (3, 4, 4)])]
    constrained_beam(scribe, rules, beams=5, max_tokens=4)
    # The first query ends after a token; the second has three hypotheses, then one.
    assert scribe.asked == [2, 3, 1]


def test_a_rule_is_asked_once_a_step_for_all_queries():
    rule = Words([(0, 1, 2), (3,)])
    constrained_beam(Scribe(4), rule, beams=5, max_tokens=3)
    assert rule.asked == 3


def test_a_query_stops_when_nothing_can_come_among_its_best():
    model = certain([0.5, 0.3, 0.1, 0.05, 0.05])
    constrained_beam(model, Words([(0,), (1,), (2, 3, 4)]), beams=2, max_tokens=5)
    assert model.asked == [1]


def test_a_token_that_the_model_does_not_know_is_refused():
    with pytest.raises(
        InputError, match="found the legal token 7; expected one of the 5 that the model knows"
    ):
        constrained_beam(Scribe(1), Words([(7,)]), beams=2, max_tokens=2)


def test_a_model_that_gives_nan_is_refused():
    with pytest.raises(InputError, match="NaN among the log-probabilities"):
        constrained_beam(certain([math.nan] * 5), Words([(1,)]), beams=2, max_tokens=2)
