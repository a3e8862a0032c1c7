import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from models.degeneration import Degeneration, degeneration, degeneration_facts

GRIDS = arrays(np.float32, (3, 4, 2), elements=st.floats(-10, 10, width=32))


@given(GRIDS)
def test_the_parts_are_shares_of_the_whole_variance(vectors):
    found = degeneration(vectors)
    assert 0 <= found.from_other <= 1
    assert 0 <= found.spread <= 1 + 1e-9
    exact = vectors.astype(np.float64).reshape(-1, 2)
    length = np.square(exact).sum(1).mean()
    if length > 1e-6:
        assert found.spread == pytest.approx(exact.var(axis=0).sum() / length, abs=1e-6)


def test_the_shares_worked_by_hand():
    # one dimension: own a gives 0 and 2 (variance 1), own b gives 6 and 8 (1): within 1;
    # means 1 and 7: between 9. Share 1/10. Squares 0, 4, 36, 64: mean 26; spread 10/26.
    found = degeneration(np.float32([[[0], [2]], [[6], [8]]]))
    assert found.from_other == pytest.approx(0.1)
    assert found.spread == pytest.approx(10 / 26)


def test_a_vector_that_knows_its_own_text_alone_is_sound():
    own = np.float32([[1, 0], [0, 1], [2, 2]])
    assert degeneration(np.repeat(own[:, None], 5, axis=1)).from_other == 0


def test_a_constant_side_is_wholly_degenerate():
    assert degeneration(np.ones((3, 4, 2), np.float32)) == Degeneration(from_other=1.0, spread=0.0)
    assert degeneration(np.zeros((3, 4, 2), np.float32)) == Degeneration(from_other=1.0, spread=0.0)


def test_each_side_is_measured_over_the_other():
    # A query's vector is the number of its passage, and a passage's that of itself.
    by_passage = np.broadcast_to(np.float32([1, 2, 3])[None, :, None], (2, 3, 1)).copy()
    facts = degeneration_facts(by_passage, by_passage)
    assert facts["query_from_other"] == 1.0
    assert facts["passage_from_other"] == 0.0
