import jaxtyping
import pytest
import torch
from torch import nn

from models.identifier_rows import Row
from models.losses.distilled_ranknet import distilled_ranknet
from models.losses.lambda_loss import lambda_loss
from models.losses.list_mle import list_mle
from models.losses.list_net import list_net
from models.losses.normalised import normalised
from models.losses.sentence_kl import sentence_kl
from models.rank_distillation import RankDistillation, Taught
from models.rank_lists import RankList
from models.rank_scores import Scoring
from models.training import TrainingConfig
from models.writing import teach_rows
from tests.models.rank_terms import rank_terms

# One key a passage; the answer, another answer, and two others as the teacher ranks them.
ONE = RankList(
    qid="q1",
    query="where",
    answer=0,
    views=(1,) * 4,
    tokens=((5,), (6,), (7,), (8,)),
    log_shares=(-9.0,) * 4,
    raised=(False,) * 4,
    entries=tuple((place, place, 1.0) for place in range(4)),
    scores=(900.0, 400.0, 700.0, 100.0),
    teacher=(8.0, 2.0, 5.0, 1.0),
    is_second=True,
)
SCORES = torch.tensor([900.0, 400.0, 700.0, 100.0])
TOLD = torch.tensor([8.0, 2.0, 5.0, 1.0])
FIRST, SECOND = [0, 2, 3], [1, 2, 3]


class Model:
    """Stands for a model that writes: each token has one log-probability, whatever is read."""

    device = torch.device("cpu")

    def __init__(self):
        self.model = nn.Embedding(10, 1)
        nn.init.constant_(self.model.weight, -1.0)

    def log_probabilities(self, texts, text_rows, identifiers, *, recompute=False):
        return torch.stack([self.model.weight[list(tokens), 0].sum() for tokens in identifiers])

    def loss(self, texts, targets, smoothing=0.0):
        return -torch.stack([self.model.weight[list(tokens), 0].mean() for tokens in targets]).mean()


def test_distilled_ranknet_is_the_mean_of_both_lists_in_units_of_the_margin():
    halves = [distilled_ranknet(SCORES[places][None], 300.0, 100.0) for places in (FIRST, SECOND)]
    expected = sum(float(half) for half in halves) / 2 / 300
    assert rank_terms().of_query(ONE, SCORES).item() == pytest.approx(expected)


def test_it_does_not_matter_in_what_unit_scores_and_margins_are():
    scaled = rank_terms(base_margin=3.0, gap_margin=1.0).of_query(ONE, SCORES / 100)
    assert scaled.item() == pytest.approx(rank_terms().of_query(ONE, SCORES).item())


def test_ltrgr_asks_more_of_the_answer_by_lot():
    # first list: 700 - 900 + 300 = 100 and 100 - 900 + 300 < 0: 50. Second, margin 400: 700 - 400 + 400 = 700
    # and 100 - 400 + 400 = 100: 400. Their mean, 225, over 300.
    assert rank_terms(loss="ltrgr").of_query(ONE, SCORES).item() == pytest.approx(0.75)


def test_ltrgr_needs_no_teacher_and_the_same_list():
    alone = RankList(**ONE.__dict__ | {"teacher": None})
    assert rank_terms(loss="ltrgr").of_query(alone, SCORES).item() == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("loss", "by_hand"),
    [
        ("list_net", list_net),
        ("list_mle", list_mle),
        ("kl", lambda own, told: sentence_kl(own, told, torch.zeros_like(own, dtype=torch.bool))),
    ],
)
@pytest.mark.parametrize("how", ["z", "min_max"])
def test_a_list_wise_loss_sees_both_lists_normalised(loss, by_hand, how):
    halves = [
        by_hand(normalised(SCORES[places][None], how) / 0.5, normalised(TOLD[places][None], how) / 0.5)
        for places in (FIRST, SECOND)
    ]
    found = rank_terms(loss=loss, normalisation=how, temperature=0.5).of_query(ONE, SCORES)
    assert found.item() == pytest.approx(sum(map(float, halves)) / 2)


def test_lambda_loss_takes_shares_of_the_teachers_range_as_gains():
    halves = [
        lambda_loss(normalised(SCORES[places][None], "z"), normalised(TOLD[places][None], "min_max"))
        for places in (FIRST, SECOND)
    ]
    assert rank_terms(loss="lambda_loss").of_query(ONE, SCORES).item() == pytest.approx(
        sum(map(float, halves)) / 2
    )


@pytest.mark.parametrize("loss", ["distilled_ranknet", "ltrgr", "list_net", "kl", "list_mle", "lambda_loss"])
def test_every_loss_lifts_an_answer_that_is_last(loss):
    scores = torch.tensor([100.0, 400.0, 700.0, 900.0], requires_grad=True)
    rank_terms(loss=loss).of_query(ONE, scores).backward()
    assert scores.grad[0] < 0


def scoring(model):
    return Scoring(
        model, lambda query, view: f"{query} {view}", lambda likely, shares, raised: likely - shares
    )


def taught(target):
    return Taught(ONE, (Row("where", "body", target),))


def test_both_terms_are_weighed_and_told():
    loss = RankDistillation(scoring(Model()), rank_terms())
    found = loss([taught((5, 6))])
    told = loss.measures()
    # Every token has the log-probability -1; the generation loss is 1, and its weight 2.
    assert told["generation_loss"] == pytest.approx(2)
    assert told["rank_loss"] + told["generation_loss"] == pytest.approx(found.item())
    assert told["distillation_share"] == pytest.approx(told["rank_loss"] / found.item())
    assert loss.measures() == {"rank_loss": 0, "generation_loss": 0, "distillation_share": 0}


def test_the_gradient_reaches_the_model_by_both_terms():
    model = Model()
    for changes, expected in (({}, True), ({"generation_weight": 0.0}, False)):
        model.model.zero_grad()
        RankDistillation(scoring(model), rank_terms(**changes))([taught((9,))]).backward()
        assert bool(model.model.weight.grad[5]) is True
        assert bool(model.model.weight.grad[9]) is expected


def test_without_anything_to_write_there_is_only_the_order():
    loss = RankDistillation(scoring(Model()), rank_terms())
    loss([Taught(ONE, ())])
    assert loss.measures()["distillation_share"] == 1


def test_it_learns_the_order_and_to_write_and_tells_of_both(make_lesson):
    model = Model()
    # The answer's own key is the least likely of all.
    model.model.weight.data[5] = -3.0
    loss = RankDistillation(scoring(model), rank_terms(base_margin=0.5, gap_margin=0.2))
    training = TrainingConfig(
        epochs=40, batch_size=1, learning_rate=0.05, warmup_share=0, weight_decay=0, precision="float32"
    )
    curve = teach_rows(model.model, loss, [taught((9,))], training, make_lesson()).to_pylist()
    names = ("rank_loss", "generation_loss", "distillation_share")
    ranks, writes, shares = ([row["value"] for row in curve if row["measure"] == name] for name in names)
    assert ranks[-1] < 0.5 * ranks[0]
    assert writes[-1] < 0.5 * writes[0]
    for share, rank, generation in zip(shares, ranks, writes, strict=True):
        assert share == pytest.approx(rank / (rank + generation))


def test_scores_of_another_shape_are_refused():
    with pytest.raises(jaxtyping.TypeCheckError):
        rank_terms().of_query(ONE, SCORES[None])
