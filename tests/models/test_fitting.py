from dataclasses import replace

import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.cross_encoder import CrossEncoderTrainingArguments
from sentence_transformers.sentence_transformer import SentenceTransformerTrainingArguments
from torch import nn

from models.batches import ListSettings, draw_lists
from models.fitting import Course, dataset, set_dropout, teach, training_arguments
from models.students.bi_encoder import BiEncoderConfig, loss_of
from models.trainers import EncoderTrainer
from models.training import TrainingConfig

TEXTS = ["gold is yellow", "iron rusts", "gold is yellow", "iron rusts", "gold is yellow"]


@pytest.fixture
def encoder(tiny_backbone):
    return SentenceTransformer(str(tiny_backbone), device="cpu").eval()


@pytest.mark.parametrize("kind", [SentenceTransformerTrainingArguments, CrossEncoderTrainingArguments])
def test_arguments_say_what_the_config_says_and_nothing_leaves_the_machine(kind, make_lesson):
    config = TrainingConfig(batch_size=4, learning_rate=3e-5, warmup_share=0.25, precision="float32")
    arguments = training_arguments(kind, config, lists=30, lesson=make_lesson(seed=7))
    # 30 lists in batches of 4 are 8 steps, a quarter of them 2.
    assert (arguments.max_steps, arguments.warmup_steps, arguments.train_batch_size) == (8, 2, 4)
    assert (arguments.learning_rate, arguments.seed, arguments.bf16) == (3e-5, 7, False)
    assert (arguments.report_to, arguments.push_to_hub) == ([], False)
    assert arguments.save_strategy == "no"


def test_bfloat16_is_asked_of_the_trainer(make_lesson):
    config = TrainingConfig(precision="bfloat16")
    arguments = training_arguments(
        SentenceTransformerTrainingArguments, config, lists=1, lesson=make_lesson()
    )
    assert arguments.bf16


def test_a_dataset_looks_texts_up_in_the_order_of_the_lists(make_lesson):
    lists = draw_lists(make_lesson(), ListSettings(negatives=2), TrainingConfig(), "{title}: {text}")
    texts = dict(lists.documents.iter_rows())
    queries = dict(lists.queries.iter_rows())
    rows = dataset(lists.rows, lists, "columns")[:]
    for place in range(3):
        expected = [texts[pids[place]] for pids in lists.rows["document_ids"]]
        assert rows[f"document_{place + 1}"] == expected
    assert rows["query"] == [queries[qid] for qid in lists.rows["query_id"]]
    assert list(rows) == ["query", "document_1", "document_2", "document_3", "label"]


def test_dropout_is_set_everywhere(encoder):
    set_dropout(encoder, 0.25)
    assert {each.p for each in encoder.modules() if isinstance(each, nn.Dropout)} == {0.25}


def test_training_in_rounds_is_training_in_one_go(tiny_backbone, make_lesson):
    """Optimizer, schedule and curve go on where the round before ended."""
    settings = TrainingConfig(epochs=3, batch_size=2, learning_rate=1e-3, precision="float32")
    lesson = make_lesson()
    found = []
    for parts in ([(0, 12)], [(0, 4), (4, 6), (6, 12)]):
        student = BiEncoderConfig(name="b", backbone=str(tiny_backbone)).build(0)
        lists = draw_lists(lesson, ListSettings(negatives=2), settings, "{title} {text}")
        course = Course(
            model=student.model,
            loss=loss_of(student.config, student.model),
            trainer=EncoderTrainer,
            arguments=SentenceTransformerTrainingArguments,
            label=lambda rows: rows,
        )
        rounds = (replace(lists, rows=lists.rows[first:last]) for first, last in parts)
        curve = teach(course, lists, settings, lesson, rounds)
        found.append((curve, [each.detach().clone() for each in student.model.parameters()]))
    (curve, weights), (pieced, others) = found
    assert lists.rows.height == 12
    assert pieced.to_pylist() == curve.to_pylist()
    assert all(map(torch.equal, weights, others))
