import pytest
import torch

from data.errors import StageFailed
from models.encoders.seq2seq_opening import open_seq2seq
from models.identifier_rows import Row
from models.training import TrainingConfig
from models.writing import WritingLoss, teach_rows

ROWS = [Row("gold || title || +", "title", (7, 8, 3)), Row("rhine || body || +", "body", (9, 10))]


class Kept(torch.nn.Module):
    """A loss of nothing that keeps what it was given."""

    def __init__(self, model):
        super().__init__()
        self.weight = next(model.parameters())
        self.seen = []

    def forward(self, rows):
        self.seen.append(rows)
        return self.weight.sum() * 0


@pytest.fixture
def model(tiny_backbone):
    return open_seq2seq(tiny_backbone, max_tokens=32, decoder_layers=1)


def test_every_epoch_has_every_row_once_in_an_order_of_the_seed(model, make_lesson):
    training = TrainingConfig(epochs=2, batch_size=3, precision="float32")
    orders = []
    for seed in (0, 0, 1):
        loss = Kept(model.model)
        teach_rows(model.model, loss, list(range(9)), training, make_lesson(seed))
        orders.append([row for rows in loss.seen for row in rows])
        assert [len(rows) for rows in loss.seen] == [3] * 6
    for order in orders:
        assert sorted(order[:9]) == sorted(order[9:]) == list(range(9))
    assert orders[0] == orders[1] != orders[2]


def test_the_loss_is_the_models(model):
    found = WritingLoss(model, 0.1)(ROWS)
    expected = model.loss([row.text for row in ROWS], [row.target for row in ROWS], 0.1)
    torch.testing.assert_close(found, expected)


def test_what_is_taught_becomes_likely(model, make_lesson):
    training = TrainingConfig(epochs=15, batch_size=2, learning_rate=1e-2, precision="float32")
    curve = teach_rows(model.model, WritingLoss(model, 0.0), ROWS, training, make_lesson())
    losses = [row["value"] for row in curve.to_pylist() if row["measure"] == "loss"]
    assert len(losses) == 15
    assert losses[-1] < 0.5 * losses[0]
    assert not model.model.training


def test_a_loss_that_is_no_number_stops_it(model, make_lesson):
    with torch.no_grad():
        model.model.encoder.get_input_embeddings().weight.fill_(torch.nan)
    with pytest.raises(StageFailed, match="found loss nan"):
        teach_rows(
            model.model, WritingLoss(model, 0.0), ROWS, TrainingConfig(precision="float32"), make_lesson()
        )
