import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sentence_transformers.multi_vector_encoder.losses import MultiVectorMarginMSELoss
from torch import nn

from models.losses.late_interaction import PairwiseMarginLoss, batch_scores, list_scores


class Given(nn.Module):
    """Stands for a model: the vectors of a text's tokens are what it is given, masked as it is given."""

    def forward(self, features, task=None):
        return {"token_embeddings": features["vectors"], "attention_mask": features["attention_mask"]}


def columns(*texts):
    """One row for each text: its vectors, of which the last is padding."""
    return [
        {
            "vectors": torch.tensor([[*text, [9.0, 9.0]]]),
            "attention_mask": torch.tensor([[1] * len(text) + [0]]),
        }
        for text in texts
    ]


# The query finds 1 + .8 in the first passage, .6 + 0 in the second, -1 + 0 in the third.
QUERY = [[1.0, 0.0], [0.0, 1.0]]
PASSAGES = [[[1.0, 0.0], [0.6, 0.8]], [[0.6, 0.0]], [[-1.0, 0.0]]]


def loss_on(labels, loss=PairwiseMarginLoss, passages=PASSAGES):
    return loss(Given())(columns(QUERY, *passages), torch.tensor([labels]))


def test_the_loss_of_a_list_worked_by_hand():
    # scores 1.8, .6, -1: gaps 1.2, 2.8, 1.6; teacher 2, 1, 0: gaps 1, 2, 1; differences .2, .8, .6:
    # mean of .04, .64, .36 is 1.04 / 3
    assert loss_on([2.0, 1.0, 0.0]).item() == pytest.approx(1.04 / 3, abs=1e-6)


@given(st.lists(st.floats(-10, 10), min_size=2, max_size=2))
def test_with_one_negative_it_is_the_librarys_margin_mse(labels):
    two = PASSAGES[:2]
    expected = loss_on(labels, MultiVectorMarginMSELoss, two)
    assert loss_on(labels, passages=two).item() == pytest.approx(expected.item(), rel=1e-5, abs=1e-6)


@given(st.integers(0, 99))
def test_scores_are_those_of_numpy_with_padding_left_out(seed):
    numbers = np.random.default_rng(seed)
    queries, passages = numbers.normal(size=(2, 3, 4)), numbers.normal(size=(2, 5, 6, 4))
    asked, held = numbers.random((2, 3)) < 0.7, numbers.random((2, 5, 6)) < 0.7
    held[..., 0] = True
    sums = np.zeros((2, 2, 5))
    for q in range(2):
        for other in range(2):
            for p in range(5):
                products = queries[q][asked[q]] @ passages[other, p][held[other, p]].T
                sums[q, other, p] = products.max(axis=1).sum()
    tensors = torch.tensor(queries, dtype=torch.float32), torch.tensor(passages, dtype=torch.float32)
    masks = {"queries_mask": torch.tensor(asked), "documents_mask": torch.tensor(held)}
    own = np.stack([sums[0, 0], sums[1, 1]])
    assert list_scores(*tensors, **masks).numpy() == pytest.approx(own, abs=1e-4)
    assert batch_scores(*tensors, **masks).numpy() == pytest.approx(sums.reshape(2, 10), abs=1e-4)


def test_scores_are_in_float32_where_all_else_is_in_sixteen_bits():
    near = torch.tensor([[[[1.0, 0.0]], [[1.0001, 0.0]]]])
    with torch.autocast("cpu", torch.bfloat16):
        found = list_scores(torch.tensor([[[1.0, 0.0]]]), near)
    assert found[0, 0] < found[0, 1]


def test_the_gradient_reaches_the_student_and_not_the_teacher():
    features, labels = columns(QUERY, *PASSAGES), torch.tensor([[2.0, 1.0, 0.0]]).requires_grad_()
    for each in features:
        each["vectors"].requires_grad_()
    PairwiseMarginLoss(Given())(features, labels).backward()
    assert all(each["vectors"].grad[:, :-1].any() for each in features)
    assert not any(each["vectors"].grad[:, -1].any() for each in features)  # padding
    assert labels.grad is None
