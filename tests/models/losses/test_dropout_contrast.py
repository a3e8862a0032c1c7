import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.clustering.prefix_tree import IGNORED
from models.losses.dropout_contrast import dropout_contrast

PATHS = [[0, 2, IGNORED], [1, 0, 2], [1, 1, 2], [0, 2, IGNORED]]


def states(queries, seed, positions=3):
    return torch.randn(queries, positions, 4, generator=torch.Generator().manual_seed(seed))


def by_loops(first, second, paths, temperature):
    """The mean of the definition, a state at a time."""
    terms = []
    for position in range(paths.shape[1]):
        for one, other in ((first, second), (second, first)):
            for query, path in enumerate(paths.tolist()):
                if path[position] == IGNORED:
                    continue

                def near(state, own=one[query, position]):
                    return math.exp(torch.cosine_similarity(own, state, dim=0).item() / temperature)

                itself = near(other[query, position])
                rivals = [
                    near(states[rival, position])
                    for rival, written in enumerate(paths.tolist())
                    if written != path and written[position] != IGNORED
                    for states in (first, second)
                ]
                terms.append(-math.log(itself / (itself + sum(rivals))))
    return sum(terms) / len(terms)


@given(
    st.lists(st.sampled_from(PATHS), min_size=1, max_size=6),
    st.integers(0, 99),
    st.sampled_from([0.05, 0.3, 1.0]),
)
def test_it_is_the_mean_of_the_definition(paths, seed, temperature):
    first, second = states(len(paths), seed), states(len(paths), seed + 100)
    paths = torch.tensor(paths)
    found = dropout_contrast(first, second, paths, temperature).item()
    assert found == pytest.approx(by_loops(first, second, paths, temperature), rel=1e-4, abs=1e-5)


@given(st.permutations(range(4)), st.integers(0, 99))
def test_neither_order_nor_lengths_nor_which_pass_was_first_matter(order, seed):
    first, second, paths = states(4, seed), states(4, seed + 100), torch.tensor(PATHS)
    before = dropout_contrast(first, second, paths, 0.5)
    after = dropout_contrast(3.0 * second[list(order)], first[list(order)], paths[list(order)], 0.5)
    torch.testing.assert_close(before, after)


def test_queries_that_write_the_same_do_not_repel_each_other():
    """Nothing is to be told apart: no loss and no gradient, but a number."""
    first = states(3, 0).requires_grad_()
    found = dropout_contrast(first, states(3, 1), torch.tensor([PATHS[1]] * 3), 0.05)
    found.backward()
    assert found.item() == pytest.approx(0.0, abs=1e-6)
    assert first.grad.abs().max() < 1e-6


def test_what_stands_before_no_token_has_no_gradient():
    first = states(4, 0).requires_grad_()
    dropout_contrast(first, states(4, 1), torch.tensor(PATHS), 0.5).backward()
    assert first.grad.isfinite().all()
    assert (first.grad.abs().sum(-1) > 0).equal(torch.tensor(PATHS) != IGNORED)


def test_passes_that_agree_and_queries_that_differ_cost_less():
    first, paths = states(2, 0), torch.tensor(PATHS[1:3])
    agreed = dropout_contrast(first, first, paths, 0.5)
    assert agreed < dropout_contrast(first, first.flip(0), paths, 0.5)
    assert agreed < dropout_contrast(first, -first, paths, 0.5)
