import jaxtyping
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from models.losses.distilled_ranknet import distilled_ranknet

LISTS = arrays.arrays("float32", (3, 5), elements=st.floats(-500, 500, width=32))
MARGINS = st.floats(0, 300)


def by_loop(scores, base, gap, first):
    """The same, pair by pair."""
    total = 0.0
    for row in scores:
        violations = []
        for i in range(len(row)):
            for j in range(i + 1, len(row)):
                hinge = float(row[j]) - float(row[i]) + base + (j - i - 1) * gap
                if hinge > 0:
                    violations.append((first if i == 0 else 1 / (i + 1)) * hinge)
        total += sum(violations) / len(violations) if violations else 0.0
    return total / len(scores)


@given(LISTS, MARGINS, MARGINS, st.floats(0.1, 5))
def test_it_is_what_a_loop_over_pairs_gives(scores, base, gap, first):
    found = distilled_ranknet(torch.tensor(scores, dtype=torch.float64), base, gap, first)
    assert found.item() == pytest.approx(by_loop(scores, base, gap, first), rel=1e-9, abs=1e-9)


@given(LISTS, st.floats(-100, 100))
def test_a_constant_added_to_a_list_changes_nothing(scores, constant):
    student = torch.tensor(scores, dtype=torch.float64)
    moved = student + torch.tensor([[constant], [0.0], [-constant]], dtype=torch.float64)
    plain = distilled_ranknet(student, 300.0, 100.0).item()
    assert distilled_ranknet(moved, 300.0, 100.0).item() == pytest.approx(plain, rel=1e-6, abs=1e-6)


@given(LISTS, st.floats(0.01, 10))
def test_scores_and_margins_times_a_factor_give_the_loss_times_it(scores, factor):
    student = torch.tensor(scores, dtype=torch.float64)
    plain = distilled_ranknet(student, 300.0, 100.0).item()
    scaled = distilled_ranknet(factor * student, factor * 300.0, factor * 100.0).item()
    assert scaled == pytest.approx(factor * plain, rel=1e-6, abs=1e-9)


def test_a_list_that_violates_no_margin_has_no_loss_and_no_gradient():
    # gaps 400, 400 and 800; margins 300, 300 and 400: a mean of nothing
    student = torch.tensor([[900.0, 500.0, 100.0]], requires_grad=True)
    loss = distilled_ranknet(student, 300.0, 100.0)
    loss.backward()
    assert loss.item() == 0
    assert student.grad.tolist() == [[0.0, 0.0, 0.0]]


def test_a_list_of_one_passage_has_no_loss():
    assert distilled_ranknet(torch.tensor([[900.0]]), 300.0, 100.0).item() == 0


def test_worked_by_hand():
    # pairs (0, 1): 4 - 5 + 2 = 1, times 3; (1, 2): 1 - 4 + 2 < 0; (0, 2): 1 - 5 + 3 < 0: 3 over one violation
    assert distilled_ranknet(torch.tensor([[5.0, 4.0, 1.0]]), 2.0, 1.0).item() == pytest.approx(3)
    # (0, 1): 1 - 0 + 2 = 3, times 3; (0, 2): 4 - 0 + 3 = 7, times 3; (1, 2): 4 - 1 + 2 = 5, by 2: 32.5 over 3
    assert distilled_ranknet(torch.tensor([[0.0, 1.0, 4.0]]), 2.0, 1.0).item() == pytest.approx(32.5 / 3)


def test_a_list_that_is_learned_does_not_make_the_others_count_more():
    wrong, right = [0.0, 1.0, 4.0], [90.0, 50.0, 10.0]
    alone = distilled_ranknet(torch.tensor([wrong]), 2.0, 1.0).item()
    both = distilled_ranknet(torch.tensor([wrong, right]), 2.0, 1.0).item()
    assert both == pytest.approx(alone / 2)


def test_the_gradient_lifts_what_is_too_low_and_leaves_what_violates_nothing():
    student = torch.tensor([[5.0, 4.0, -9.0]], requires_grad=True)
    distilled_ranknet(student, 2.0, 1.0).backward()
    assert student.grad.tolist() == [[-3.0, 3.0, 0.0]]


def test_wrong_shapes_are_refused():
    with pytest.raises(jaxtyping.TypeCheckError):
        distilled_ranknet(torch.zeros(3), 2.0, 1.0)
