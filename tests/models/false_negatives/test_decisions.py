import statistics

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import SchemaError
from data.schemas import DECISIONS
from data.tables import check
from models.false_negatives import AbovePositive, AbsoluteMargin, Rank, SpreadMargin
from models.false_negatives.decisions import decide, rivals, verdicts
from models.false_negatives.same_text import text_keys


class Case:
    """Queries with scored passages {qid: {pid: (score, is known)}}, all of them mined; texts {pid: text}."""

    def __init__(self, queries, texts):
        self.queries, self.texts = queries, texts

    def table(self, *columns, known_only=False):
        rows = [
            {"qid": qid, "pid": pid, "score": score}
            for qid, passages in self.queries.items()
            for pid, (score, known) in passages.items()
            if known or not known_only
        ]
        schema = {"qid": pl.String, "pid": pl.String, "score": pl.Float32}
        return pl.DataFrame(rows, schema=schema).select(columns)

    @property
    def mined(self):
        return self.table("qid", "pid")

    @property
    def known(self):
        return self.table("qid", "pid", known_only=True)

    @property
    def answers(self):
        return self.table("qid", "pid", "score")

    @property
    def keys(self):
        rows = [{"pid": pid, "title": "", "text": text} for pid, text in self.texts.items()]
        return text_keys(pl.LazyFrame(rows))

    def decide(self, *rules, mined=None):
        return decide(self.mined if mined is None else mined, self.known, self.answers, self.keys, rules)

    def mapped(self, change):
        changed = {
            qid: {pid: (change(score), known) for pid, (score, known) in passages.items()}
            for qid, passages in self.queries.items()
        }
        return Case(changed, self.texts)


PIDS = [f"p{number}" for number in range(8)]
# Quarters below 2⁷: their sums and differences are exact, in float32 too.
LOGITS = st.integers(-400, 400).map(lambda number: number / 4)
PASSAGES = st.dictionaries(st.sampled_from(PIDS), st.tuples(LOGITS, st.booleans()), max_size=8)
TEXTS = st.fixed_dictionaries(
    dict.fromkeys(PIDS, st.sampled_from(["x", " x", "y  z", "y\nz", "w", "v", "u"]))
)
CASES = st.builds(Case, st.dictionaries(st.sampled_from("abc"), PASSAGES, min_size=1), TEXTS)
SIDES, ACTIONS = st.sampled_from(["lowest", "highest"]), st.sampled_from(["drop", "relabel"])
NUMBERS = st.integers(0, 40).map(lambda number: number / 4)
SCALE_FREE = st.one_of(
    st.builds(SpreadMargin, share=NUMBERS, against=SIDES, action=ACTIONS),
    st.builds(Rank, at=st.integers(1, 9), action=ACTIONS),
    st.builds(AbovePositive, against=SIDES, action=ACTIONS),
)
RULES = st.one_of(SCALE_FREE, st.builds(AbsoluteMargin, margin=NUMBERS, against=SIDES, action=ACTIONS))
MANY = st.lists(RULES, max_size=4, unique_by=lambda rule: rule.label)


def decided(rows, *columns):
    return set(rows.select(columns or ("qid", "pid", "rule", "action")).iter_rows())


def one_by_one(case, rules):
    """The same decisions by a plain loop: (qid, pid, rule, action)."""
    found = set()
    for qid, passages in case.queries.items():
        scores = [score for score, _ in passages.values()]
        known = {pid: score for pid, (score, is_known) in passages.items() if is_known}
        for pid, (score, is_known) in passages.items():
            if is_known or not known:
                continue
            if any(case.texts[pid].split() == case.texts[answer].split() for answer in known):
                found.add((qid, pid, "same_text", "drop"))
            for rule in rules:
                if isinstance(rule, Rank):
                    fires = 1 + sum(other > score for other in scores) <= rule.at
                else:
                    answer = (min if rule.against == "lowest" else max)(known.values())
                    unit = pl.Series([statistics.pstdev(scores)]).cast(pl.Float32)[0]
                    below = {"absolute_margin": 1.0, "spread_margin": unit, "above_positive": 0.0}[rule.kind]
                    below *= getattr(rule, "margin", getattr(rule, "share", 0.0))
                    fires = score - answer > -below
                if fires:
                    found.add((qid, pid, rule.label, rule.action))
    return found


