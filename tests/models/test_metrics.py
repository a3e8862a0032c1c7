import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from data.errors import ConfigError
from data.schemas import QRELS, RUN
from data.tables import from_rows
from models.metrics import USUAL, MeasureName, measure, parse

PASSAGES = [f"p{number:02}" for number in range(30)]
GRADES = st.dictionaries(st.sampled_from(PASSAGES), st.integers(0, 3), min_size=1, max_size=12)
RANKINGS = st.lists(st.sampled_from(PASSAGES), unique=True, max_size=25)


def run_of(rankings, scores=None):
    rows = [
        (qid, pid, rank, scores[rank - 1] if scores else -rank)
        for qid, ranking in rankings.items()
        for rank, pid in enumerate(ranking, start=1)
    ]
    return from_rows(rows, RUN)


def qrels_of(grades):
    return from_rows([(qid, pid, g) for qid, each in grades.items() for pid, g in each.items()], QRELS)


def values(run, qrels, *measures):
    rows = measure(run, qrels, measures).to_pylist()
    return {(row["measure"], row["qid"]): row["value"] for row in rows}


@given(ranking=RANKINGS, grades=GRADES, data=st.data())
def test_only_the_rank_counts_whatever_the_scores(ranking, grades, data):
    equal_or_not = data.draw(st.lists(st.sampled_from([0.0, 1.0]), min_size=25, max_size=25))
    qrels = qrels_of({"q": grades})
    by_rank = values(run_of({"q": ranking}), qrels, *USUAL)
    assert values(run_of({"q": ranking}, scores=equal_or_not), qrels, *USUAL) == by_rank


@given(ranking=st.lists(st.sampled_from(PASSAGES), unique=True, min_size=10, max_size=25), grades=GRADES)
def test_an_unjudged_passage_at_the_end_changes_nothing_at_ten(ranking, grades):
    qrels = qrels_of({"q": grades})
    names = ("nDCG@10", "RR@10", "R@10", "Success@5", "Judged@10")
    longer = values(run_of({"q": [*ranking, "unjudged"]}), qrels, *names)
    assert longer == values(run_of({"q": ranking}), qrels, *names)


@given(grades=GRADES.filter(lambda each: any(each.values())))
def test_the_best_possible_order_scores_one(grades):
    order = sorted(grades, key=lambda pid: -grades[pid])
    found = values(run_of({"q": order}), qrels_of({"q": grades}), "nDCG@10", "RR@10", "Success@1")
    assert found["nDCG@10", "q"] == pytest.approx(1)
    assert found["RR@10", "q"] == found["Success@1", "q"] == 1


def test_graded_ndcg_worked_by_hand():
    # Ranked p1 (grade 1), p2 (unjudged), p3 (grade 3); not found: p4 (grade 2).
    # DCG  = 1/log2(2) + 0/log2(3) + 3/log2(4)            = 1 + 1.5              = 2.5
    # best = 3/log2(2) + 2/log2(3) + 1/log2(4)            = 3 + 2/1.58496 + 0.5  = 4.76186
    run = run_of({"q": ["p1", "p2", "p3"]})
    qrels = qrels_of({"q": {"p1": 1, "p3": 3, "p4": 2, "p5": 0}})
    found = values(run, qrels, *USUAL)
    assert found["nDCG@10", "q"] == pytest.approx(2.5 / (3 + 2 / math.log2(3) + 0.5))
    assert found["nDCG@10", "q"] == pytest.approx(0.525, abs=1e-3)
    assert found["RR@10", "q"] == found["Success@1", "q"] == 1
    assert found["R@100", "q"] == pytest.approx(2 / 3)
    # Precision at the two hits: 1/1 and 2/3; three relevant: (1 + 2/3) / 3 = 5/9.
    assert found["AP@1000", "q"] == pytest.approx(5 / 9)
    # Two of the three retrieved are judged.
    assert found["Judged@10", "q"] == pytest.approx(2 / 3)


def test_a_judged_query_without_hits_counts_zero_and_an_unjudged_one_not_at_all():
    qrels = qrels_of({"q1": {"p1": 1}, "q2": {"p1": 1}, "q3": {"p1": 0}})
    found = values(run_of({"q1": ["p1"], "q9": ["p1"]}), qrels, *USUAL)
    assert {qid for _, qid in found} == {"q1", "q2", "q3", None}
    for name in USUAL:
        assert found[name, "q2"] == found[name, "q3"] == 0
        assert found[name, None] == pytest.approx(1 / 3)


def test_queries_beyond_one_chunk_are_judged_like_the_first(monkeypatch):
    grades = {f"q{number}": {"p01": 1} for number in range(9)}
    run = run_of({f"q{number}": [f"p{number:02}", "p01"][number == 1 :] for number in range(9)})
    whole = measure(run, qrels_of(grades), USUAL)
    monkeypatch.setattr("models.metrics.QUERIES_AT_ONCE", 2)
    assert measure(run, qrels_of(grades), USUAL).equals(whole)
    means = pl.DataFrame(whole).filter(pl.col("qid").is_null(), pl.col("measure") == "RR@10")
    # One query finds its passage first, eight find it second: (1 + 8/2) / 9.
    assert means["value"].item() == pytest.approx(5 / 9)


@pytest.mark.parametrize("name", USUAL)
def test_names_parse_back(name):
    assert str(parse(name)) == name


@pytest.mark.parametrize("name", ["nDCG10", "Excellence@10", "nDCG@0", "nDCG@-1", "nDCG@", "", "RR(of=3)@10"])
def test_an_unknown_measure_is_refused_with_examples(name):
    with pytest.raises(ConfigError, match=r"expected names of ir_measures, such as nDCG@10, RR@10"):
        parse(name)


def test_a_configuration_holds_the_name_that_tables_hold():
    class Section(BaseModel):
        name: MeasureName

    assert Section(name="MRR@10").name == "RR@10"
    with pytest.raises(ValidationError, match="found 'nope'; expected names of ir_measures"):
        Section(name="nope")
