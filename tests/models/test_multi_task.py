from collections import defaultdict

import pytest
import torch
from sentence_transformers import SentenceTransformer
from torch import nn

from models.batches import ListSettings
from models.multi_task import MultiTask, gradient_cosine, with_tasks
from models.students.bi_encoder import BiEncoderConfig
from models.targets import Factor
from models.training import MultiTaskSettings, TrainingConfig

PLAIN = TrainingConfig(
    epochs=20, max_steps=6, batch_size=4, learning_rate=3e-3, warmup_share=0.0, precision="float32"
)
NONE = MultiTaskSettings(mlm_weight=0, simcse_weight=0)


@pytest.fixture
def model(tiny_backbone):
    return SentenceTransformer(str(tiny_backbone), device="cpu")


@pytest.fixture
def student(tiny_backbone):
    def make(multi_task=None, **settings):
        training = PLAIN.model_copy(update={"multi_task": multi_task} | settings)
        return BiEncoderConfig(
            name="b",
            backbone=str(tiny_backbone),
            lists=ListSettings(negatives=2),
            targets=Factor(by=4.0),
            training=training,
        ).build(seed=0)

    return make


def rows_of(curve):
    found = defaultdict(list)
    for row in curve.to_pylist():
        found[row["measure"]].append(row["value"])
    return found


def weights(student):
    return [each.detach().clone() for each in student.model.parameters()]


class Along(nn.Module):
    """A loss whose gradient is a direction in the words of a model, and none anywhere else."""

    def __init__(self, model, direction):
        super().__init__()
        self.words = [model.transformers_model.get_input_embeddings().weight]
        self.direction = torch.tensor(direction)

    def forward(self, features, labels=None):
        return (self.words[0][1, :2] * self.direction).sum()

    def measures(self):
        return {"seen": 1.0}


def beside(model, own, **directions):
    """Distillation along one direction, other tasks along others."""
    settings = MultiTaskSettings(cosines_every=2)
    multi = MultiTask(Along(model, own), model, settings, seed=0, precision="float32")
    for name, direction in directions.items():
        multi.tasks[name] = Along(model, direction)
    return multi


@pytest.mark.parametrize(
    ("other", "cosine"),
    [([6.0, 8.0], 1.0), ([-4.0, 3.0], 0.0), ([-3.0, -4.0], -1.0), ([5.0, 0.0], 0.6), ([0.0, 0.0], 0.0)],
)
def test_cosines_of_known_gradients(model, other, cosine):
    # (3, 4) has the length 5: with (5, 0) the cosine is 15 / 25.
    multi = beside(model, [3.0, 4.0], mlm=other, simcse=[3.0, 4.0])
    multi([], None)
    measured = multi.measures()
    assert measured["gradient_cosine_mlm"] == pytest.approx(cosine, abs=1e-6)
    assert measured["gradient_cosine_simcse"] == pytest.approx(1)


def test_a_report_tells_the_mean_since_the_last_and_what_the_students_loss_tells(model):
    multi = beside(model, [3.0, 4.0], mlm=[3.0, 4.0], simcse=[3.0, 4.0])
    multi([], None)
    multi.tasks["mlm"] = Along(model, [-3.0, -4.0])
    multi([], None)  # only every second step is measured
    multi([], None)
    assert multi.measures()["gradient_cosine_mlm"] == pytest.approx(0)
    assert multi.measures() == {"seen": 1.0}


def test_cosines_are_taken_over_all_weights_and_of_their_precision():
    # (1, 2 | 2) and (2, 1 | 2): 2 + 2 + 4 = 8, over 3 times 3
    one = [torch.tensor([1.0, 2.0]), torch.tensor([[2.0]], dtype=torch.bfloat16)]
    other = [torch.tensor([2.0, 1.0]), torch.tensor([[2.0]], dtype=torch.bfloat16)]
    assert gradient_cosine(one, other).item() == pytest.approx(8 / 9)


