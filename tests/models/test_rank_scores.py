from dataclasses import replace

import pytest
import torch

from models.encoders import seq2seq
from models.encoders.seq2seq_opening import open_seq2seq
from models.losses.log_odds import weight
from models.rank_lists import RankList
from models.rank_scores import Scoring, list_scores


@pytest.fixture
def scoring(tiny_backbone):
    model = open_seq2seq(tiny_backbone, max_tokens=16, decoder_layers=1)
    model.model.eval()

    def weigh(likely, shares, raised):
        return weight(torch.where(raised, likely + 2, likely), shares)

    return Scoring(model, lambda query, view: f"{query} {view}", weigh)


def rank_list(query, passages=3, keys=4, seed=0):
    """A list whose passages have some of the keys, of one to five tokens each, with random shares."""
    draws = torch.Generator().manual_seed(seed)
    words = torch.randint(5, 40, (keys, 5), generator=draws).tolist()
    has = torch.rand(passages, keys, generator=draws)
    return RankList(
        qid=query,
        query=query,
        answer=0,
        views=tuple(key % 3 for key in range(keys)),
        tokens=tuple(tuple(words[key][: 1 + key % 5]) for key in range(keys)),
        log_shares=(-9.0,) * keys,
        raised=tuple(key % 3 == 2 for key in range(keys)),
        entries=tuple((row, key, float(has[row, key])) for row in range(passages) for key in range(keys)),
        scores=(0.0,) * passages,
        teacher=None,
        is_second=False,
    )


LISTS = [rank_list("where does the rhine rise"), rank_list("gold", passages=2, keys=6, seed=1)]


def gradients(model):
    found = {name: each.grad.clone() for name, each in model.named_parameters() if each.grad is not None}
    model.zero_grad()
    return found


def test_a_score_is_the_sum_of_its_keys_weights(scoring):
    for one, scores in zip(LISTS, list_scores(scoring, LISTS, recompute=False), strict=True):
        expected = [0.0] * len(one.scores)
        for place, key, share in one.entries:
            text = scoring.reads(one.query, one.views[key])
            likely = scoring.model.log_probabilities([text], torch.tensor([0]), [one.tokens[key]])
            likely = likely + 2 if one.raised[key] else likely
            expected[place] += share * weight(likely, torch.tensor([-9.0])).item()
        assert scores.tolist() == pytest.approx(expected, rel=1e-3)


def test_chunks_and_recomputing_change_neither_scores_nor_gradients(scoring, monkeypatch):
    found = []
    for tokens, recompute in ((8192, False), (5, False), (5, True)):
        monkeypatch.setattr(seq2seq, "TOKENS_AT_ONCE", tokens)
        scores = torch.cat(list_scores(scoring, LISTS, recompute=recompute))
        scores.square().sum().backward()
        found.append((scores.detach(), gradients(scoring.model.model)))
    (whole, expected), *others = found
    assert len(expected) > 10
    largest = max(float(each.abs().max()) for each in expected.values())
    for scores, gradient in others:
        assert torch.allclose(scores, whole, rtol=1e-4)
        for name, each in expected.items():
            assert torch.allclose(gradient[name], each, rtol=1e-3, atol=1e-6 * largest), name


def test_what_is_kept_for_the_gradient_does_not_grow_with_the_list(scoring, monkeypatch):
    monkeypatch.setattr(seq2seq, "TOKENS_AT_ONCE", 64)

    def kept(passages, recompute):
        """Numbers that the graph of a list's scores holds, each once."""
        held = {}

        def pack(tensor):
            held[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes() // 4
            return tensor

        one = rank_list("where does the rhine rise", passages=passages, keys=4 * passages)
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            scores = list_scores(scoring, [one], recompute=recompute)
        assert scores[0].requires_grad
        return sum(held.values())

    # Thirty more passages with four keys each: what the decoder computed for them is not there.
    assert kept(32, recompute=True) - kept(2, recompute=True) < 0.1 * (kept(32, False) - kept(2, False))


def test_queries_are_read_once_for_each_view(scoring, monkeypatch):
    read, reads = [], scoring.model.read
    monkeypatch.setattr(scoring.model, "read", lambda texts: (read.append(texts), reads(texts))[1])
    list_scores(scoring, [LISTS[0], replace(LISTS[0], qid="again")], recompute=False)
    assert read == [[f"where does the rhine rise {view}" for view in (0, 1, 2)]]
