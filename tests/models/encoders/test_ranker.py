import numpy as np
import pytest
import torch

from models.encoders.ranker import Ranker
from models.teachers.cross_encoder import CrossEncoderConfig
from models.texts import passage_texts

PAIRS = [
    ("yellow metal", "gold is a yellow metal that never rusts."),
    ("yellow metal", "bach lived in leipzig."),
    ("where does the rhine rise", "the rhine rises in the swiss alps."),
    ("yellow metal", "gold is a yellow metal that never rusts."),
]


@pytest.fixture
def teacher(tiny_ranker_folder):
    return CrossEncoderConfig(name="r", model=str(tiny_ranker_folder), precision="float32")


@pytest.fixture
def ranker(teacher):
    return Ranker(teacher.model_of(None), teacher.max_tokens)


def weights(ranker):
    return [each.detach().clone() for each in ranker.model.parameters()]


def test_scores_are_those_of_the_answer_key(ranker, teacher, tiny_collection):
    queries = tiny_collection["queries"]["text"].to_pylist()
    passages = passage_texts(tiny_collection["passages"])
    rows = np.array([(q, p) for q in range(len(queries)) for p in range(len(passages))])
    expected = teacher.load(None, queries, passages).score(*rows.T)
    found = ranker.scores([(queries[q], passages[p]) for q, p in rows])
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


def test_equal_pairs_are_scored_once(ranker):
    seen = []
    ranker.model.register_forward_pre_hook(
        lambda _, __, named: seen.append(len(named["input_ids"])), with_kwargs=True
    )
    scores = ranker.scores(PAIRS)
    assert sum(seen) == 3
    assert scores[0] == scores[3] != scores[1]


def test_a_reading_is_the_last_layers_whatever_stands_beside_a_pair(ranker):
    together = ranker.read(PAIRS)
    for place, pair in enumerate(PAIRS):
        alone = ranker.read([pair])
        tokens = alone.states.shape[1]
        assert torch.allclose(together.states[place, :tokens], alone.states[0], atol=1e-5)
        assert torch.allclose(together.attention[place, :tokens, :tokens], alone.attention[0], atol=1e-5)
        assert not together.attention[place, :tokens, tokens:].any()
        assert torch.allclose(alone.attention.sum(dim=-1), torch.ones(1, tokens), atol=1e-5)


def test_words_are_counted_in_the_query_and_in_the_passage(ranker):
    found = ranker.read([("yellow metal", "gold is yellow.")])
    # [CLS] yellow metal [SEP] gold is yellow . [SEP]; the point belongs to the word before it
    assert found.query_places.tolist() == [[-1, 0, 1, -1, -1, -1, -1, -1, -1]]
    assert found.passage_places.tolist() == [[-1, -1, -1, -1, 0, 1, 2, 2, -1]]


def test_pairs_are_cut_at_the_teachers_length(teacher):
    short = Ranker(teacher.model_of(None), max_tokens=6)
    found = short.read([("yellow metal", "gold is a yellow metal")])
    assert found.states.shape[1] == 6


def test_reading_and_scoring_leave_no_gradient(ranker):
    assert not ranker.scores(PAIRS).requires_grad
    assert not ranker.read(PAIRS).states.requires_grad
    assert all(each.grad is None for each in ranker.model.parameters())


def test_it_learns_to_put_the_first_first_and_only_when_told(tiny_ranker_folder, ranker, teacher):
    quick = Ranker(teacher.model_of(None), teacher.max_tokens, learning_rate=1e-2)
    lists = [
        [PAIRS[1], PAIRS[0]],
        [(PAIRS[2][0], PAIRS[1][1]), PAIRS[2]],
    ]  # the worse first, whatever it says now
    before, untouched = weights(quick), weights(ranker)
    quick.scores(PAIRS)
    assert all(map(torch.equal, before, weights(quick)))
    nothing = torch.zeros(2, 2, dtype=torch.bool)
    for _ in range(30):
        quick.learn(lists, nothing)
    scores = quick.scores([pair for each in lists for pair in each]).view(2, 2)
    assert (scores[:, 0] > scores[:, 1]).all()
    assert all(map(torch.equal, untouched, weights(ranker)))


def test_a_lesson_in_parts_is_one_lesson(teacher, monkeypatch):
    lists = [[PAIRS[0], PAIRS[1]], [PAIRS[2], PAIRS[1]], [PAIRS[1], PAIRS[2]]]
    left_out = torch.tensor([[False, False], [False, True], [False, False]])
    found = []
    for at_once in (1, 16):
        monkeypatch.setattr("models.encoders.ranker.PAIRS_AT_ONCE", at_once)
        each = Ranker(teacher.model_of(None), teacher.max_tokens)
        # AdamW's first step is that of a sign, which rounding decides where a gradient is next to nothing.
        each.optimizer = torch.optim.SGD(each.model.parameters(), lr=0.1)
        each.learn(lists, left_out)
        found.append(weights(each))
    assert all(torch.allclose(*pair, atol=1e-5) for pair in zip(*found, strict=True))
