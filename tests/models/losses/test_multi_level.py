import logging
import math

import pytest
import torch
from sentence_transformers import SentenceTransformer

from models.encoders.ranker import Ranker
from models.losses.multi_level import Levels, MultiLevelLoss
from models.repeats import KeepTexts
from models.teachers.cross_encoder import CrossEncoderConfig

QUERIES = ["yellow metal", "where does the rhine rise"]
PASSAGES = [
    ["gold is a yellow metal that never rusts.", "the rhine rises in the swiss alps."],
    ["iron is a grey metal that rusts.", "the danube rises in the black forest."],
    ["bach lived in leipzig.", "bach wrote fugues for the organ."],
]
ALL = Levels(score_scale=20.0, filtered=True, sentence=1.0, attention=1.0, hidden=1.0, direction="both")
NONE = Levels(score_scale=20.0)


@pytest.fixture
def student(tiny_backbone):
    return SentenceTransformer(str(tiny_backbone), device="cpu").eval()


@pytest.fixture
def ranker(tiny_ranker_folder):
    return Ranker(CrossEncoderConfig(name="r", model=str(tiny_ranker_folder)).model_of(None), 64, 1e-3)


def columns(student, passages=PASSAGES):
    read = KeepTexts(lambda texts: dict(student.preprocess(texts)))
    return [read(QUERIES), *map(read, passages)]


def scores(student, passages=PASSAGES):
    """Twenty times the cosines, [query, candidate]."""
    queries = student.encode(QUERIES, convert_to_tensor=True)
    found = [(queries * student.encode(column, convert_to_tensor=True)).sum(dim=1) for column in passages]
    return 20 * torch.stack(found, dim=1)


def weights(model):
    return [each.detach().clone() for each in model.parameters()]


def test_without_any_level_it_is_infonce_over_the_list(student):
    loss = MultiLevelLoss(student, NONE)
    found = loss(columns(student))
    expected = -scores(student).log_softmax(dim=1)[:, 0].mean()
    assert list(found) == ["contrastive"]
    assert found["contrastive"].item() == pytest.approx(expected.item(), abs=1e-4)
    assert loss.measures() == {}


def test_a_stored_score_above_the_positives_leaves_a_negative_out(student):
    labels = torch.tensor([[1.0, 2.0, 0.0], [5.0, 1.0, 2.0]])
    loss = MultiLevelLoss(student, Levels(score_scale=20.0, filtered=True))
    found = loss(columns(student), labels)["contrastive"].item()
    own = scores(student)
    first = -torch.stack([own[0, 0], own[0, 2]]).log_softmax(dim=0)[0]
    expected = (first - own[1].log_softmax(dim=0)[0]) / 2
    assert found == pytest.approx(expected.item(), abs=1e-4)
    assert loss.measures() == {"filter_rate": 0.25}  # one negative of four


def test_the_sentence_level_is_the_divergence_times_its_weight(student):
    labels = torch.tensor([[3.0, 1.0, 0.0], [0.0, 2.0, 1.0]])
    theirs, own = labels.log_softmax(dim=1), scores(student).log_softmax(dim=1)
    expected = (theirs.exp() * (theirs - own)).sum(dim=1).mean().item()
    found = MultiLevelLoss(student, Levels(score_scale=20.0, sentence=0.5))(columns(student), labels)
    assert found["sentence"].item() == pytest.approx(0.5 * expected, rel=1e-3)
    # What the filter leaves out of InfoNCE stays here: its score says that it is good.
    filtered = MultiLevelLoss(student, Levels(score_scale=20.0, sentence=0.5, filtered=True))
    assert filtered(columns(student), labels)["sentence"].item() == pytest.approx(found["sentence"].item())


def test_a_passage_that_stands_in_its_list_twice_counts_once(student):
    twice = [*PASSAGES, PASSAGES[1]]
    labels = torch.tensor([[1.0, 2.0, 0.0], [5.0, 1.0, 2.0]])
    repeated = torch.cat([labels, labels[:, 1:2]], dim=1)
    levels = Levels(score_scale=20.0, filtered=True, sentence=1.0)
    found = []
    for passages, scored in ((PASSAGES, labels), (twice, repeated)):
        loss = MultiLevelLoss(student, levels)
        found.append([each.item() for each in loss(columns(student, passages), scored).values()])
        assert loss.measures() == {"filter_rate": 0.25}
    assert found[0] == pytest.approx(found[1], rel=1e-5)


def test_the_rate_is_told_since_the_last_report_and_over_all(student):
    loss = MultiLevelLoss(student, Levels(score_scale=20.0, filtered=True))
    loss(columns(student), torch.tensor([[0.0, 1.0, -1.0], [0.0, -1.0, -1.0]]))
    assert loss.measures() == {"filter_rate": 0.25}
    loss(columns(student), torch.tensor([[0.0, -1.0, -1.0], [0.0, -1.0, -1.0]]))
    assert loss.measures() == {"filter_rate": 0.0}
    assert loss.measures() == {}
    assert loss.whole.measures() == {"filter_rate": 0.125}


