from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from flows.config import config_path, load
from flows.estimating import counts
from flows.estimating.collection_size import KNOWN
from models.asked import Asked

NQ = KNOWN["nq"]
CONFIG = load(config_path("nq"), ["generate.max_passages=40"])
SMALL = st.integers(1, 10_000)


def sized(**changes):
    return replace(NQ, **changes)


def asked(**changes):
    return CONFIG.teachers[0].model_copy(update={"asked": Asked(**changes)})


@given(queries=SMALL, passages=SMALL)
def test_pairs_never_exceed_queries_times_miners_times_depth(queries, passages):
    pairs = counts.pairs_of(CONFIG, sized(learned_queries=queries, passages=passages), CONFIG.teachers[0])
    assert 0 < pairs.least <= pairs.most <= pairs.queries * 2 * 100
    assert pairs.most <= pairs.queries * passages


@given(queries=SMALL, times=st.integers(2, 9))
def test_pairs_grow_linearly_with_queries(queries, times):
    teacher = asked(generated=False)
    once, more = (
        counts.pairs_of(CONFIG, sized(learned_queries=n), teacher).most for n in (queries, times * queries)
    )
    assert more == times * once


def test_pairs_worked_by_hand():
    # 10 questions and 40 generated ones; two miners of depth 100: 50 · 200 at most, 50 · 100 if they agree.
    pairs = counts.pairs_of(CONFIG, sized(learned_queries=10), CONFIG.teachers[0])
    assert (pairs.queries, pairs.most, pairs.least) == (50, 10_000, 5_000)


def test_a_teacher_that_is_asked_less_scores_less():
    pairs = counts.pairs_of(CONFIG, sized(learned_queries=7), asked(depth=10, generated=False))
    assert pairs.most == 7 * 2 * 10


def test_every_query_is_mined_and_those_of_test_are_judged():
    size = sized(learned_queries=10, test_queries=5)
    assert counts.mined_queries(CONFIG, size) == 10 + 5 + 40
    assert counts.judged_pairs(CONFIG, size, CONFIG.teachers[0]) == 5 * 200
    assert counts.retention_pairs(CONFIG, size) == 5 * 50


def test_no_more_passages_are_read_than_there_are():
    assert counts.generated_queries(CONFIG, sized(passages=3)) == 3
