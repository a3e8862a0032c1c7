"""What every member of the union must do; a new student is tested by one line in ``SETTINGS``."""

from dataclasses import replace
from typing import get_args

import pytest
import torch

from models.student import Shelf, Student
from models.students import AnyStudentConfig
from models.students.bi_encoder import BiEncoderConfig
from models.students.colbert import ColbertConfig
from models.students.dgr import DgrConfig
from models.students.embed_distill import EmbedDistillConfig
from models.students.gdr import GdrConfig
from models.students.md2pr import Md2prConfig
from models.students.minder import MinderConfig
from models.students.splade import SpladeConfig
from models.targets import Factor
from models.training import TrainingConfig
from tests.models.cutting_off import counted, cut_off, going_on, kept_at

TWENTY_STEPS = TrainingConfig(
    epochs=20, max_steps=20, batch_size=4, learning_rate=3e-3, warmup_share=0.0, precision="float32"
)
# One entry or more for each kind: the settings with which it learns the tiny collection in twenty steps.
SETTINGS = (
    [
        BiEncoderConfig(name=loss, loss=loss, training=TWENTY_STEPS, targets=Factor(by=4.0))
        for loss in ("kl", "margin_mse", "infonce", "constant_margin")
    ]
    + [
        ColbertConfig(name=loss, loss=loss, training=TWENTY_STEPS, targets=Factor(by=factor))
        for loss, factor in {"pairwise": 1.0, "kl": 4.0, "infonce": 1.0}.items()
    ]
    + [
        # Without words: they need a cross-encoder, which the lesson here has not.
        Md2prConfig(name=name, attention=0, hidden=0, training=TWENTY_STEPS, **chosen)
        for name, chosen in {
            "sentence": {"targets": Factor(by=4.0)},
            "control": {"filter": False, "sentence": 0},
        }.items()
    ]
    + [
        SpladeConfig(
            name=loss,
            loss=loss,
            training=TWENTY_STEPS,
            targets=Factor(by=4.0),
            passage_flops_weight=0.01,
            query_flops_weight=0.01,
            start_terms=20,
            # Words that match already rank the tiny collection; at 1 infonce has little left to learn.
            score_scale=0.3 if loss == "infonce" else 1.0,
        )
        for loss in ("score_mse", "margin_mse", "kl", "infonce")
    ]
    + [
        # Without vectors to match: they need a teacher, which the lesson here has not.
        EmbedDistillConfig(
            name=name, mode="symmetric", backbone="any", match_weight=0, training=TWENTY_STEPS, **chosen
        )
        for name, chosen in {
            "scores": {"targets": Factor(by=4.0)},
            "control": {"score_weight": 0, "label_weight": 1},
        }.items()
    ]
    + [
        GdrConfig(
            name=name,
            backbone="any",
            spans={"per_passage": 1, "span_words": 4, "sentence_share": 0},
            decoder={"layers": 1, "adaptor_layers": 1, "rank": 8, "learning_rate": 3e-3},
            beams=4,
            training=TWENTY_STEPS,
            **chosen,
        )
        for name, chosen in {"clusters": {}, "dense-only": {"dense_only": True}}.items()
    ]
    + [
        MinderConfig(
            name=start,
            backbone="any",
            decoder=start,
            decoder_layers=1,
            # One view: three are more than twenty steps teach a random model.
            rows={"title": 0, "body": 4, "query": 0},
            smoothing=0.0,
            # The offset of pseudo-queries is for an index of 10⁹ tokens, not of a hundred.
            search={"beams": 4, "single_tokens": 0, "query_offset": 2.0},
            training=TWENTY_STEPS.model_copy(
                update={"batch_size": 16, "learning_rate": 2e-2, "warmup_share": 0.2}
            ),
        )
        for start in ("warm", "fresh")
    ]
    + [
        # Margins that it can reach in twenty steps, and little to write that it can write already.
        DgrConfig(
            name=loss,
            loss=loss,
            base="tiny-minder",
            base_margin=4.0,
            gap_margin=1.0,
            generation_weight=0.2,
            lists={"keys_per_passage": 10, "depth": 12, "min_negatives": 1, "only_violating": False},
            training=TWENTY_STEPS,
        )
        for loss in ("distilled_ranknet", "ltrgr")
    ]
)


