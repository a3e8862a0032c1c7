import torch
from hypothesis import given
from hypothesis import strategies as st

from models.retrievers.constrained_beam import constrained_beam
from models.retrievers.ngram_constraint import NgramConstraint
from tests.data.ngrams.small_texts import LONGEST, make_index, ngrams_of, texts

START, END, VOCABULARY = 4, 5, 6


class Scribe:
    """A model that says the same after anything."""

    def __init__(self, queries, seed):
        logits = torch.randn(VOCABULARY, generator=torch.Generator().manual_seed(seed))
        self.queries, self.row = queries, torch.log_softmax(logits, -1)

    def first(self):
        return self.row.expand(self.queries, -1)

    def next(self, parents, tokens):
        return self.row.expand(len(parents), -1)


def written(constraint, seed, beams):
    found = constrained_beam(Scribe(2, seed), constraint, beams=beams, max_tokens=12, keep_parts=True)
    assert found[0] == found[1]
    return [each.tokens for each in found[0]]


@given(texts, st.integers(0, 99))
def test_with_beams_enough_every_ngram_is_written_and_no_other(some, seed):
    constraint = NgramConstraint(make_index(some, vocabulary=VOCABULARY))
    found = written(constraint, seed, beams=300)
    assert len(found) == len(set(found))
    assert set(found) == set(ngrams_of(some))


@given(texts, st.integers(0, 99), st.integers(1, 3))
def test_few_beams_write_ngrams_too(some, seed, beams):
    constraint = NgramConstraint(make_index(some, vocabulary=VOCABULARY))
    assert set(written(constraint, seed, beams)) <= set(ngrams_of(some))


@given(texts, st.integers(0, 99), st.integers(1, 300))
def test_whole_sequences_are_written_from_start_to_end(some, seed, beams):
    delimited = [[START, *tokens, END] for tokens in some if tokens]
    index = make_index(delimited, longest=10, vocabulary=VOCABULARY)
    found = written(NgramConstraint(index, (START,), END), seed, beams)
    expected = {tuple(tokens[1:]) for tokens in delimited}
    assert set(found) <= expected
    assert beams < 100 or set(found) == expected


@given(texts)
def test_a_state_knows_how_often_it_occurs(some):
    constraint = NgramConstraint(make_index(some, vocabulary=VOCABULARY))
    for tokens, count in ngrams_of(some).items():
        states = [constraint.start, constraint.start]
        # With and without a look at what may follow.
        for token in tokens:
            constraint.legal(states[:1])
            states = [constraint.after(state, token) for state in states]
        assert [state.count for state in states] == [count, count]


def test_what_may_follow_by_hand():
    # 0 1 2 and 0 1: after 0 comes 1; after 0 1 comes 2 or nothing.
    constraint = NgramConstraint(make_index([[0, 1, 2], [0, 1]]))
    one = constraint.after(constraint.start, 0)
    two = constraint.after(one, 1)
    three = constraint.after(two, 2)
    assert [each.tolist() for each in constraint.legal([constraint.start, one, two, three])] == [
        [0, 1, 2],
        [1],
        [2],
        [],
    ]
    assert two.count == 2


def test_no_ngram_grows_longer_than_the_index_knows():
    constraint = NgramConstraint(make_index([[1] * 9]))
    state = constraint.start
    for _ in range(LONGEST):
        assert constraint.legal([state])[0].tolist() == [1]
        state = constraint.after(state, 1)
    assert constraint.legal([state])[0].tolist() == []
