import subprocess
import sys
from itertools import count
from types import SimpleNamespace
from typing import get_args

import polars as pl
import pytest
from pydantic import ValidationError

from models.contracts import CONTRACTS
from models.student import Need, Shelf
from models.students.splade import LossName, SpladeConfig, labelled
from models.targets import AffineTo, Factor
from models.teacher import PairTexts
from models.training import TrainingConfig
from tests.models.students.library_scores import library_scores

SHORT = TrainingConfig(epochs=4, max_steps=4, batch_size=2, learning_rate=1e-3, precision="float32")


@pytest.fixture
def config(tiny_backbone):
    def made(loss="kl", **settings):
        common = {"name": "s", "backbone": str(tiny_backbone), "training": SHORT, "start_terms": 20}
        return SpladeConfig(loss=loss, **(common | settings))

    return made


@pytest.fixture
def shelf(tiny_collection):
    return Shelf(tiny_collection["passages"])


def mean_terms(student, shelf):
    return student.retriever(shelf).costs()["passage_terms"]


@pytest.mark.parametrize("budget", [5, 12, 30])
@pytest.mark.parametrize("loss", ["kl", "infonce"])
def test_passages_end_with_the_terms_that_were_asked_for(budget, loss, config, make_lesson, shelf):
    student = config(loss, max_active_terms=budget).build(0)
    student.train(make_lesson())
    assert mean_terms(student, shelf) == pytest.approx(budget, rel=0.1)
    assert student.facts["terms_after_shift"] == pytest.approx(budget, rel=0.02)
    assert student.facts["terms_before_shift"] > 0


def test_without_a_budget_no_logit_is_shifted_at_the_end(config, make_lesson):
    student = config().build(0)
    student.train(make_lesson())
    assert "terms_after_shift" not in student.facts
    assert student.facts["passage_flops_weight"] == pytest.approx(0.08)


def test_flops_with_a_larger_weight_leaves_fewer_terms(config, make_lesson, shelf):
    found = []
    for weight in (1e-6, 30.0):
        student = config("margin_mse", passage_flops_weight=weight, ramp_share=0.0).build(0)
        student.train(make_lesson())
        found.append(mean_terms(student, shelf))
    assert found[1] < found[0]


def test_the_curve_tells_of_terms_and_both_parts_of_the_loss(config, make_lesson):
    curve = config(max_active_terms=10).build(0).train(make_lesson()).to_pylist()
    measures = {row["measure"] for row in curve}
    assert measures >= {
        "loss",
        "base_loss",
        "document_regularizer_loss",
        "query_regularizer_loss",
        "passage_terms",
        "query_terms",
        "passage_flops",
        "query_flops",
        "passage_flops_weight",
    }


def test_a_regression_says_in_which_unit_it_saw_the_teacher(config, make_lesson):
    student = config("score_mse", targets=Factor(by=4.0)).build(0)
    student.train(make_lesson())
    fitted = student.facts["calibration_slope"]
    assert fitted > 0
    student = config("score_mse", targets=Factor(by=8.0)).build(0)
    student.train(make_lesson())
    assert student.facts["calibration_slope"] == pytest.approx(2 * fitted, rel=1e-4)
    student = config("score_mse", calibrate=False).build(0)
    student.train(make_lesson())
    assert (student.facts["calibration_slope"], student.facts["calibration_offset"]) == (1, 0)


def test_a_head_that_was_begun_is_told_of_and_how_long_it_took(config, make_lesson, monkeypatch):
    clock = SimpleNamespace(perf_counter=count(step=2.5).__next__)
    monkeypatch.setattr("models.students.splade.time", clock)
    student = config().build(0)
    student.train(make_lesson())
    assert student.facts["head_begun"] == 1
    assert student.facts["head_s"] == 2.5


def test_whoever_has_the_library_gets_the_same_scores(config, make_lesson, shelf, tmp_path):
    student = config(max_active_terms=12).build(0)
    student.train(make_lesson())
    student.save(tmp_path / "model")
    query, texts = "where does the rhine rise", shelf.texts("{title} {text}")
    scores = library_scores("SparseEncoder", tmp_path / "model", query, texts)
    retriever = student.retriever(shelf)
    hits = retriever.search(retriever.encode([query]), len(texts))
    found = {
        row: score
        for row, score in zip(hits.rows[0].tolist(), hits.scores[0].tolist(), strict=True)
        if row >= 0
    }
    assert [found.get(row, 0.0) for row in range(len(texts))] == pytest.approx(scores, abs=1e-4)


def test_as_a_teacher_it_scores_pairs_as_it_finds_them(config, make_lesson, shelf, tmp_path):
    chosen = config(max_active_terms=12)
    student = chosen.build(0)
    student.train(make_lesson())
    student.save(tmp_path / "model")
    queries, texts = ["yellow metal", "who wrote fugues"], shelf.texts("{title} {text}")
    retriever = student.retriever(shelf)
    hits = retriever.search(retriever.encode(queries), 3)
    teacher = chosen.as_teacher(tmp_path / "model", PairTexts(queries, texts))
    for place in range(2):
        rows = hits.rows[place][hits.rows[place] >= 0]
        scores = teacher.score(rows * 0 + place, rows)
        assert scores.tolist() == pytest.approx(hits.scores[place][: len(rows)].tolist(), abs=1e-5)


def test_the_control_learns_from_no_answers_and_no_passage_is_there_twice(config):
    rows = pl.DataFrame({"query_id": ["q"], "document_ids": [["a", "b", "c"]], "label": [[4.0, 1.0, -2.0]]})
    control = config("infonce", lists={"negatives": 1, "shared": 1})
    assert control.needs == frozenset()
    assert labelled(control, rows).to_dict(as_series=False) == {
        "query_id": ["q"],
        "document_ids": [["a", "b"]],
    }
    assert config("kl").needs == {Need.ANSWERS}
    assert labelled(config("kl", targets=Factor(by=0.5)), rows)["label"].to_list() == [[2.0, 0.5, -1.0]]


def test_its_losses_have_contracts_and_its_targets_a_reference(config):
    assert set(get_args(LossName)) <= set(CONTRACTS)
    chosen = config("score_mse", targets=AffineTo(reference="bm25"))
    assert chosen.reference == "bm25"
    assert chosen.takes == (("score_mse", chosen.targets),)
    assert config().reference is None


def test_an_unknown_loss_is_refused_by_naming_the_known():
    with pytest.raises(ValidationError, match="'score_mse', 'margin_mse', 'kl' or 'infonce'"):
        SpladeConfig(name="s", loss="mse")


def test_a_plan_imports_no_torch():
    code = "import sys, models.students.splade; print({'torch', 'scipy'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
