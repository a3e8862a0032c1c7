import re

import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from data.errors import ConfigError
from data.schemas import (
    ANSWERS,
    CANDIDATES,
    CLUSTER_HEALTH,
    COSTS,
    CURVE,
    GATE,
    METRICS,
    PASSAGES,
    QRELS,
    QUERIES,
    SIGNIFICANCE,
)
from data.tables import from_rows
from models.reporting.contents import ProvenanceRow
from models.settings import Settings
from tasks.stage import Stage
from tasks.write_report import Report, ReportConfig, relevant, write_report

QIDS = [f"q{number:02}" for number in range(40)]
# nDCG@10 that a system reaches on average, and the milliseconds it takes to encode and to search.
SYSTEMS = {
    "bm25": (0.55, 0.0, 0.4),
    "teacher:minilm": (0.80, None, 38.0),
    "hard/0": (0.66, 2.0, 0.1),
    "hard/1": (0.67, 2.2, 0.1),
    "kl/0": (0.75, 2.1, 0.1),
    "kl/1": (0.76, 1.9, 0.1),
    "yours": (0.60, None, None),
}


def publish(store, stage, tables, facts, of=""):
    """Put tables into the store as the artifact of a stage that has run."""

    def body(draft, _store, _config):
        for schema, table in tables:
            draft.write(table, schema)
        draft.note(**facts)

    made = Stage(name=stage, module="data.tables", body=body)
    config = type("Options", (Settings,), {"__annotations__": {"of": str}})(of=of)
    return made.run(store, config, {}, of=of)


def evaluation(store, system, quality, encode, search):
    generator = np.random.default_rng(sum(map(ord, system)))
    values = np.clip(generator.normal(quality, 0.15, len(QIDS)), 0, 1)
    rows = [
        (system, "test", measure, qid, float(value))
        for measure in ("nDCG@10", "RR@10")
        for qid, value in [*zip(QIDS, values, strict=True), (None, values.mean())]
    ]
    student = "/" in system
    if student:
        rows.append((system, "test", "retention(nDCG@10)", None, float(values.mean() / 0.8)))
    costs = [
        (system, name, value)
        for name, value in (("encode_ms", encode), ("search_ms", search))
        if value is not None
    ]
    name = system.partition("/")[0]
    role = (
        "teacher"
        if name.startswith("teacher:")
        else "student"
        if student
        else {"bm25": "baseline"}.get(name, "run")
    )
    tables = [(METRICS, from_rows(rows, METRICS)), (COSTS, from_rows(costs, COSTS))]
    return publish(store, "evaluate_student", tables, {"system": system, "name": name, "role": role}, system)


@pytest.fixture
def inputs(store, tiny_collection):
    generated = from_rows([("g-1", "gold coins", "generated", "gold-2", "train")], QUERIES)
    candidates = from_rows([("q01", "rhine-1", "bm25", 1, 2.0)], CANDIDATES)
    generator = np.random.default_rng(0)
    answers = [
        (row["qid"], row["pid"], "minilm", float(generator.normal(4, 1)))
        for row in tiny_collection["qrels"].to_pylist()
    ]
    answers += [
        (f"q0{n}", f"wrong-{m}", "minilm", float(generator.normal(-2, 2))) for n in range(9) for m in range(9)
    ]
    curve = from_rows([(step, "loss", 9.0 / step) for step in (1, 10, 20)], CURVE)
    gate = [("minilm", "auc", 0.93, 0.6, "pass", "of 150 queries")]
    health = [(0, "clusters", 3.0), (0, "balance", 0.91), (1, "clusters", 7.0)]
    clusters = [(CLUSTER_HEALTH, from_rows(health, CLUSTER_HEALTH))]
    collection = [
        (PASSAGES, tiny_collection["passages"]),
        (QUERIES, tiny_collection["queries"]),
        (QRELS, tiny_collection["qrels"]),
    ]
    return {
        "collection": publish(store, "ingest", collection, {"passages": 12}),
        "generated": publish(store, "generate_queries", [(QUERIES, generated)], {"keep_rate": 0.625}),
        "candidates": publish(
            store, "mine_candidates", [(CANDIDATES, candidates)], {"miners": {"bm25": "k1=1.5 b=0.75"}}
        ),
        "answers": (
            publish(store, "score_candidates", [(ANSWERS, from_rows(answers, ANSWERS))], {}, "minilm"),
        ),
        "gates": (publish(store, "check_teacher", [(GATE, from_rows(gate, GATE))], {}, "minilm"),),
        "clusters": (publish(store, "cluster_passages", clusters, {"leaves": 7}),),
        "trained": tuple(
            publish(store, "train_student", [(CURVE, curve)], {"train_s": 12.5, "filter_rate": 0.4}, of)
            for of in SYSTEMS
            if "/" in of
        ),
        "evaluations": tuple(evaluation(store, name, *values) for name, values in SYSTEMS.items()),
    }


