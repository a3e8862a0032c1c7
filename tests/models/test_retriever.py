import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from models.retriever import top_hits

SCORES = st.lists(st.integers(-3, 3), min_size=1, max_size=12)


@given(scores=SCORES, depth=st.integers(1, 15), shuffle=st.randoms(use_true_random=False))
def test_order_is_by_score_then_row_whatever_order_they_come_in(scores, depth, shuffle):
    places = list(range(len(scores)))
    shuffle.shuffle(places)
    hits = top_hits(np.float32([[scores[p] for p in places]]), np.array([places]), depth)
    expected = sorted(range(len(scores)), key=lambda row: (-scores[row], row))[:depth]
    assert hits.rows[0].tolist() == expected
    assert hits.scores[0].tolist() == [scores[row] for row in expected]


def test_empty_places_come_last_without_a_score():
    # Row -1 marks an empty place; its score, whatever it was, does not count.
    hits = top_hits(np.float32([[9.0, 1.0, 2.0]]), np.array([[-1, 5, 3]]), 3)
    assert hits.rows.tolist() == [[3, 5, -1]]
    assert hits.scores.tolist() == [[2.0, 1.0, -np.inf]]
