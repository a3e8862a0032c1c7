import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sentence_transformers.sparse_encoder.callbacks import SpladeRegularizerWeightSchedulerCallback
from sentence_transformers.sparse_encoder.losses import SpladeLoss
from torch import nn
from transformers import TrainerState

from models.losses.score_regression import ScoreRegression
from models.losses.term_budget import BudgetedSplade, BudgetRamp, next_weight, ramp

COLUMNS = [torch.tensor(rows) for rows in ([[1.0, 0.0, 0.0]], [[2.0, 1.0, 0.0]], [[4.0, 1.0, 2.0]])]


class Given(nn.Module):
    """Stands for a model: its vectors are the tokens it is given."""

    def forward(self, features):
        return {"sentence_embedding": features["vectors"]}


def splade(passages=0.5, queries=0.25):
    return BudgetedSplade(
        Given(), ScoreRegression(calibrate=False), query_weight=queries, passage_weight=passages
    )


def parts(loss):
    features = [{"vectors": column} for column in COLUMNS]
    return {name: value.item() for name, value in loss(features, torch.tensor([[1.0, 4.0]])).items()}


@given(st.floats(1e-6, 1e3), st.floats(0, 30_000), st.integers(1, 1000))
def test_the_weight_rises_where_there_are_too_many_terms_and_falls_where_too_few(weight, terms, budget):
    found = next_weight(weight, terms, terms, budget)
    assert (found > weight) == (terms > budget) or found == pytest.approx(weight)
    assert weight / 2 <= found <= 2 * weight


@given(st.floats(0.3, 1), st.integers(50, 500), st.floats(0.001, 10))
def test_the_law_lands_where_terms_follow_the_weight_some_steps_late(power, budget, weight):
    # Any count of terms that falls as the weight rises, a quarter of the way in a step.
    terms = 2.0 * budget
    for _ in range(150):
        before, settled = terms, 200 * (weight / 0.05) ** -power
        terms *= (settled / terms) ** 0.25
        weight = next_weight(weight, terms, before, budget)
    assert terms == pytest.approx(budget, rel=0.1)


def test_the_law_worked_by_hand():
    # twice the budget, and staying there: 2^0.2 = 1.1487; having fallen by a tenth: times 0.9² = 0.81
    assert next_weight(0.1, 200.0, 200.0, 100) == pytest.approx(0.11487, rel=1e-4)
    assert next_weight(0.1, 180.0, 200.0, 100) == pytest.approx(0.1 * 1.8**0.2 * 0.81)
    assert next_weight(0.1, 200.0, 0.0, 100) == pytest.approx(0.11487, rel=1e-4)
    # no more than twice, no less than half
    assert next_weight(0.1, 200.0, 50.0, 100) == pytest.approx(0.2)
    assert next_weight(0.1, 0.0, 50.0, 100) == pytest.approx(0.05)


@pytest.mark.parametrize("step", range(12))
def test_the_ramp_is_the_quadratic_one_of_the_library(step):
    theirs = SpladeLoss(Given(), ScoreRegression(), 1.0, 1.0)
    callback = SpladeRegularizerWeightSchedulerCallback(theirs, "quadratic", warmup_ratio=0.9)
    state = TrainerState(max_steps=12, global_step=step)
    callback.on_train_begin(None, state, None)
    callback.on_step_begin(None, state, None)
    assert ramp(step, 10) == pytest.approx(theirs.document_regularizer_weight)


def test_without_steps_there_is_no_ramp():
    assert ramp(0, 0) == 1


def test_the_parts_worked_by_hand():
    # scores 2 and 4 against 1 and 4: squares 1 and 0, mean 0.5
    # passages: means (2+4)/2, (1+1)/2, (0+2)/2 = 3, 1, 1; squares 11, weight 0.5. queries: 1² · 0.25
    loss = splade()
    assert parts(loss) == {
        "base_loss": pytest.approx(0.5),
        "document_regularizer_loss": pytest.approx(5.5),
        "query_regularizer_loss": pytest.approx(0.25),
    }
    assert loss.measures() == {
        "passage_terms": 2.5,
        "query_terms": 1,
        "passage_flops": 11,
        "query_flops": 1,
        "passage_flops_weight": 0.5,
    }


def steps_of(loss, callback, steps):
    """The weights of passages and queries, step by step."""
    found = []
    for _ in range(steps):
        callback.on_step_begin(None, None, None)
        parts(loss)
        found.append((loss.document_regularizer_weight, loss.query_regularizer_weight))
        callback.on_step_end(None, None, None)
    return found


def test_both_weights_ramp_and_then_that_of_passages_follows_its_terms():
    loss = splade(passages=0.4, queries=0.2)
    # 2.5 terms in every step, against a budget of 1: 2.5^0.2 a step, once the ramp of two steps is over
    found = steps_of(loss, BudgetRamp(loss, 2, budget=1), 5)
    assert found == [
        (0, 0),
        (pytest.approx(0.1), pytest.approx(0.05)),
        (pytest.approx(0.4), pytest.approx(0.2)),
        (pytest.approx(0.4 * 2.5**0.2), pytest.approx(0.2)),
        (pytest.approx(0.4 * 2.5**0.4), pytest.approx(0.2)),
    ]


def test_without_a_budget_the_weights_stay():
    loss = splade(passages=0.4, queries=0.2)
    assert steps_of(loss, BudgetRamp(loss, 0, budget=None), 3) == [(0.4, 0.2)] * 3


def test_a_second_trainer_goes_on_where_the_first_stopped():
    loss = splade(passages=0.4)
    callback = BudgetRamp(loss, 2, budget=None)
    first = steps_of(loss, callback, 2)
    callback.on_train_begin(None, TrainerState(max_steps=9), None)
    assert [weight for weight, _ in first + steps_of(loss, callback, 1)] == pytest.approx([0, 0.1, 0.4])
