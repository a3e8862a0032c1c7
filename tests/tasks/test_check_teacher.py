import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from data.schemas import ANSWERS, CANDIDATES, GATE, PASSAGES, QRELS, QUERIES
from data.tables import from_rows
from models.encoders.text_encoder import EncoderConfig
from models.gate.limits import GateConfig, limits
from models.gate.verdicts import verdict_message
from models.teachers.bm25 import Bm25TeacherConfig
from models.teachers.cross_encoder import CrossEncoderConfig
from models.teachers.dual_encoder import DualEncoderConfig
from tasks.check_teacher import CheckTeacher, answers_to, check_teacher
from tasks.stage import Stage

RNG = np.random.default_rng(0)
# Thirty dev questions and ten of train, each about twenty passages of any length; the first answers it.
QIDS = [f"q{n:02}" for n in range(40)]
PIDS = {qid: [f"{qid}-{n:02}" for n in range(20)] for qid in QIDS}
LENGTHS = {pid: int(RNG.integers(1, 30)) for pids in PIDS.values() for pid in pids}
TEXTS = {pid: " ".join(["gold", pid, *["iron"] * LENGTHS[pid]]) for pid in LENGTHS}
# The order of a miner that is right about half of the time, and of a teacher that nearly always is.
RELEVANT = np.array([[1.0] + [0.0] * 19] * 40)
MINED = 1.5 * RELEVANT + RNG.normal(size=RELEVANT.shape)
GOOD = 6.0 * RELEVANT + RNG.normal(size=RELEVANT.shape)
TABLES = {
    "passages": from_rows(sorted((pid, "", text) for pid, text in TEXTS.items()), PASSAGES),
    "queries": from_rows(
        [(qid, f"{qid} metal", "human", None, "dev" if qid < "q30" else "train") for qid in QIDS], QUERIES
    ),
    "qrels": from_rows([(qid, PIDS[qid][0], 2) for qid in QIDS], QRELS),
    "candidates": from_rows(
        [
            (qid, PIDS[qid][place], "m", rank, float(scores[place]))
            for qid, scores in zip(QIDS, MINED, strict=True)
            for rank, place in enumerate(np.argsort(-scores).tolist(), start=1)
        ],
        CANDIDATES,
    ),
}
BAD = {
    "shuffled": np.random.default_rng(1).permuted(GOOD, axis=1),
    "zeros": np.zeros_like(GOOD),
    "lengths": np.array([[float(LENGTHS[pid]) for pid in PIDS[qid]] for qid in QIDS]),
}


def key(scores, teacher="t"):
    rows = [
        (qid, pid, teacher, float(score))
        for qid, line in zip(QIDS, scores, strict=True)
        for pid, score in zip(PIDS[qid], line, strict=True)
    ]
    return from_rows(rows, ANSWERS)


class Echo:
    """A teacher that says what its key says, or with ``drift`` something near it."""

    def __init__(self, scores, queries, passages, drift):
        frame = pl.DataFrame(key(scores))
        self.known = dict(zip(frame["pid"], frame["score"], strict=True))
        self.pids = [text.split()[1] for text in passages]
        self.drift = drift

    def score(self, query_rows, passage_rows):
        scores = np.float32([self.known[self.pids[row]] for row in passage_rows])
        return scores + self.drift * np.float32(np.random.default_rng(0).normal(size=len(scores)))

    def facts(self):
        return {}

    def work_as(self, facts):
        pass


def made(store, name, *tables):
    def body(draft, _store, _config):
        for schema, table in tables:
            draft.write(table, schema)

    return Stage(name=name, module="tasks.stage", body=body).run(store, GateConfig(), {}, force=True)


def run(store, answers, teacher=None, others=(), generated=None, **options):
    collection = made(store, "ingest", *((table, TABLES[table.name]) for table in (PASSAGES, QUERIES, QRELS)))
    inputs = {
        "collection": collection,
        "generated": generated,
        "candidates": made(store, "mine_candidates", (CANDIDATES, TABLES["candidates"])),
        "answers": made(store, "score_candidates", (ANSWERS, answers)),
        "others": tuple(others),
        "weights": None,
    }
    config = CheckTeacher(teacher=teacher or Bm25TeacherConfig(name="t"), options=GateConfig(**options))
    ref = check_teacher.run(store, config, inputs, force=True)
    return store.read(GATE, ref).to_pylist(), store.facts(ref)