@pytest.fixture(params=SETTINGS, ids=lambda config: f"{config.kind}-{config.name}")
def config(request, tiny_backbone):
    return request.param.model_copy(update={"backbone": str(tiny_backbone)})


@pytest.fixture
def shelf(tiny_collection, tiny_vectors, tiny_identifiers):
    return Shelf(tiny_collection["passages"], tiny_vectors, tiny_identifiers)


def unasked(pairs):
    raise AssertionError


@pytest.fixture
def make_lesson(make_lesson, config, request):
    """The lesson, with the student that this one builds on, and a teacher whose key has every pair."""
    if config.builds_on is None:
        return make_lesson
    base = request.getfixturevalue("tiny_minder")
    return lambda seed=0: replace(make_lesson(seed), base=base, scorer=unasked)


def weights(student):
    return [each.detach().clone() for each in student.model.parameters()]


def test_every_kind_has_settings_here():
    union = get_args(AnyStudentConfig) or (AnyStudentConfig,)
    assert {type(config) for config in SETTINGS} == set(union)


def test_every_student_is_a_student(config):
    assert isinstance(config.build(seed=0), Student)


def test_the_loss_falls_and_the_student_finds_what_it_was_taught(config, make_lesson, shelf, tiny_collection):
    student = config.build(seed=0)
    losses = [row["value"] for row in student.train(make_lesson()).to_pylist() if row["measure"] == "loss"]
    assert len(losses) == 20
    assert sum(losses[-5:]) < 0.7 * sum(losses[:5])
    retriever = student.retriever(shelf)
    hits = retriever.search(retriever.encode(["where does the rhine rise", "yellow metal"]), 1)
    pids = tiny_collection["passages"]["pid"].to_pylist()
    assert [pids[row] for row in hits.rows[:, 0]] == ["rhine-1", "gold-1"]


def test_a_saved_student_scores_as_before(config, make_lesson, shelf, tmp_path):
    student = config.build(seed=0)
    student.train(make_lesson())
    student.save(tmp_path / "model")
    found = []
    for each in (student, config.load(tmp_path / "model")):
        retriever = each.retriever(shelf)
        found.append(retriever.search(retriever.encode(["grey metal", "who wrote fugues"]), 5))
    assert found[0].rows.tolist() == found[1].rows.tolist()
    assert found[0].scores.tolist() == found[1].scores.tolist()


def test_nothing_in_a_saved_student_is_a_pickle(config, tmp_path):
    config.build(seed=0).save(tmp_path / "model")
    suffixes = {path.suffix for path in (tmp_path / "model").rglob("*") if path.is_file()}
    assert suffixes <= {".json", ".safetensors", ".txt"}


def test_the_same_seed_gives_identical_weights(config, make_lesson):
    first, second, other = (config.build(seed=0) for _ in range(3))
    for student, seed in ((first, 1), (second, 1), (other, 2)):
        student.train(make_lesson(seed))
    assert all(map(torch.equal, weights(first), weights(second)))
    assert not all(map(torch.equal, weights(first), weights(other)))


@pytest.mark.parametrize(
    "config", {config.kind: config for config in reversed(SETTINGS)}.values(), ids=lambda each: each.kind
)
def test_a_training_that_was_cut_off_goes_on_to_the_same_weights_and_curve(
    config, make_lesson, tiny_backbone, tmp_path, monkeypatch
):
    often = config.training.model_copy(update={"checkpoint_seconds": 1e-9, "dropout": 0.1})
    config = config.model_copy(update={"training": often, "backbone": str(tiny_backbone)})
    whole, cut, goes_on = (config.build(seed=0) for _ in range(3))
    lesson, kept = make_lesson(1), tmp_path / "kept"
    curve = whole.train(lesson)
    cut_off(cut.train, lesson, kept, monkeypatch, step=8)
    assert kept_at(kept) == {"1": "step-7"}
    assert goes_on.train(going_on(lesson, kept)).equals(curve)
    assert all(map(torch.equal, weights(whole), weights(goes_on)))
    assert counted(whole.facts) == counted(goes_on.facts)
