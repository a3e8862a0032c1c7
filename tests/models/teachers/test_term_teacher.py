import numpy as np
from scipy.sparse import csr_array

from models.teachers.term_teacher import NEIGHBOURS, LazyTerms

TEXTS = [str(number) for number in range(NEIGHBOURS + 3)]


def encode(texts):
    return csr_array(np.float32([[int(text), 1] for text in texts]))


def test_texts_are_encoded_once_and_found_by_row():
    asked = []

    def counted(texts):
        asked.extend(texts)
        return encode(texts)

    terms = LazyTerms(TEXTS, counted)
    rows = np.array([NEIGHBOURS + 1, 3, 3, NEIGHBOURS + 2])
    for _ in range(2):
        assert terms.of(rows).toarray()[:, 0].tolist() == rows.tolist()
    assert sorted(asked, key=int) == TEXTS


def test_only_neighbours_of_what_is_asked_for_are_encoded():
    asked = []

    def counted(texts):
        asked.extend(texts)
        return encode(texts)

    assert LazyTerms(TEXTS, counted).of(np.array([NEIGHBOURS])).toarray().tolist() == [[NEIGHBOURS, 1]]
    assert asked == TEXTS[NEIGHBOURS:]
