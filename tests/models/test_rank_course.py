from dataclasses import replace

import pytest

from data.errors import ConfigError
from models.generative import Generative, speaking
from models.identifiers import Identifiers
from models.rank_course import learn_ranking, scoring
from models.rank_lists import RankListSettings, mine
from models.rank_scores import list_scores
from models.training import TrainingConfig
from tests.models.rank_terms import rank_terms

LISTS = RankListSettings(length=4, keys_per_passage=10, depth=12, min_negatives=1)
ONE_STEP = TrainingConfig(
    max_steps=1, batch_size=4, learning_rate=3e-3, warmup_share=0.0, precision="float32"
)
LOSSES = ["distilled_ranknet", "ltrgr", "list_net", "kl", "list_mle", "lambda_loss"]


@pytest.fixture
def generative(tiny_minder):
    return Generative.load(tiny_minder.folder)


@pytest.fixture
def lesson(make_lesson):
    def unasked(pairs):
        raise AssertionError

    return replace(make_lesson(), scorer=unasked)


def terms(loss="distilled_ranknet", margin=4.0):
    changes = {"base_margin": margin, "gap_margin": 1.0, "generation_weight": 1.0, "recompute": True}
    return lambda lists: rank_terms(loss=loss, **changes)


def test_before_it_learns_it_scores_lists_as_the_base_retrieved_them(generative, lesson):
    found = mine(lesson, generative.retriever(lesson.identifiers), LISTS).lists
    model = speaking(generative.model, Identifiers.open(lesson.identifiers))
    for one, scores in zip(
        found, list_scores(scoring(generative, model), found, recompute=False), strict=True
    ):
        assert scores.tolist() == pytest.approx(one.scores, rel=1e-3, abs=1e-3)


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_moves_the_weights(generative, lesson, loss):
    before = [each.detach().clone() for each in generative.model.model.parameters()]
    curve, facts = learn_ranking(generative, lesson, LISTS, ONE_STEP, terms(loss))
    told = {row["measure"]: row["value"] for row in curve.to_pylist()}
    assert told["rank_loss"] > 0
    assert told["generation_loss"] > 0
    assert told["loss"] == pytest.approx(told["rank_loss"] + told["generation_loss"], rel=1e-3)
    assert 0 < told["distillation_share"] < 1
    after = list(generative.model.model.parameters())
    assert any(not first.equal(second) for first, second in zip(before, after, strict=True))
    assert facts["steps"] == 1


def test_facts_tell_of_lists_margins_and_failure_signs(generative, lesson):
    _, facts = learn_ranking(generative, lesson, LISTS, ONE_STEP, terms())
    assert (facts["base_margin"], facts["gap_margin"]) == (4, 1)
    assert 0 <= facts["valid_identifiers_before"] <= 1
    assert 0 <= facts["valid_identifiers"] <= 1
    # The key of the tiny lesson gives what is judged 3 more than all else.
    assert facts["teacher_contradicts_labels"] == 0
    assert facts["teacher_pairs_asked"] == 0
    assert facts["parameters"] > 0


def test_what_is_in_order_by_the_margin_is_left_out_unless_it_is_all(generative, lesson):
    retriever = generative.retriever(lesson.identifiers)
    found = mine(lesson, retriever, LISTS).lists
    ahead = {one.qid: one.scores[0] - max(one.scores[place] for place in one.first[1:]) for one in found}
    margin = sorted(ahead.values())[0] + 1e-3
    _, facts = learn_ranking(generative, lesson, LISTS, ONE_STEP, terms(margin=margin))
    assert facts["lists_distinct"] == sum(each < margin for each in ahead.values())
    assert facts["lists_in_order"] == len(found) - facts["lists_distinct"]
    every = LISTS.model_copy(update={"only_violating": False})
    _, facts = learn_ranking(generative, lesson, every, ONE_STEP, terms(margin=margin))
    assert facts["lists_in_order"] == 0


def test_without_an_index_there_is_nothing_to_learn(generative, lesson):
    with pytest.raises(ConfigError, match="found no index of identifiers"):
        learn_ranking(generative, replace(lesson, identifiers=None), LISTS, ONE_STEP, terms())
