import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import tables
from data.schemas import PASSAGES
from data.spreading import spread_by
from data.tables import from_rows
from models.spread_encoding import Source, encoded, save_vectors


class Lengths:
    """Characters and words, and a digit that depends on what it was told to work as."""

    width = 3
    opened = 0

    def __init__(self):
        self.chosen = "as it likes"
        type(self).opened += 1

    def facts(self):
        return {"attention": self.chosen}

    def work_as(self, facts):
        self.chosen = facts["attention"]

    def encode_passages(self, texts):
        self.chosen = self.chosen if self.chosen.startswith("measured") else f"measured on {texts[0]}"
        return np.float32([[len(text), len(text.split()), len(self.chosen)] for text in texts])


def here(work, pieces, what):
    done = []
    for piece in pieces:
        done.append(work(piece, done[0] if done else None))
    return done


def passages(folder, texts):
    path = folder / "passages.parquet"
    tables.write(
        from_rows([(f"p{n:02}", "", text) for n, text in enumerate(texts)], PASSAGES), PASSAGES, path
    )
    return path


TEXTS = st.lists(st.sampled_from(["rhine", "gold and iron", "the alps"]), max_size=9)


@given(TEXTS, st.integers(1, 10))
def test_chunks_that_another_encodes_are_those_that_are_encoded_here(tmp_path_factory, store, texts, chunk):
    source = Source(Lengths, passages(tmp_path_factory.mktemp("p"), texts), "{text}", chunk)
    with encoded(source, store) as found:
        local = [(table.to_pydict(), vectors.tolist()) for table, vectors in found.chunks]
        facts = found.facts()
    with spread_by(here), encoded(source, store) as found:
        assert found.width == 3
        assert [(table.to_pydict(), vectors.tolist()) for table, vectors in found.chunks] == local
        assert found.facts() == facts
    assert not [*(store.root / ".drafts").glob("*")]


def test_an_encoder_is_opened_once_for_all_chunks(tmp_path, store):
    Lengths.opened = 0
    source = Source(Lengths, passages(tmp_path, ["a", "b", "c"]), "{text}", 1)
    with spread_by(here), encoded(source, store) as found:
        assert len([*found.chunks]) == 3
    assert Lengths.opened == 1


@pytest.mark.parametrize("chunk", [1, 2, 5])
def test_saved_vectors_by_hand(tmp_path, store, chunk):
    source = Source(Lengths, passages(tmp_path, ["rhine", "the alps", "gold"]), "{text}", chunk)
    with encoded(source, store) as found:
        save_vectors(found, 3, tmp_path / "vectors.npy")
    # "rhine" has 5 characters and 1 word, "the alps" 8 and 2, "gold" 4 and 1; "measured on rhine" has 17.
    assert np.load(tmp_path / "vectors.npy").tolist() == [[5, 1, 17], [8, 2, 17], [4, 1, 17]]


def test_a_chunk_is_read_by_its_first_row(tmp_path):
    source = Source(Lengths, passages(tmp_path, list("abcde")), "{text}", 2)
    assert [source.table(start) for start in source.starts] == [*source.tables()]
    assert isinstance(source.table(4), pa.Table)
