import polars as pl
import pytest
import torch
from pydantic import ValidationError
from sentence_transformers import CrossEncoder

from models.batches import ListSettings
from models.teachers.cross_encoder_training import CrossEncoderTraining, judged
from models.training import TrainingConfig

LOSSES = ("listnet", "lambda")
ROWS = pl.DataFrame({"query_id": ["q", "r"], "document_ids": [["a", "b", "c"], ["d", "e", "f"]]})


def settings(loss, seed=0):
    training = TrainingConfig(
        epochs=60, max_steps=20, batch_size=4, learning_rate=3e-3, warmup_share=0.0, precision="float32"
    )
    return CrossEncoderTraining(
        loss=loss, lists=ListSettings(negatives=3, generated_share=0), training=training, seed=seed
    )


def train(config, backbone, lesson, folder):
    curve, facts = config.train(
        backbone, lesson, max_tokens=32, template="{title} {text}", folder=folder / "model"
    )
    return pl.DataFrame(curve).filter(measure="loss")["value"].to_list(), facts


@pytest.mark.parametrize("loss", LOSSES)
def test_the_loss_falls_and_the_answer_comes_first(loss, tiny_backbone, make_lesson, tmp_path):
    losses, _ = train(settings(loss), tiny_backbone, make_lesson(answers=None), tmp_path)
    assert len(losses) == 20
    assert sum(losses[-5:]) < 0.8 * sum(losses[:5])
    model = CrossEncoder(str(tmp_path / "model"), device="cpu")
    query = "yellow metal"
    pairs = [(query, "Gold Gold is a yellow metal that never rusts."), (query, "Bach Bach lived in Leipzig.")]
    answer, other = model.predict(pairs, show_progress_bar=False)
    assert answer > other


def test_the_same_seed_gives_the_same_head_and_weights(tiny_backbone, make_lesson, tmp_path):
    found = []
    for name, seed in (("first", 1), ("second", 1), ("other", 2)):
        torch.rand(len(found) + 1)  # whatever was drawn before
        train(settings("listnet", seed), tiny_backbone, make_lesson(seed, answers=None), tmp_path / name)
        model = CrossEncoder(str(tmp_path / name / "model"), device="cpu")
        found.append(list(model.state_dict().values()))
    assert all(map(torch.equal, found[0], found[1]))
    assert not all(map(torch.equal, found[0], found[2]))


def test_only_human_queries_are_learned_from(tiny_backbone, make_lesson, tmp_path):
    lesson = make_lesson(answers=None)
    generated = lesson.queries.filter(qid="q01").with_columns(
        qid=pl.lit("g-1"), origin=pl.lit("generated"), source_pid=pl.lit("rhine-1")
    )
    candidates = lesson.candidates.filter(qid="q01").with_columns(qid=pl.lit("g-1"))
    more = make_lesson(
        answers=None,
        queries=pl.concat([lesson.queries, generated]).collect(),
        candidates=pl.concat([lesson.candidates, candidates]).collect(),
    )
    _, facts = train(settings("listnet"), tiny_backbone, more, tmp_path)
    assert facts["queries"] == 4.0


def test_labels_say_that_the_first_is_the_answer():
    assert judged("lambda", ROWS)["label"].to_list() == [[1.0, 0.0, 0.0]] * 2


def test_the_target_of_listnet_is_sure_of_the_answer():
    # softmax(10, 0, …, 0) of 8 passages: 1 / (1 + 7·e⁻¹⁰) = 0.99968
    labels = judged("listnet", pl.DataFrame({"query_id": ["q"], "document_ids": [list("abcdefgh")]}))["label"]
    assert torch.tensor(labels[0].to_list()).softmax(0)[0].item() == pytest.approx(0.99968, abs=1e-5)


def test_an_unknown_loss_is_refused_by_naming_the_known():
    with pytest.raises(ValidationError, match="'listnet' or 'lambda'"):
        CrossEncoderTraining(loss="hinge")


def test_other_tasks_are_refused_where_they_would_be_passed_over():
    with pytest.raises(ValidationError, match="found multi_task; expected none"):
        CrossEncoderTraining(training={"multi_task": {}})
