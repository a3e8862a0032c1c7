import math

import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.cross_encoder import CrossEncoderTrainingArguments
from sentence_transformers.sentence_transformer import SentenceTransformerTrainingArguments
from torch import nn
from transformers import TrainerControl, TrainerState

from data.errors import StageFailed
from models.batches import ListSettings, draw_lists
from models.fitting import Watch, curve, dataset, set_dropout, training_arguments
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


def test_a_curve_keeps_what_the_trainer_logged_by_step():
    history = [
        {"step": 2, "loss": 1.5, "learning_rate": 0.1, "grad_norm": 3.0},
        {"step": 2, "total_flos": 0.0},
    ]
    rows = [(row["step"], row["measure"], row["value"]) for row in curve(history).to_pylist()]
    assert rows == [(2, "loss", 1.5), (2, "learning_rate", 0.1), (2, "gradient_norm", 3.0)]


@pytest.mark.parametrize("loss", [math.nan, math.inf])
def test_a_loss_that_is_no_number_stops_the_run(loss):
    state = TrainerState(global_step=5, log_history=[{"loss": loss}])
    with pytest.raises(StageFailed, match=r"step 5: found loss (nan|inf).* Lower training\.learning_rate"):
        Watch().on_log(None, state, TrainerControl())