@pytest.fixture
def echo(monkeypatch):
    """Make the teacher of the run say what ``scores`` say."""

    def install(scores, drift=0.0):
        monkeypatch.setattr(
            Bm25TeacherConfig,
            "load",
            lambda _self, _weights, queries, passages: Echo(scores, queries, passages, drift),
        )
        return key(scores)

    return install


def test_a_good_teacher_passes_every_check_that_can_be_made(store, echo):
    rows, facts = run(store, echo(GOOD))
    assert (facts["passed"], facts["failed"], facts["dev_queries"]) == (True, [], 30)
    assert verdict_message(rows) == ""
    assert {row["check"] for row in rows} == set(limits(GateConfig()))
    skipped = {row["check"]: row["note"] for row in rows if row["verdict"] == "skipped"}
    assert skipped == {
        "agreement": "there is no other teacher",
        "duplicate_drift": "no two pairs have the same texts",
        "new_parameters": "it has no head",
        "precision_drift": "it has no precision to choose",
        "truncated": "it does not truncate",
        "untrained_head": "it has no head",
    }


@pytest.mark.parametrize(
    ("bad", "named"),
    [
        ("shuffled", {"auc", "auc_loss", "ndcg_loss", "positives_above"}),
        ("zeros", {"auc", "auc_loss", "ties", "saturation", "positives_above"}),
        ("lengths", {"auc", "auc_loss", "ndcg_loss", "positives_above", "length_correlation"}),
    ],
)
def test_a_bad_teacher_is_stopped_by_the_checks_that_see_its_fault(store, echo, bad, named):
    rows, facts = run(store, echo(BAD[bad]))
    assert not facts["passed"]
    assert named <= set(facts["failed"])
    # Each of them contradicts nobody: it says the same when it is asked again.
    assert not {"order_drift", "not_finite"} & set(facts["failed"])
    assert all(f"t: {check} " in verdict_message(rows) for check in facts["failed"])


@pytest.fixture(scope="module")
def headless(tiny_backbone, tmp_path_factory):
    """A cross-encoder by its settings, whose file holds the body alone."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    folder = tmp_path_factory.mktemp("headless")
    torch.manual_seed(0)
    model = BertForSequenceClassification(BertConfig.from_pretrained(tiny_backbone, num_labels=1))
    body = {name: tensor for name, tensor in model.state_dict().items() if not name.startswith("classifier")}
    model.save_pretrained(folder, state_dict=body)
    AutoTokenizer.from_pretrained(tiny_backbone).save_pretrained(folder)
    return folder


def test_a_freshly_initialised_head_is_stopped_though_its_answers_look_good(store, headless):
    teacher = CrossEncoderConfig(name="t", model=str(headless), precision="bfloat16")
    rows, facts = run(store, key(GOOD), teacher)
    assert "new_parameters" in facts["failed"]
    assert "made at random: classifier.bias, classifier.weight" in verdict_message(rows)
    assert "untrained_head" in facts["failed"]
    # Drawn anew at each loading, it does not say again what the key says either.
    assert "order_drift" in facts["failed"]


@pytest.fixture(scope="module")
def heads(tiny_backbone, tmp_path_factory):
    """Cross-encoders with whole files: one was saved as it was drawn, one after a step of training."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    model = BertForSequenceClassification(BertConfig.from_pretrained(tiny_backbone, num_labels=1))
    folders = {name: tmp_path_factory.mktemp(name) for name in ("fresh", "stepped")}
    tokenizer = AutoTokenizer.from_pretrained(tiny_backbone)
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-5)
    for folder in folders.values():
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        torch.nn.functional.softplus(
            -model(**tokenizer("yellow metal", return_tensors="pt")).logits
        ).backward()
        optimiser.step()
    return folders


@pytest.mark.parametrize(("name", "value"), [("fresh", 1), ("stepped", 0)])
def test_a_head_that_was_saved_before_it_was_trained_is_stopped(store, heads, name, value):
    teacher = CrossEncoderConfig(name="t", model=str(heads[name]), precision="float32")
    rows, facts = run(store, key(GOOD), teacher)
    verdicts = {row["check"]: row for row in rows}
    assert verdicts["new_parameters"]["value"] == 0
    assert verdicts["untrained_head"]["value"] == value
    assert ("untrained_head" in facts["failed"]) == bool(value)


