import pytest
import torch
from torch import nn

from models.losses.embed_distill import EmbedDistillLoss, Goals, Terms, VectorTable

QUERY = [[1.0, 0.0]]
# Their inner products with the query are 3, 1 and 0.
PASSAGES = [[3.0, 1.0], [1.0, 5.0], [0.0, 2.0]]


class Given(nn.Module):
    """Stands for a model: its vectors are what it is given."""

    def forward(self, features):
        return {"sentence_embedding": features["vectors"]}


def tokens(vectors, requires_grad=False):
    return {"vectors": torch.tensor(vectors, requires_grad=requires_grad)}


def table(vectors, rows):
    return VectorTable(torch.tensor(vectors), torch.tensor(rows))


def terms(label=0.0, score=0.0, match=0.0, score_loss="kl"):
    return Terms(label, score, match, score_loss, scale=0.6931472)  # ln 2


def columns(requires_grad=False):
    return [tokens(QUERY, requires_grad), *(tokens([each], requires_grad) for each in PASSAGES)]


def test_labels_worked_by_hand():
    # scores 3·ln2, ln2, 0: odds 8:2:1 of 11, of which the first is the answer; times the weight 2
    loss = EmbedDistillLoss(Given(), Goals(), terms(label=2.0))
    found = loss(columns(), torch.tensor([0]))
    assert set(found) == {"label_loss"}
    assert found["label_loss"].item() == pytest.approx(2 * torch.tensor(11 / 8).log().item(), abs=1e-5)


def test_scores_worked_by_hand():
    # kl: teacher equal thirds, student 8:2:1 of 11: 1/3·ln(1331/432) = 0.37508
    # margins: ln2·(3-1) and ln2·3 against 9-6=3 and 9-8=1: (1.38629-3)² and (2.07944-1)², mean 1.88464
    for name, scores, expected in (
        ("kl", [5.0, 5.0, 5.0], 0.37508),
        ("margin_mse", [9.0, 6.0, 8.0], 1.88464),
    ):
        goals = Goals(scores=torch.tensor([[0.0] * 3, scores]))
        loss = EmbedDistillLoss(Given(), goals, terms(score=1.0, score_loss=name))
        found = loss(columns(), torch.tensor([1]))
        assert found["score_loss"].item() == pytest.approx(expected, abs=1e-4)


def test_distances_worked_by_hand():
    # query (1, 0) to its target (1, 4): 4. Passages: (3, 1) to (0, 5): 5; the others 0; mean 5/3
    goals = Goals(
        queries=table([[0.0, 0.0], [1.0, 4.0]], [1]),
        passages=table([[1.0, 5.0], [0.0, 2.0], [0.0, 5.0]], [[2, 0, 1]]),
    )
    found = EmbedDistillLoss(Given(), goals, terms(match=0.5))(columns(), torch.tensor([0]))
    assert found["query_distance"].item() == pytest.approx(0.5 * 4)
    assert found["passage_distance"].item() == pytest.approx(0.5 * 5 / 3)


def test_targets_of_the_answer_alone_match_the_answer_alone():
    goals = Goals(queries=table(QUERY, [0]), passages=table([[0.0, 5.0]], [[0]]))
    found = EmbedDistillLoss(Given(), goals, terms(match=1.0))(columns(), torch.tensor([0]))
    assert found["passage_distance"].item() == pytest.approx(5.0)


def test_frozen_passages_are_looked_up_and_get_no_gradient():
    passages = torch.tensor(PASSAGES, requires_grad=True)
    goals = Goals(
        scores=torch.tensor([[5.0, 5.0, 5.0]]),
        queries=table(QUERY, [0]),
        passages=VectorTable(passages.detach(), torch.tensor([[0, 1, 2]])),
        frozen=True,
    )
    query = tokens(QUERY, requires_grad=True)
    found = EmbedDistillLoss(Given(), goals, terms(score=1.0, match=1.0))([query], torch.tensor([0]))
    assert found["score_loss"].item() == pytest.approx(0.37508, abs=1e-4)
    assert "passage_distance" not in found
    sum(found.values()).backward()
    assert query["vectors"].grad.any()
    assert not goals.passages.table.requires_grad


def test_a_student_that_is_its_teacher_has_no_loss():
    goals = Goals(
        scores=0.6931472 * torch.tensor([[3.0, 1.0, 0.0]]),
        queries=table(QUERY, [0]),
        passages=table(PASSAGES, [[0, 1, 2]]),
    )
    for name in ("kl", "margin_mse"):
        found = EmbedDistillLoss(Given(), goals, terms(score=1.0, match=1.0, score_loss=name))(
            columns(), torch.tensor([0])
        )
        assert sum(found.values()).item() == pytest.approx(0, abs=1e-6)
