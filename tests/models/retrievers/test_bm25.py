import gzip
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from data.schemas import QRELS
from data.tables import from_rows
from models.metrics import measure
from models.retriever import top_hits
from models.retrievers.bm25 import Bm25Config
from models.runs import retrieve

DATASETS = Path(__file__).resolve().parents[4] / "shared" / "datasets"
LIBRARIES = ["rank-bm25", "bm25s"]
TEXTS = st.lists(st.sampled_from(["rhine", "alps", "coal", "gold", "iron", "the"]), max_size=8).map(" ".join)
COLLECTIONS = st.lists(TEXTS, min_size=1, max_size=12)


@given(COLLECTIONS, st.lists(TEXTS, max_size=4), st.integers(1, 15), st.floats(0.01, 3), st.floats(0, 1))
def test_both_libraries_give_the_same_scores_and_the_same_order(passages, queries, depth, k1, b):
    one, two = (Bm25Config(library=library, k1=k1, b=b).build(passages) for library in LIBRARIES)
    for query in one.encode(queries):
        np.testing.assert_allclose(one.scores(query), two.scores(query), atol=1e-4)
    hits = [retriever.search(retriever.encode(queries), depth) for retriever in (one, two)]
    np.testing.assert_array_equal(hits[0].rows, hits[1].rows)
    np.testing.assert_allclose(hits[0].scores, hits[1].scores, atol=1e-4)


@given(COLLECTIONS, TEXTS, st.integers(1, 15))
def test_the_best_are_those_of_a_full_sort_with_ties_in_the_order_of_rows(passages, query, depth):
    retriever = Bm25Config(library="bm25s").build(passages)
    encoded = retriever.encode([query])
    scores = retriever.scores(encoded[0])
    rows = np.where(scores > 0, np.arange(len(passages)), -1)
    wanted = top_hits(scores[None], rows[None], depth)
    hits = retriever.search(encoded, depth)
    found = wanted.rows.shape[1]
    np.testing.assert_array_equal(hits.rows[:, :found], wanted.rows)
    np.testing.assert_array_equal(hits.scores[:, :found], wanted.scores)
    assert (hits.rows[:, found:] == -1).all()


@pytest.mark.parametrize("library", LIBRARIES)
def test_bm25_worked_by_hand(library):
    # river is in 2 of 3 passages: idf = ln(1 + 1.5 / 2.5) = 0.4700. Mean length 4/3.
    # "alps river": 1 / (1 + 1.5 (0.25 + 0.75 · 2 / (4/3))) = 1 / 3.0625, times idf = 0.1535
    # "river":      1 / (1 + 1.5 (0.25 + 0.75 · 1 / (4/3))) = 1 / 2.21875, times idf = 0.2118
    retriever = Bm25Config(library=library).build(["alps river", "river", "coal"])
    assert retriever.scores(retriever.encode(["river"])[0]).tolist() == pytest.approx(
        [0.15347, 0.21183, 0], abs=1e-5
    )
    hits = retriever.search(retriever.encode(["The river?"]), 3)
    assert hits.rows.tolist() == [[1, 0, -1]]
    assert hits.scores[0, 2] == -np.inf


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_word_that_is_asked_for_twice_counts_twice(library):
    retriever = Bm25Config(library=library).build(["river", "coal"])
    once, twice = (retriever.scores(each) for each in retriever.encode(["river", "river river"]))
    np.testing.assert_allclose(twice, 2 * once)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_word_of_every_passage_still_finds_them(library):
    retriever = Bm25Config(library=library).build(["river", "river", "river coal"])
    assert retriever.search(retriever.encode(["river"]), 3).rows.tolist() == [[0, 1, 2]]


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_query_without_any_known_word_finds_nothing(library):
    retriever = Bm25Config(library=library).build(["river", "coal"])
    hits = retriever.search(retriever.encode(["platinum", "the", ""]), 2)
    assert (hits.rows == -1).all()
    assert (hits.scores == -np.inf).all()


@pytest.mark.parametrize("library", LIBRARIES)
def test_passages_without_any_word_can_be_indexed(library):
    retriever = Bm25Config(library=library).build(["the", "?"])
    assert retriever.search(retriever.encode(["the river"]), 1).rows.tolist() == [[-1]]


def test_stop_words_and_stems_are_settings():
    passages = ["the rivers", "a coal"]

    def found(query, **settings):
        retriever = Bm25Config(**settings).build(passages)
        return retriever.search(retriever.encode([query]), 1).rows.item()

    assert found("the") == -1
    assert found("the", stopwords="none") == 0
    assert found("river") == -1
    assert found("river", stemmer="english") == 0


@pytest.mark.parametrize(("size", "library"), [(1, "rank-bm25"), (2, "bm25s")])
def test_a_large_collection_is_searched_with_bm25s(size, library):
    retriever = Bm25Config(large_passages=2, k1=0.9, b=0.4).build(["river"] * size)
    assert retriever.description == f"{library} lucene k1=0.9 b=0.4 idf=log(1+(N-n+.5)/(n+.5))"


@pytest.mark.parametrize("library", LIBRARIES)
def test_the_size_of_an_index_counts_its_postings(library):
    small, large = (
        Bm25Config(library=library).build([f"river{n % 10} coal" for n in range(size)]).index_bytes
        for size in (1_000, 2_000)
    )
    # A thousand passages more are two thousand postings of at least twelve bytes, and no new word.
    assert large - small >= 24_000


@pytest.mark.parametrize("wrong", [{"k1": 0}, {"b": 1.5}, {"library": "lucene"}, {"large_passages": 0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        Bm25Config(**wrong)


@pytest.mark.skipif(not DATASETS.is_dir(), reason="the collections of ../shared/datasets are not here")
@pytest.mark.parametrize(("name", "wanted"), [("nq-mini", 0.879), ("medquad", 0.516)])
def test_bm25_reaches_its_reference_on_a_real_collection(name, wanted):
    passages = sorted(_lines(DATASETS / name / "corpus.jsonl.gz"), key=lambda row: row["_id"])
    texts = {row["_id"]: row["text"] for row in _lines(DATASETS / name / "queries.jsonl.gz")}
    _, *judgements = (DATASETS / name / "qrels" / "test.tsv").read_text().splitlines()
    qrels = [(qid, pid, int(grade)) for qid, pid, grade in (line.split("\t") for line in judgements)]
    qids = sorted({qid for qid, _, _ in qrels})
    config = Bm25Config()
    retriever = config.build([config.template.format(**row).strip() for row in passages])
    queries = pa.table({"qid": qids, "text": [texts[qid] for qid in qids]})
    run = retrieve(retriever, queries, [row["_id"] for row in passages], 10, 256)
    means = measure(run, from_rows(qrels, QRELS), ["nDCG@10"]).to_pylist()
    assert [row["value"] for row in means if row["qid"] is None] == [pytest.approx(wanted, abs=0.005)]


def _lines(path):
    with gzip.open(path, "rt") as file:
        return [json.loads(line) for line in file]