@given(case=CASES, rules=MANY)
def test_the_decisions_are_those_of_a_plain_loop(case, rules):
    assert decided(case.decide(*rules)) == one_by_one(case, rules)


@given(case=CASES, rules=MANY)
def test_the_table_keeps_its_contract_and_every_row_repeats_its_comparison(case, rules):
    rows = case.decide(*rules)
    check(rows.to_arrow().cast(DECISIONS.columns), DECISIONS)
    for row in rows.iter_rows(named=True):
        match row["rule"].partition("(")[0]:
            case "same_text":
                assert row["limit"] == 0
            case "rank":
                assert row["rank"] <= row["limit"]
            case _:
                assert row["score"] - row["positive_score"] > row["limit"]


@given(case=CASES, rules=MANY)
def test_a_known_answer_is_never_decided_on(case, rules):
    rows = case.decide(*rules)
    assert not decided(rows, "qid", "pid") & set(case.known.iter_rows())
    assert decided(rows, "qid", "positive_pid") <= set(case.known.iter_rows())


@given(case=CASES, rules=MANY, data=st.data())
def test_a_constant_added_to_all_logits_of_a_query_changes_no_decision(case, rules, data):
    constants = {qid: data.draw(LOGITS) for qid in case.queries}
    moved = {
        qid: {pid: (score + constants[qid], known) for pid, (score, known) in passages.items()}
        for qid, passages in case.queries.items()
    }
    columns = ("qid", "pid", "rule", "action", "positive_pid", "spread", "rank", "limit")
    assert Case(moved, case.texts).decide(*rules).select(columns).equals(case.decide(*rules).select(columns))


# By powers of two, for then no product is rounded.
@given(
    case=CASES,
    rules=st.lists(SCALE_FREE, max_size=4, unique_by=lambda rule: rule.label),
    factor=st.integers(-6, 6).map(lambda power: 2.0**power),
)
def test_a_positive_factor_changes_no_decision_but_of_absolute_margins(case, rules, factor):
    larger = case.mapped(lambda score: factor * score)
    assert decided(larger.decide(*rules)) == decided(case.decide(*rules))


@given(case=CASES, rule=RULES.filter(lambda rule: not isinstance(rule, Rank)))
def test_the_lowest_answer_decides_on_all_that_the_highest_does(case, rule):
    lowest, highest = (
        decided(
            case.decide(rule.model_copy(update={"against": side})).filter(pl.col("rule") != "same_text"),
            "qid",
            "pid",
        )
        for side in ("lowest", "highest")
    )
    assert highest <= lowest


@given(case=CASES, rules=MANY)
def test_to_decide_on_what_is_left_decides_nothing(case, rules):
    first = case.decide(*rules)
    left = case.mined.join(first, on=["qid", "pid"], how="anti")
    assert case.decide(*rules, mined=left).is_empty()


@given(case=CASES, rules=MANY)
def test_rules_decide_by_themselves(case, rules):
    alone = [case.decide(rule) for rule in rules]
    together = set().union(decided(case.decide()), *map(decided, alone))
    assert decided(case.decide(*rules)) == together


@given(case=CASES, rules=MANY)
def test_queries_decide_by_themselves(case, rules):
    alone = [Case({qid: passages}, case.texts).decide(*rules) for qid, passages in case.queries.items()]
    assert pl.concat(alone).sort(DECISIONS.key).equals(case.decide(*rules))


@given(case=CASES, rules=MANY)
def test_copies_of_a_text_that_score_alike_have_one_fate(case, rules):
    ranked = [
        (qid, pid, score) for qid, passages in case.queries.items() for pid, (score, _) in passages.items()
    ]
    fates = {}
    for qid, pid, rule, _ in decided(case.decide(*rules)):
        fates.setdefault((qid, pid), set()).add(rule)
    considered = set(rivals(case.mined, case.known).iter_rows())
    by_text = {}
    for qid, pid, score in ranked:
        if (qid, pid) in considered:
            key = (qid, " ".join(case.texts[pid].split()), score)
            by_text.setdefault(key, []).append(fates.get((qid, pid), set()))
    assert all(fate == group[0] for group in by_text.values() for fate in group)


