import pytest
import torch

from models.encoders.seq2seq_opening import open_seq2seq
from models.retrievers.constrained_beam import Steps

TEXTS = ["where does the rhine rise", "gold", "grey metal that rusts"]


@pytest.fixture(params=[None, range(3, 30)], ids=["all tokens", "some tokens"])
def model(request, tiny_backbone):
    found = open_seq2seq(tiny_backbone, max_tokens=16)
    found.speaks(request.param)
    return found


def test_a_writer_gives_the_steps_of_a_beam(model):
    assert isinstance(model.writer(TEXTS), Steps)


@torch.no_grad()
def test_step_by_step_is_as_likely_as_at_once(model):
    writer = model.writer(TEXTS)
    likely = [writer.first()]
    # Rows come and go: text 0 gets two, text 1 is dropped, then text 2 gets all.
    parents = [torch.tensor([0, 0, 2]), torch.tensor([2, 2, 1]), torch.tensor([0, 0, 0])]
    columns = [torch.tensor([1, 5, 2]), torch.tensor([3, 4, 0]), torch.tensor([7, 8, 9])]
    texts, written, totals = [0, 1, 2], [(), (), ()], [0.0, 0.0, 0.0]
    for parent, column in zip(parents, columns, strict=True):
        steps = list(zip(parent.tolist(), column.tolist(), strict=True))
        totals = [totals[row] + likely[-1][row, token].item() for row, token in steps]
        written = [(*written[row], int(model.spoken(torch.tensor([token])))) for row, token in steps]
        texts = [texts[row] for row, _ in steps]
        expected = model.log_probabilities(TEXTS, torch.tensor(texts), written)
        assert totals == pytest.approx(expected.tolist(), abs=1e-3)
        likely.append(writer.next(parent, column))


def test_greedy_takes_the_likeliest_and_stops_at_the_end(model):
    writer = model.writer(TEXTS[:1])
    first = int(writer.first().argmax())
    second = int(writer.next(torch.tensor([0]), torch.tensor([first])).argmax())
    tokens = model.spoken(torch.tensor([first, second])).tolist()
    assert model.writer(TEXTS[:1]).greedy(2, end=-1) == [tuple(tokens)]
    assert model.writer(TEXTS[:1]).greedy(2, end=tokens[0]) == [(tokens[0],)]
