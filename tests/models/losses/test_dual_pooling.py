import math

import pytest
import torch
from torch import nn

from models.encoders.dual_pooling import DualPooling
from models.losses.dual_pooling import DualPoolingLoss


class Counting(DualPooling):
    """Stands for a body: a text's vector is its length and 1; pairs and texts that were read are counted."""

    def __init__(self):
        self.model, self.width, self.read = nn.Linear(1, 1), 2, []

    def vectors(self, texts):
        self.read.append(list(texts))
        return torch.tensor([[float(len(text)), 1.0] for text in texts])

    def read_pairs(self, pairs):
        self.read.append(list(pairs))
        return tuple(torch.tensor([[float(len(pair[side])), 0.0] for pair in pairs]) for side in (0, 1))

    def read_alone(self, texts):
        return self.vectors(texts)


INPUTS = [["a", "a"], [["bb", "c"], ["c", "bb"]]]


def test_worked_by_hand():
    # scores 1·2 and 1·1, then 1·1 and 1·2: losses -log softmax(2, 1)[0] = ln(1 + e⁻¹), and ln(1 + e)
    # rebuilt by the identity, the second dimension is 0 and should be 1 on both sides: squares 0 and 1
    found = DualPoolingLoss(Counting(), reconstruction_weight=3.0)(INPUTS)
    expected = (math.log(1 + math.exp(-1)) + math.log(1 + math.e)) / 2
    assert found["list_loss"].item() == pytest.approx(expected)
    assert found["reconstruction"].item() == pytest.approx(3.0 * (0.5 + 0.5))


def test_a_text_of_several_pairs_is_read_alone_once():
    body = Counting()
    DualPoolingLoss(body, 1.0)(INPUTS)
    assert body.read == [[("a", "bb"), ("a", "c"), ("a", "c"), ("a", "bb")], ["a"], ["bb", "c"]]


def test_without_a_weight_nothing_is_read_alone():
    body = Counting()
    assert set(DualPoolingLoss(body, 0.0)(INPUTS)) == {"list_loss"}
    assert len(body.read) == 1


def test_the_gradient_reaches_the_body_and_both_linear_layers(tiny_backbone):
    dual = DualPooling(tiny_backbone, 32)
    loss = DualPoolingLoss(dual, 1.0)
    texts = [["yellow metal"], [["gold is a yellow metal", "iron rusts"]]]
    sum(loss(texts).values()).backward()
    reached = {name for name, each in loss.named_parameters() if each.grad is not None and each.grad.any()}
    assert {"rebuild_query.weight", "rebuild_passage.weight"} <= reached
    assert any("layer.0.attention" in name for name in reached)