def test_parts_are_weighed_and_named(model):
    settings = MultiTaskSettings(mlm_weight=0.5, simcse_weight=0.25, cosines_every=0)
    multi = MultiTask(Along(model, [3.0, 4.0]), model, settings, seed=0, precision="float32")
    for name in ("mlm", "simcse"):
        multi.tasks[name] = Along(model, [3.0, 4.0])
    parts = multi([], None)
    assert list(parts) == ["distillation", "mlm", "simcse"]
    assert torch.equal(parts["mlm"], 0.5 * parts["distillation"])
    assert torch.equal(parts["simcse"], 0.25 * parts["distillation"])
    assert multi.measures() == {"seen": 1.0}


def test_parts_of_the_students_loss_keep_their_names(model):
    class Two(nn.Module):
        def forward(self, features, labels):
            return {"scores": torch.tensor(2.0), "vectors": torch.tensor(3.0)}

    parts = MultiTask(Two(), model, NONE, seed=0, precision="float32")([], None)
    assert {name: part.item() for name, part in parts.items()} == {"scores": 2.0, "vectors": 3.0}


def test_one_task_at_a_step_weighs_for_both_and_its_turn_is_drawn(model):
    settings = MultiTaskSettings(mlm_weight=0.1, simcse_weight=0.3, one_per_step=True)
    multi = MultiTask(Along(model, [3.0, 4.0]), model, settings, seed=0, precision="float32")
    for name in ("mlm", "simcse"):
        multi.tasks[name] = Along(model, [3.0, 4.0])
    shares = {"mlm": 0.2, "simcse": 0.6}
    turns = []
    for _ in range(60):
        parts = multi([], None)
        (turn,) = (name for name in shares if parts[name] != 0)
        assert torch.allclose(parts[turn], shares[turn] * parts["distillation"])
        turns.append(turn)
    assert 15 < turns.count("mlm") < 45


def test_without_settings_the_loss_is_the_students_own(model):
    loss = Along(model, [1.0, 0.0])
    assert with_tasks(loss, model, PLAIN, seed=0) is loss


def test_weights_of_nothing_are_plain_training_bit_for_bit(student, make_lesson):
    plain, nothing, both = student(), student(NONE), student(MultiTaskSettings())
    for each in (plain, nothing, both):
        each.train(make_lesson(seed=1))
    assert all(map(torch.equal, weights(plain), weights(nothing)))
    assert not all(map(torch.equal, weights(plain), weights(both)))


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_curve_has_every_part_and_the_parts_sum_to_the_loss(student, make_lesson, precision):
    settings = MultiTaskSettings(cosines_every=3)
    rows = rows_of(student(settings, precision=precision).train(make_lesson()))
    for name in ("distillation", "mlm", "simcse"):
        assert len(rows[name]) == 6
        assert rows[name][0] > 0
    totals = zip(rows["loss"], rows["distillation"], rows["mlm"], rows["simcse"], strict=True)
    assert all(loss == pytest.approx(sum(parts), abs=3e-4) for loss, *parts in totals)
    for name in ("gradient_cosine_mlm", "gradient_cosine_simcse"):
        assert len(rows[name]) == 2
        assert all(-1 <= value <= 1 for value in rows[name])


def test_the_same_seed_gives_identical_weights(student, make_lesson):
    students = [student(MultiTaskSettings(one_per_step=True)) for _ in range(3)]
    for each, seed in zip(students, (1, 1, 2), strict=True):
        each.train(make_lesson(seed))
    first, second, other = map(weights, students)
    assert all(map(torch.equal, first, second))
    assert not all(map(torch.equal, first, other))


def test_the_head_is_trained_along_and_thrown_away(student, make_lesson, tmp_path):
    heads = []
    before = MultiTask.__init__

    def remember(self, *args, **options):
        before(self, *args, **options)
        heads.append((self.tasks["mlm"].head, self.tasks["mlm"].head.offset.detach().clone()))

    taught = student(MultiTaskSettings())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MultiTask, "__init__", remember)
        taught.train(make_lesson())
    ((head, offset),) = heads
    assert not torch.equal(head.offset, offset)
    assert not torch.equal(head.transform[0].weight, torch.eye(32))
    taught.save(tmp_path / "model")
    opened = SentenceTransformer(str(tmp_path / "model"), device="cpu")
    assert opened.state_dict().keys() == student().model.state_dict().keys()
    assert all(map(torch.equal, opened.state_dict().values(), taught.model.state_dict().values()))
