import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from data.errors import InputError
from models.retriever import top_hits
from models.retrievers.faiss_index import FaissIndex, FlatConfig, HnswConfig, IvfConfig

KINDS = [FlatConfig(), IvfConfig(lists=8, probes=4), HnswConfig(links=4)]


def clustered(passages, queries, seed=0):
    """Unit vectors around 20 centres."""
    draw = np.random.default_rng(seed)
    centres = draw.normal(size=(20, 16))
    points = centres[draw.integers(20, size=passages + queries)] + 0.3 * draw.normal(
        size=(passages + queries, 16)
    )
    points = (points / np.linalg.norm(points, axis=1, keepdims=True)).astype(np.float32)
    return points[:passages], points[passages:]


def brute_force(vectors, queries, depth):
    scores = np.einsum("qd,pd->qp", queries.astype(np.float64), vectors.astype(np.float64)).astype(np.float32)
    rows = np.broadcast_to(np.arange(len(vectors)), scores.shape)
    return top_hits(scores, rows, depth)


@given(st.integers(1, 60), st.integers(0, 30), st.integers(1, 8), st.integers(1, 70), st.integers(0, 9))
def test_flat_is_exact_and_equal_passages_are_ordered_by_row(size, queries, distinct, depth, seed):
    draw = np.random.default_rng(seed)
    # Few distinct vectors of small whole numbers: nearly every score is shared by many passages.
    kinds = draw.integers(-2, 3, size=(distinct, 3)).astype(np.float32)
    vectors = kinds[draw.integers(distinct, size=size)]
    asked = draw.integers(-2, 3, size=(queries, 3)).astype(np.float32)
    hits = FaissIndex(vectors, FlatConfig()).search(asked, depth)
    wanted = brute_force(vectors, asked, depth)
    assert hits.rows.shape == (queries, depth)
    np.testing.assert_array_equal(hits.rows[:, :size], wanted.rows)
    np.testing.assert_array_equal(hits.scores[:, :size], wanted.scores)
    assert (hits.rows[:, size:] == -1).all()


@pytest.mark.parametrize("config", KINDS, ids=lambda config: config.kind)
@pytest.mark.parametrize("batch", [1, 7, 50])
def test_hits_do_not_depend_on_the_batch(config, batch):
    vectors, queries = clustered(500, 50)
    index = FaissIndex(vectors, config)
    whole = index.search(queries, 10)
    for start in range(0, 50, batch):
        part = index.search(queries[start : start + batch], 10)
        np.testing.assert_array_equal(part.rows, whole.rows[start : start + batch])
        np.testing.assert_array_equal(part.scores, whole.scores[start : start + batch])


@pytest.mark.parametrize("config", [IvfConfig(), HnswConfig()], ids=lambda config: config.kind)
def test_approximate_indexes_find_nine_tenths(config):
    vectors, queries = clustered(4_000, 200)
    hits = FaissIndex(vectors, config).search(queries, 10)
    wanted = brute_force(vectors, queries, 10)
    shared = [np.intersect1d(a, b).size for a, b in zip(hits.rows, wanted.rows, strict=True)]
    assert np.mean(shared) / 10 > 0.9


@pytest.mark.parametrize("config", KINDS, ids=lambda config: config.kind)
def test_two_builds_are_equal(config):
    vectors, queries = clustered(3_000, 20)
    one, two = (FaissIndex(vectors, config).search(queries, 30) for _ in range(2))
    np.testing.assert_array_equal(one.rows, two.rows)
    np.testing.assert_array_equal(one.scores, two.scores)


@pytest.mark.parametrize("size", [1, 5, 100])
def test_ivf_makes_no_more_lists_than_vectors_allow(size, capfd):
    vectors, queries = clustered(size, 3)
    hits = FaissIndex(vectors, IvfConfig(lists=64, probes=64)).search(queries, size)
    assert np.sort(hits.rows, axis=1).tolist() == [list(range(size))] * 3
    # FAISS would warn about too few vectors.
    assert capfd.readouterr().err == ""


def test_the_lists_of_ivf_that_are_not_looked_at_leave_empty_places():
    vectors, queries = clustered(400, 5)
    hits = FaissIndex(vectors, IvfConfig(lists=10, probes=1)).search(queries, 400)
    found = (hits.rows >= 0).sum(axis=1)
    assert ((found > 0) & (found < 400)).all()
    assert (hits.scores[hits.rows < 0] == -np.inf).all()


def test_the_size_of_a_flat_index_is_that_of_its_vectors():
    # 500 · 16 · 4 bytes = 32,000, and a header.
    index = FaissIndex(clustered(500, 0)[0], FlatConfig())
    assert 32_000 <= index.bytes < 32_100


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_vectors_that_are_not_numbers_are_refused(value):
    vectors, queries = clustered(10, 4)
    queries[2, 1] = value
    with pytest.raises(
        InputError, match=r"NaN or infinity .* 1 of 4 texts, the first that of the query in row 2"
    ):
        FaissIndex(vectors, FlatConfig()).search(queries, 3)
    vectors[[4, 7], 0] = value
    with pytest.raises(
        InputError, match=r"2 of 10 texts, the first that of the passage in row 4; expected num"
    ):
        FaissIndex(vectors, FlatConfig())


@pytest.mark.parametrize(
    ("config", "field"), [(IvfConfig, "lists"), (IvfConfig, "probes"), (HnswConfig, "links")]
)
def test_impossible_settings_are_refused(config, field):
    with pytest.raises(ValidationError, match=field):
        config(**{field: 0})


@pytest.mark.parametrize("first", ["faiss", "torch"])
def test_faiss_and_torch_share_a_process(first):
    # Each brings its own threads; a clash shows as a hang or a crash.
    code = f"""
import {first}, faiss, torch, numpy
for _ in range(3):
    product = torch.randn(600, 600) @ torch.randn(600, 600)
    index = faiss.IndexFlatIP(600)
    index.add(product.numpy())
    index.search(product.numpy(), 5)
"""
    done = subprocess.run([sys.executable, "-c", code], timeout=90, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