PROVENANCE = (
    ProvenanceRow(stage="ingest", of="", status="reused", key="0123456789abcdef0123", seconds=0.01),
    ProvenanceRow(stage="train_student", of="kl/0", status="ran", key="abcdef", seconds=12.5),
)


def options(**more):
    return Report(
        options=ReportConfig(title="Rivers & <rocks>", control="hard", **more), provenance=PROVENANCE
    )


def texts(store, ref):
    names = ("leaderboard.md", "report.md", "report.html")
    return {name: store.path(ref, name).read_text(encoding="utf-8") for name in names}


def test_every_system_is_tested_against_the_control_with_its_seeds_taken_together(store, inputs):
    ref = write_report.run(store, options(), inputs)
    rows = store.read(SIGNIFICANCE, ref).to_pylist()
    assert {(row["system"], row["measure"]) for row in rows} == {
        (name, measure)
        for name in ("bm25", "teacher:minilm", "kl", "yours")
        for measure in ("nDCG@10", "RR@10")
    }
    assert {row["control"] for row in rows} == {"hard"}
    assert all(row["wins"] + row["ties"] + row["losses"] == len(QIDS) for row in rows)


def test_the_leaderboard_is_ordered_and_names_the_control(store, inputs):
    board = texts(store, write_report.run(store, options(), inputs))["leaderboard.md"]
    names = re.findall(r"^\| ([a-z0-9:]+) +\|", board, flags=re.MULTILINE)
    order = ["teacher:minilm", "kl", "hard", "yours", "bm25"]
    assert names == ["system", *order, "system", *order]
    assert re.search(r"^\| hard +\| student, control \|", board, flags=re.MULTILINE)
    assert re.search(r"^- kl \+\.\d{3} against hard \(p [=<] \.\d+", board, flags=re.MULTILINE)
    assert "differs from hard (paired randomisation test, two-sided, over 40 queries" in board


def test_the_page_opens_offline_and_runs_nothing(store, inputs):
    page = texts(store, write_report.run(store, options(), inputs))["report.html"]
    assert not re.search(r"https?:|src=|url\(|@import|<script|<link|<iframe|<object", page)
    assert set(re.findall(r'href="(.)', page)) == {"#"}
    targets = re.findall(r'href="#([a-z]+)"', page)
    assert all(f'id="{target}"' in page for target in targets)


def test_the_reports_tell_what_was_asked_of_them(store, inputs):
    found = texts(store, write_report.run(store, options(), inputs))
    for text in (found["report.html"], found["report.md"]):
        assert all(
            each in text
            for each in ("keep rate", "0.625", "k1=1.5 b=0.75", "balance", "0.910", "reused", "ran", "abcdef")
        )
        assert all(each in text for each in ("paired two-sided randomisation test", "ir_measures", "12.5"))
    # A dot for each timed system, a histogram, a curve for each student.
    assert found["report.html"].count("<circle") == 4
    assert found["report.html"].count('class="positive"') == 1
    assert found["report.html"].count("<polyline") == 4