# One query with negative logits. p1 and p2 are known to answer; p6 says what p2 says.
#   pid     p1    p2    p3    p4    p5    p6         sorted: p3 -1, p1 -2, p4 -3, p2 -4, p5 = p6 -7
#   score   -2    -4    -1    -3    -7    -7         mean -24/6 = -4; squares 4 0 9 1 9 9 = 32; σ = √(32/6)
BY_HAND = Case(
    {"q": {"p1": (-2.0, True), "p2": (-4.0, True), "p3": (-1.0, False), "p4": (-3.0, False)}
     | {"p5": (-7.0, False), "p6": (-7.0, False)}},
    {"p1": "one", "p2": "two  words", "p3": "three", "p4": "four", "p5": "five", "p6": " two words\n"},
)  # fmt: skip
SPREAD = 2.309401  # √(32/6)


@pytest.mark.parametrize(
    ("rule", "rows"),
    [
        # above -2 - 1.5 = -3.5: -1 and -3. A share of 95 % of -2 would be -1.9: of the two, only p3.
        (AbsoluteMargin(margin=1.5), {("p3", "p1", -2.0, -1.5), ("p4", "p1", -2.0, -1.5)}),
        # above -2 - 1 = -3: -3 is not above.
        (AbsoluteMargin(margin=1.0), {("p3", "p1", -2.0, -1.0)}),
        # above -4 - 3 = -7: -7 is not above.
        (AbsoluteMargin(margin=3.0, against="lowest"), {("p3", "p2", -4.0, -3.0), ("p4", "p2", -4.0, -3.0)}),
        # above -2 - 2.309/2 = -3.155: -1 and -3.
        (SpreadMargin(share=0.5), {("p3", "p1", -2.0, -SPREAD / 2), ("p4", "p1", -2.0, -SPREAD / 2)}),
        # ranks: p3 1, p1 2, p4 3, p2 4, p5 and p6 both 5.
        (Rank(at=2), {("p3", "p1", -2.0, 2.0)}),
        (Rank(at=5), {(pid, "p1", -2.0, 5.0) for pid in ("p3", "p4", "p5", "p6")}),
        (AbovePositive(), {("p3", "p1", -2.0, 0.0)}),
        (AbovePositive(against="lowest"), {("p3", "p2", -4.0, 0.0), ("p4", "p2", -4.0, 0.0)}),
    ],
    ids=lambda value: value.label if hasattr(value, "label") else "",
)
def test_negative_logits_worked_by_hand(rule, rows):
    found = BY_HAND.decide(rule)
    copy = found.filter(rule="same_text").row(0, named=True)
    assert copy["spread"] == pytest.approx(SPREAD)
    del copy["spread"]
    assert list(copy.values()) == ["q", "p6", "same_text", "drop", -7.0, "p2", -4.0, 5, 0.0]
    numbers = found.filter(rule=rule.label).select("pid", "positive_pid", "positive_score", "limit").rows()
    assert sorted(numbers) == [(*row[:3], pytest.approx(row[3], rel=1e-6)) for row in sorted(rows)]


def test_of_equal_answers_the_first_by_name_is_compared_with():
    case = Case(
        {"q": {"b": (1.0, True), "a": (1.0, True), "c": (2.0, False)}}, {"a": "1", "b": "2", "c": "3"}
    )
    for side in ("lowest", "highest"):
        assert decided(case.decide(AbovePositive(against=side)), "pid", "positive_pid") == {("c", "a")}


def test_relabel_goes_before_drop():
    rows = BY_HAND.decide(AbovePositive(action="relabel"), AbsoluteMargin(margin=1.5))
    assert sorted(verdicts(rows.lazy()).collect().rows()) == [
        ("q", "p3", "relabel"),
        ("q", "p4", "drop"),
        ("q", "p6", "drop"),
    ]


@pytest.mark.parametrize("pid", ["p1", "p5"])  # a known answer, a candidate
def test_a_missing_score_is_named(pid):
    answers = BY_HAND.answers.filter(pl.col("pid") != pid)
    with pytest.raises(SchemaError, match=rf"no score of 1 pairs, such as \(q, {pid}\)"):
        decide(BY_HAND.mined, BY_HAND.known, answers, BY_HAND.keys)
