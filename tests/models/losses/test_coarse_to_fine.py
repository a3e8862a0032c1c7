from dataclasses import replace

import pytest
import torch
from torch import nn

from models.clustering.prefix_tree import IGNORED
from models.encoders.cluster_decoder import ClusterDecoder, DecoderShape
from models.losses.cluster_contrastive import cluster_contrastive
from models.losses.coarse_to_fine import CoarseToFineLoss, Truth, Weights
from models.losses.dropout_contrast import dropout_contrast

USED = torch.tensor([[True, True, False], [True, True, True], [False, False, True]])
VECTORS = torch.tensor([[2.0, 0.0], [0.0, 1.0], [0.6, 0.8], [-1.0, 0.0]])
PATHS = torch.tensor([[0, 2, IGNORED], [1, 0, 2], [1, 1, 2], [0, 2, IGNORED]])
# Ask 0 is answered by passages 0 and 2, ask 1 by passage 1.
TRUTH = Truth(VECTORS, PATHS, torch.tensor([0 * 4 + 0, 0 * 4 + 2, 1 * 4 + 1]))
# Ask, answer, one negative; that of ask 1 repeats its answer, for it has none.
LABELS = torch.tensor([[0, 0, 3], [1, 1, 1]])


class Given(nn.Module):
    """Stands for a model: vectors and states of tokens are the tokens it is given."""

    def forward(self, features):
        return {"sentence_embedding": features["vectors"], "token_embeddings": features["states"]}


def loss_of(decoder=None, matched=9, path=1.0, rdrop=0.0, model=None):
    weights = Weights(path, intra=3.0, temperature=0.5, matched=matched, decoder_learning_rate=1.0)
    weights = replace(weights, rdrop=rdrop, rdrop_temperature=0.5)
    return CoarseToFineLoss(model or Given(), decoder, TRUTH, weights)


@pytest.fixture
def decoder():
    torch.manual_seed(0)
    return ClusterDecoder(USED, DecoderShape(width=8, layers=1, adaptor_layers=1, rank=2), dropout=0.0)


@pytest.fixture
def queries():
    states = torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(0))
    vectors = torch.tensor([[3.0, 4.0], [0.0, -2.0]], requires_grad=True)
    return {"vectors": vectors, "states": states, "attention_mask": torch.ones(2, 3, dtype=torch.int64)}


def test_the_match_compares_unit_vectors_of_the_step_without_known_answers(queries):
    found = loss_of()([queries], LABELS)
    assert set(found) == {"match_loss"}
    # Passages of the step are 0, 1, 3: cosines of (0.6, 0.8) and (0, -1) with (1, 0), (0, 1), (-1, 0).
    logits = torch.tensor([[0.6, 0.8, -0.6], [0.0, -1.0, 0.0]]) / 0.5
    own = torch.tensor([[True, False, True], [False, True, False]])
    # Passage 2, which answers ask 0 as well, is not in the step; nothing else is excluded.
    wanted = cluster_contrastive(logits, torch.tensor([0, 1]), own, torch.zeros_like(own), intra_weight=3.0)
    torch.testing.assert_close(found["match_loss"], wanted)


def test_an_answer_of_the_step_that_answers_another_ask_is_not_its_negative(queries):
    labels = torch.tensor([[0, 0, 3], [1, 2, 2]])
    loss_of()([queries], labels)["match_loss"].backward()
    without = loss_of()([{**queries, "vectors": queries["vectors"].detach()}], labels)
    # For ask 0 passage 2 is out: passages 0 (own), 3 (own).
    one = torch.log(3 * torch.tensor([1.2, -1.2]).exp().sum()) - 1.2
    two = torch.tensor([0.0, -1.6, 0.0]).exp() @ torch.tensor([1.0, 3.0, 1.0])
    torch.testing.assert_close(without["match_loss"], (one + two.log() + 1.6) / 2)


def test_the_path_is_the_mean_over_the_tokens_of_the_answers_path(queries, decoder):
    found = loss_of(decoder, path=2.0)([queries], LABELS)["path_loss"]
    said = decoder(
        decoder.read(queries["states"]), torch.ones(2, 3, dtype=torch.bool), torch.tensor([[0, 0], [1, 0]])
    )
    # Paths 0, end and 1, 0, end: five tokens.
    logs = said[0, 0, 0] + said[0, 1, 2] + said[1, 0, 1] + said[1, 1, 0] + said[1, 2, 2]
    torch.testing.assert_close(found, -2.0 * logs / 5)


def test_with_rdrop_the_path_is_learned_from_two_passes_that_are_to_agree(queries, decoder):
    class Shaken(Given):
        """Gives other states each time, as under dropout."""

        def __init__(self):
            super().__init__()
            self.passes = 0

        def forward(self, features):
            self.passes += 1
            return super().forward({**features, "states": features["states"] * self.passes})

    found = loss_of(decoder, path=2.0, rdrop=0.15, model=Shaken())([queries], LABELS)
    passes = [{**queries, "states": queries["states"] * times} for times in (1, 2)]
    alone = [loss_of(decoder, path=2.0)([each], LABELS) for each in passes]
    torch.testing.assert_close(found["path_loss"], (alone[0]["path_loss"] + alone[1]["path_loss"]) / 2)
    torch.testing.assert_close(found["match_loss"], alone[0]["match_loss"])
    is_token, prefixes = torch.ones(2, 3, dtype=torch.bool), torch.tensor([[0, 2], [1, 0]])
    states = [decoder.states(decoder.read(each["states"]), is_token, prefixes)[0] for each in passes]
    wanted = 0.15 * dropout_contrast(*states, PATHS[:2], temperature=0.5)
    torch.testing.assert_close(found["rdrop_loss"], wanted)


def test_pieces_learn_the_path_alone_where_they_are_not_matched(queries, decoder):
    both = loss_of(decoder, matched=1)([queries], LABELS)
    alone = loss_of(decoder)([{name: each[:1] for name, each in queries.items()}], LABELS[:1])
    # Passage 1 is still a passage of the step.
    assert both["match_loss"] > alone["match_loss"]
    none = loss_of(decoder, matched=0)([queries], LABELS)
    assert none["match_loss"].item() == 0
    none["match_loss"].backward()
    assert not queries["vectors"].grad.any()


def test_vectors_that_are_made_are_those_of_the_passages_in_the_lists(queries):
    """Encoded in columns, with repeats, they give what looked-up vectors give, and a gradient."""
    columns = []
    for place in (1, 2):
        rows = LABELS[:, place]
        tokens = {"input_ids": rows[:, None] + 1, "attention_mask": torch.ones(2, 1, dtype=torch.int64)}
        columns.append(tokens)

    class Table(Given):
        def __init__(self):
            super().__init__()
            self.table = nn.Parameter(VECTORS.clone())

        def forward(self, features):
            if "vectors" in features:
                return super().forward(features)
            return {"sentence_embedding": self.table[features["input_ids"][:, 0] - 1]}

    model = Table()
    made = CoarseToFineLoss(model, None, TRUTH, loss_of().weights)([queries, *columns], LABELS)
    torch.testing.assert_close(made, loss_of()([queries], LABELS))
    made["match_loss"].backward()
    assert model.table.grad[[0, 1, 3]].any(dim=1).all()
    assert not model.table.grad[2].any()
