import pytest
import torch
from sentence_transformers.sparse_encoder import losses

from models.encoders.term_encoder import TermEncoder
from models.encoders.term_head import start_term_model
from models.encoders.term_threshold import begin
from models.losses.splade_loss import splade_loss

COLUMNS = [
    ["yellow metal", "what do barges carry"],
    ["gold is a yellow metal", "barges carry coal on the rhine"],
    ["iron rusts", "gold is a yellow metal"],
]
LABELS = torch.tensor([[3.0, 1.0], [2.0, -1.0]])
NAMES = ("score_mse", "margin_mse", "kl", "infonce")


@pytest.fixture
def model(tiny_backbone):
    made, _ = start_term_model(tiny_backbone, None, query_max_tokens=16, passage_max_tokens=16)
    begin(TermEncoder(made, 16, 16), [text for column in COLUMNS for text in column], 20)
    return made.eval()


def parts(loss, model, labels=LABELS):
    return loss([dict(model.preprocess(column)) for column in COLUMNS], labels)


def ours(model, name):
    return splade_loss(
        model, name, score_scale=0.5, calibrate=False, query_flops_weight=0.3, passage_flops_weight=0.2
    )


def scores(model):
    vectors = [model(dict(model.preprocess(column)))["sentence_embedding"] for column in COLUMNS]
    return torch.stack([(vectors[0] * each).sum(dim=1) for each in vectors[1:]], dim=1)


@pytest.mark.parametrize("name", ["margin_mse", "kl", "infonce"])
def test_it_is_the_loss_of_the_library(name, model):
    def halved(one, other):
        return 0.5 * (one * other).sum(dim=1)

    theirs = losses.SpladeLoss(
        model,
        {
            "margin_mse": lambda: losses.SparseMarginMSELoss(model),
            "kl": lambda: losses.SparseDistillKLDivLoss(model, similarity_fct=halved),
            "infonce": lambda: losses.SparseMultipleNegativesRankingLoss(model, scale=0.5),
        }[name](),
        document_regularizer_weight=0.2,
        query_regularizer_weight=0.3,
    )
    expected = parts(theirs, model)
    for part, value in parts(ours(model, name), model).items():
        assert value.item() == pytest.approx(expected[part].item(), rel=1e-4, abs=1e-6)


def test_score_regression_is_of_inner_products(model):
    found = parts(ours(model, "score_mse"), model)["base_loss"].item()
    assert found == pytest.approx((scores(model) - LABELS).square().mean().item(), rel=1e-4)


@pytest.mark.parametrize("name", ["score_mse", "margin_mse", "kl"])
def test_a_student_that_scores_as_its_teacher_has_no_loss(name, model):
    labels = scores(model).detach() * (0.5 if name == "kl" else 1.0)
    assert parts(ours(model, name), model, labels)["base_loss"].item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_the_gradient_reaches_head_and_body_and_not_the_teacher(name, model):
    labels = LABELS.clone().requires_grad_()
    parts(ours(model, name), model, labels)["base_loss"].backward()
    assert labels.grad is None
    reached = {name for name, each in model.named_parameters() if each.grad is not None and each.grad.any()}
    for part in (
        "transform.dense.weight",
        "transform.LayerNorm.weight",
        "predictions.bias",
        "word_embeddings",
    ):
        assert any(part in name for name in reached), part
    assert any("encoder.layer.0" in name for name in reached)