def test_a_high_rate_is_warned_of_once(student, caplog):
    loss = MultiLevelLoss(student, Levels(score_scale=20.0, filtered=True))
    with caplog.at_level(logging.WARNING, logger="distill"):
        for _ in range(3):
            loss(columns(student), torch.tensor([[0.0, 1.0, -1.0], [0.0, 1.0, -1.0]]))
            loss.measures()
    assert [record.getMessage().split(".")[0] for record in caplog.records] == [
        "filter: 50 % of the negatives so far are left out as false; expected 30 % at most"
    ]


def test_word_levels_read_the_positive_and_the_first_negatives_alone(student, ranker, monkeypatch):
    seen = []
    read = ranker.read
    monkeypatch.setattr(ranker, "read", lambda pairs: seen.append(pairs) or read(pairs))
    labels = torch.tensor([[3.0, 1.0, 0.0], [3.0, 2.0, 1.0]])
    loss = MultiLevelLoss(student, ALL, ranker)
    found = loss(columns(student), labels)
    assert set(found) == {"contrastive", "sentence", "word_attention", "word_hidden"}
    wanted = zip(QUERIES + QUERIES, PASSAGES[0] + PASSAGES[1], strict=True)
    assert seen == [list(wanted)]
    assert loss.measures() == {"filter_rate": 0.0, "words_aligned": 1.0}


def test_weights_multiply_the_word_levels(student, ranker):
    found = []
    for weight in (1.0, 3.0):
        levels = Levels(score_scale=1.0, attention=weight, hidden=weight)
        terms = MultiLevelLoss(student, levels, ranker)(columns(student))
        found.append((terms["word_attention"].item(), terms["word_hidden"].item()))
    assert found[1] == pytest.approx([3 * each for each in found[0]], rel=1e-5)
    assert all(0 < each < math.inf for each in found[0])


def test_the_student_and_the_projection_learn_and_the_ranker_does_not(student, ranker):
    loss = MultiLevelLoss(student, Levels(score_scale=20.0, attention=1.0, hidden=1.0), ranker)
    before = weights(ranker.model)
    terms = loss(columns(student))
    (terms["word_attention"] + terms["word_hidden"]).backward()
    assert all(each.grad is None for each in ranker.model.parameters())
    assert all(map(torch.equal, before, weights(ranker.model)))
    assert loss.projection.weight.grad.any()
    reached = {name for name, each in student.named_parameters() if each.grad is not None and each.grad.any()}
    assert {f"0.model.encoder.layer.{layer}.output.dense.weight" for layer in (0, 1)} <= reached
    # The trainer updates what the loss holds: the student and the projection, not the ranker.
    held = {id(each) for each in loss.parameters()}
    assert held == {id(each) for each in student.parameters()} | {id(loss.projection.weight)}


def test_a_ranker_that_is_refreshed_scores_the_lists_itself_and_learns_every_so_many_steps(student, ranker):
    levels = Levels(score_scale=20.0, filtered=True, ranker_factor=2.0, refresh_every=2, refresh_steps=3)
    loss = MultiLevelLoss(student, levels, ranker)
    pairs = [(query, column[place]) for place, query in enumerate(QUERIES) for column in PASSAGES]
    before, now = weights(ranker.model), ranker.scores(pairs).view(2, 3)
    loss(columns(student))
    assert all(map(torch.equal, before, weights(ranker.model)))
    above = (now[:, 1:] > now[:, :1]).sum().item() / 4
    assert loss.measures()["filter_rate"] == above
    loss(columns(student))
    assert not all(map(torch.equal, before, weights(ranker.model)))
    for _ in range(40):
        loss(columns(student))
    # It has learned the labels, so that the threshold has moved above every negative.
    loss.measures()
    loss(columns(student))
    assert loss.measures()["filter_rate"] == 0


def test_the_sentence_level_of_a_ranker_that_is_refreshed_takes_its_scores_times_the_factor(student, ranker):
    pairs = [(query, column[place]) for place, query in enumerate(QUERIES) for column in PASSAGES]
    stored = 2 * ranker.scores(pairs).view(2, 3)
    live = Levels(score_scale=20.0, sentence=1.0, ranker_factor=2.0, refresh_every=5)
    found = MultiLevelLoss(student, live, ranker)(columns(student))["sentence"]
    expected = MultiLevelLoss(student, Levels(score_scale=20.0, sentence=1.0))(columns(student), stored)
    assert found.item() == pytest.approx(expected["sentence"].item(), rel=1e-4)
