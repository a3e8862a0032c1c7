import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.losses.cluster_contrastive import cluster_contrastive


def by_loop(logits, answers, own, excluded, weight):
    """The formula, passage by passage."""
    losses = []
    for query, answer in enumerate(answers):
        total = 0.0
        for passage, logit in enumerate(logits[query]):
            if excluded[query][passage] and passage != answer:
                continue
            total += (weight if own[query][passage] else 1.0) * math.exp(logit)
        losses.append(math.log(total) - logits[query][answer])
    return sum(losses) / len(losses)


@st.composite
def steps(draw):
    queries, passages = draw(st.integers(1, 4)), draw(st.integers(1, 6))
    rows = {
        kind: draw(
            st.lists(st.lists(each, min_size=passages, max_size=passages), min_size=queries, max_size=queries)
        )
        for kind, each in {
            "logits": st.floats(-20, 20),
            "own": st.booleans(),
            "excluded": st.booleans(),
        }.items()
    }
    answers = draw(st.lists(st.integers(0, passages - 1), min_size=queries, max_size=queries))
    for query, answer in enumerate(answers):
        rows["own"][query][answer] = True
    return rows["logits"], answers, rows["own"], rows["excluded"]


@given(steps(), st.floats(0.1, 10))
def test_it_is_the_loop_over_passages(step, weight):
    logits, answers, own, excluded = step
    found = cluster_contrastive(
        torch.tensor(logits, dtype=torch.float64),
        torch.tensor(answers),
        torch.tensor(own),
        torch.tensor(excluded),
        intra_weight=weight,
    )
    assert found.item() == pytest.approx(by_loop(*step, weight), rel=1e-6, abs=1e-6)


def test_weight_one_is_the_softmax_over_all():
    logits = torch.tensor([[1.0, 2.0, 3.0], [0.0, 1.0, 0.5]])
    own = torch.tensor([[True, True, False], [False, True, False]])
    found = cluster_contrastive(logits, torch.tensor([0, 1]), own, torch.zeros_like(own), intra_weight=1.0)
    torch.testing.assert_close(found, torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1])))


def test_worked_by_hand():
    # odds e^0 = 1 (answer), e^ln2 = 2 (own), e^ln4 = 4 (other): 3·(1 + 2) + 4 = 13; share of the answer 1/13
    logits = torch.tensor([[0.0, math.log(2), math.log(4)]])
    own = torch.tensor([[True, True, False]])
    found = cluster_contrastive(logits, torch.tensor([0]), own, torch.zeros_like(own), intra_weight=3.0)
    assert found.item() == pytest.approx(math.log(13))


def test_a_heavier_cluster_pushes_its_passages_further():
    own = torch.tensor([[True, True, False]])
    pushed = []
    for weight in (1.0, 4.0):
        logits = torch.zeros(1, 3, requires_grad=True)
        cluster_contrastive(
            logits, torch.tensor([0]), own, torch.zeros_like(own), intra_weight=weight
        ).backward()
        pushed.append(logits.grad[0])
    assert pushed[1][1] > pushed[0][1]
    assert pushed[1][2] < pushed[0][2]


def test_an_excluded_passage_gets_no_gradient():
    logits = torch.zeros(1, 3, requires_grad=True)
    excluded = torch.tensor([[True, True, False]])
    cluster_contrastive(
        logits, torch.tensor([0]), torch.ones(1, 3, dtype=torch.bool), excluded, intra_weight=2.0
    ).backward()
    assert logits.grad[0].tolist() == pytest.approx([-0.5, 0.0, 0.5])