def test_the_report_of_the_gate_says_what_the_table_says(store, echo):
    rows, facts = run(store, echo(BAD["zeros"]))
    ref = next((store.root / "check_teacher").glob("*/gate-*.md"))
    text = ref.read_text()
    assert text.startswith("# Teacher gate: t failed")
    assert all(f"### {check.replace('_', ' ')}" in text for check in facts["failed"])
    assert all(row["note"] in text for row in rows)
    page = next((store.root / "check_teacher").glob("*/gate-*.html")).read_text()
    assert "<title>Teacher gate: t failed</title>" in page


def test_a_teacher_in_sixteen_bits_is_asked_again_in_float32(store, tiny_backbone):
    encoder = EncoderConfig(model=str(tiny_backbone), precision="bfloat16", max_tokens=8)
    teacher = DualEncoderConfig(name="t", encoder=encoder)
    texts = [f"{qid} metal" for qid in QIDS], [TEXTS[pid] for pids in PIDS.values() for pid in pids]
    rows = np.arange(800)
    scores = teacher.load(None, *texts).score(rows // 20, rows).reshape(40, 20)
    verdicts = {row["check"]: row for row in run(store, key(scores), teacher)[0]}
    assert 0 < verdicts["precision_drift"]["value"] < 1
    assert verdicts["precision_drift"]["note"] == "64 pairs in float32"
    assert verdicts["order_drift"]["value"] < verdicts["precision_drift"]["value"] + 0.1
    assert 0.5 < verdicts["truncated"]["value"] < 1


@pytest.mark.parametrize(("drift", "failed"), [(0.01, []), (1.0, ["order_drift"])])
def test_a_teacher_that_says_something_else_when_asked_again_is_stopped(store, echo, drift, failed):
    assert run(store, echo(GOOD, drift))[1]["failed"] == failed


def test_an_opposite_order_is_held_against_the_teacher_and_a_stranger_is_not(store, echo):
    answers = echo(GOOD)
    named = {"foe": -GOOD, "stranger": RNG.normal(size=GOOD.shape)}
    foe, stranger = (
        made(store, f"score_{name}", (ANSWERS, key(scores, name))) for name, scores in named.items()
    )
    assert run(store, answers, others=[foe])[1]["failed"] == ["agreement"]
    assert run(store, answers, others=[stranger, foe])[1]["failed"] == []


def test_limits_are_those_of_the_settings(store, echo):
    answers = echo(GOOD)
    assert run(store, answers, max_ties=0, max_ndcg_loss=-1)[1]["failed"] == ["ndcg_loss"]
    assert run(store, answers, rescored_pairs=3)[1]["passed"]


def test_without_a_judged_dev_query_quality_is_skipped_and_the_rest_is_checked(store, echo, monkeypatch):
    monkeypatch.setitem(TABLES, "qrels", TABLES["qrels"].slice(30))
    rows, facts = run(store, echo(BAD["zeros"]))
    verdicts = {row["check"]: row["verdict"] for row in rows}
    assert {verdicts[check] for check in ("ndcg", "auc", "positives_above", "ndcg_loss", "auc_loss")} == {
        "skipped"
    }
    assert facts["failed"] == ["ties", "saturation"]
    assert facts["dev_queries"] == 0


@pytest.mark.parametrize("kind", ["bm25", "dual_encoder"])
def test_of_an_empty_key_everything_is_skipped_and_nothing_breaks(store, tiny_backbone, kind):
    dual = DualEncoderConfig(name="t", encoder=EncoderConfig(model=str(tiny_backbone), precision="bfloat16"))
    rows, _ = run(store, ANSWERS.columns.empty_table(), dual if kind == "dual_encoder" else None)
    assert {row["check"] for row in rows if row["verdict"] != "skipped"} == {"not_finite"}


def test_answers_to_generated_queries_are_looked_at_too(store, echo):
    row = ("g-1", "written for a passage", "generated", PIDS["q00"][0], "train")
    generated = made(store, "generate_queries", (QUERIES, from_rows([row], QUERIES)))
    more = from_rows([("g-1", PIDS["q00"][0], "t", 0.0)], ANSWERS)
    table = pa.concat_tables([echo(GOOD), more])
    assert run(store, table, generated=generated)[1]["pairs"] == 801


def test_the_other_teachers_name_comes_with_its_answers():
    pairs = pl.DataFrame(key(GOOD)).select("qid", "pid").head(2)
    name, rows = answers_to(pairs, pl.DataFrame(key(GOOD, "other")).lazy())
    assert (name, rows.height) == ("other", 2)