def test_signs_of_a_training_gone_wrong_are_told_with_their_limit(store, inputs):
    curve = from_rows([(9, "loss", 0.1), (9, "valid_identifiers", 0.75)], CURVE)
    deep = publish(store, "train_student", [(CURVE, curve)], {"query_from_other": 0.9}, "teacher:deep")
    ranker = publish(store, "train_teacher", [(CURVE, curve)], {"passage_spread": 0.5}, "ranker")
    found = texts(store, write_report.run(store, options(), {**inputs, "teachers": (deep, ranker)}))
    lines = re.findall(
        r"^\| (\S+) +\| ([a-z ]+?) +\| (fine|look at this) +\| (\S+)", found["report.md"], re.M
    )
    assert sorted(lines) == [
        ("hard", "filter rate", "look at this", "0.4"),
        ("kl", "filter rate", "look at this", "0.4"),
        ("teacher:deep", "query from other", "look at this", "0.9"),
        ("teacher:deep", "valid identifiers", "fine", "0.75"),
        ("teacher:ranker", "passage spread", "fine", "0.5"),
        ("teacher:ranker", "valid identifiers", "fine", "0.75"),
    ]
    assert "<td>look at this</td>" in found["report.html"]


def test_what_users_wrote_is_escaped(store, inputs):
    page = texts(store, write_report.run(store, options(), inputs))["report.html"]
    assert "<h1>Rivers &amp; &lt;rocks&gt;</h1>" in page
    assert "<rocks>" not in page


def test_equal_inputs_are_equal_bytes(store, inputs):
    once = texts(store, write_report.run(store, options(), inputs))
    assert texts(store, write_report.run(store, options(), inputs, force=True)) == once


def test_what_ran_does_not_decide_where_a_report_lies(store, inputs):
    bare = Report(options=options().options)
    assert write_report.recipe(store, bare, inputs).key == write_report.recipe(store, options(), inputs).key


def test_a_run_without_students_clusters_or_generated_queries_is_reported(store, inputs):
    few = {
        **inputs,
        "trained": (),
        "clusters": (),
        "generated": None,
        "evaluations": inputs["evaluations"][:1],
    }
    found = texts(store, write_report.run(store, Report(options=ReportConfig()), few))
    assert "No student was trained." in found["report.html"]
    assert "Nothing was clustered." in found["report.md"]
    assert "bm25 leads with nDCG@10 .5" in found["report.md"]


def test_positives_are_relevant_judgements_and_sources_of_generated_queries(store, inputs):
    pairs = relevant(store, inputs["collection"], inputs["generated"]).collect().rows()
    # q07 has a second passage of grade 1; q08's second is of grade 0 and does not count.
    assert len(pairs) == 9 + 1 + 1
    assert ("g-1", "gold-2") in pairs
    assert ("q08", "bach-2") not in pairs


def test_a_control_or_measure_that_is_not_there_is_refused(store, inputs):
    absent = Report(options=ReportConfig(control="absent"))
    with pytest.raises(ConfigError, match=r"report.control: found 'absent'; expected one of .* bm25"):
        write_report.run(store, absent, inputs)
    other = Report(options=ReportConfig(measure="R@100"))
    with pytest.raises(ConfigError, match=r"report.measure: found 'R@100'; .* computed: RR@10, nDCG@10"):
        write_report.run(store, other, inputs)
    with pytest.raises(ValidationError, match="expected names of ir_measures"):
        ReportConfig(measure="ndcg_10")


def test_significance_is_a_table_like_any_other(store, inputs):
    table = store.read(SIGNIFICANCE, write_report.run(store, options(), inputs))
    assert isinstance(table, pa.Table)
    assert table.schema.equals(SIGNIFICANCE.columns)
