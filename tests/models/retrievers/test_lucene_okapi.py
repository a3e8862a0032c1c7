import math

import pytest

from models.retrievers.lucene_okapi import LuceneOkapi


def test_scores_are_those_of_the_formula():
    # Term 7 is in 1 of 2 passages: idf = ln(1 + 1.5 / 1.5) = ln 2. Both passages are of mean length,
    # so the length factor is 1. Twice in the first: 2 / (2 + 1.2 · 1) = 0.625.
    index = LuceneOkapi([[7, 7], [8, 9]], k1=1.2, b=0.5)
    assert index.get_scores([7]).tolist() == pytest.approx([0.625 * math.log(2), 0])


def test_a_term_of_every_passage_scores_above_0():
    # idf = ln(1 + 0.5 / 2.5) = ln 1.2, where rank-bm25's own would be ln(0.5 / 2.5) < 0. f / (f + 1) = 1/2.
    index = LuceneOkapi([[7], [7]], k1=1.0, b=0.0)
    assert index.get_scores([7]).tolist() == pytest.approx([math.log(1.2) / 2] * 2)


def test_a_passage_without_words_scores_0_even_where_only_its_length_counts():
    assert LuceneOkapi([[7], []], k1=1.0, b=1.0).get_scores([7])[1] == 0
