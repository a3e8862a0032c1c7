import pytest
import torch

from models.encoders.cluster_decoder import ClusterDecoder, ClusterSteps, DecoderShape, greedy

# Three positions; tokens 0, 1 and the end. At the first position no path ends, at the last all do.
USED = torch.tensor([[True, True, False], [True, True, True], [False, False, True]])
SHAPE = DecoderShape(width=16, layers=2, adaptor_layers=1, rank=4)


@pytest.fixture
def decoder():
    torch.manual_seed(0)
    made = ClusterDecoder(USED, SHAPE, dropout=0.0)
    torch.nn.init.normal_(made.adapted)
    return made.eval()


@pytest.fixture
def tokens():
    return torch.randn(3, 5, 16, generator=torch.Generator().manual_seed(1))


MASK = torch.tensor([[True] * 5, [True] * 3 + [False] * 2, [True] + [False] * 4])


def test_each_position_is_a_distribution_over_its_used_tokens(decoder, tokens):
    said = decoder(decoder.read(tokens), MASK, torch.tensor([[0, 1], [1, 0], [1, 1]]))
    assert said.shape == (3, 3, 3)
    torch.testing.assert_close(said.exp().sum(-1), torch.ones(3, 3))
    assert (said.isinf() == ~USED).all()


def test_writing_step_by_step_says_what_reading_the_whole_prefix_says(decoder, tokens):
    steps = ClusterSteps(decoder, tokens, MASK)
    first = steps.first()
    # Rows are moved and doubled on the way: the second query twice, the third never.
    second = steps.next(torch.tensor([1, 0, 1]), torch.tensor([0, 1, 1]))
    third = steps.next(torch.tensor([2, 0]), torch.tensor([1, 0]))
    whole = decoder(decoder.read(tokens), MASK, torch.tensor([[1, 0], [0, 0], [0, 0]]))
    torch.testing.assert_close(first, whole[:, 0])
    torch.testing.assert_close(second[1], whole[0, 1])
    again = decoder(decoder.read(tokens[[1, 1]]), MASK[[1, 1]], torch.tensor([[1, 1], [0, 0]]))
    torch.testing.assert_close(third, again[:, 2])


def test_padding_and_later_digits_change_nothing(decoder, tokens):
    other = tokens.clone()
    other[~MASK] = 7.0
    one = decoder(decoder.read(tokens), MASK, torch.tensor([[0, 1]] * 3))
    two = decoder(decoder.read(other), MASK, torch.tensor([[0, 0]] * 3))
    torch.testing.assert_close(one[:, :2], two[:, :2])


def test_output_weights_depend_on_the_prefix_alone(decoder, tokens):
    """With a state that is held fast, another prefix gives other odds, and another query the same."""
    for layer in decoder.layers:
        for weights in layer.parameters():
            torch.nn.init.zeros_(weights)
    with torch.no_grad():
        decoder.codes[1] = decoder.codes[1, :1]
    decoder.norm = torch.nn.Identity()
    decoder.norm.forward = torch.ones_like
    said = decoder(decoder.read(tokens), MASK, torch.tensor([[0], [1], [0]]))
    torch.testing.assert_close(said[0, 1], said[2, 1])
    assert not torch.allclose(said[0, 1], said[1, 1])


def test_gradients_reach_every_part(decoder, tokens):
    tokens.requires_grad_()
    said = decoder(decoder.read(tokens), MASK, torch.tensor([[0, 1], [1, 0], [1, 1]]))
    (said[:, 0, 0] + said[:, 1, 1]).sum().backward()
    assert all(weights.grad is not None and weights.grad.any() for weights in decoder.adaptor.parameters())
    # Of each query's tokens those that are no padding, and only those.
    assert tokens.grad.any(dim=-1).equal(MASK)


def test_greedy_stops_at_the_end(decoder, tokens):
    paths = greedy(ClusterSteps(decoder, tokens, MASK), 3, end=2, max_tokens=3)
    assert len(paths) == 3
    assert all(path[-1] == 2 and 2 not in path[:-1] for path in paths)
