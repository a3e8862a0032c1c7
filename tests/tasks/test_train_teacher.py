import pytest

from data.errors import ConfigError
from data.schemas import CANDIDATES, CURVE, PASSAGES, QRELS, QUERIES
from data.tables import from_rows
from models.batches import ListSettings
from models.settings import Settings
from models.teachers.cross_encoder import CrossEncoderConfig
from models.teachers.cross_encoder_training import CrossEncoderTraining
from models.training import TrainingConfig
from tasks.stage import Stage
from tasks.train_teacher import TrainTeacher, train_teacher

SHORT = CrossEncoderTraining(
    lists=ListSettings(negatives=2, generated_share=0),
    training=TrainingConfig(max_steps=2, batch_size=2, precision="float32"),
)


@pytest.fixture
def inputs(store, tiny_collection):
    """The tiny collection; every passage is a candidate of every query."""

    def publish(stage, *tables):
        def fill(draft, _store, _config):
            for rows, schema in tables:
                draft.write(rows, schema)

        return Stage(name=stage, module="data.tables", body=fill).run(store, Settings(), {})

    qids, pids = (
        tiny_collection[name][key].to_pylist() for name, key in (("queries", "qid"), ("passages", "pid"))
    )
    mined = [(qid, pid, "m", rank, 0.0) for qid in qids for rank, pid in enumerate(pids, start=1)]
    tables = [(tiny_collection[each.name], each) for each in (PASSAGES, QUERIES, QRELS)]
    return {
        "collection": publish("ingest", *tables),
        "candidates": publish("mine_candidates", (from_rows(mined, CANDIDATES), CANDIDATES)),
    }


@pytest.fixture
def config(tiny_backbone):
    teacher = CrossEncoderConfig(name="ce", model=str(tiny_backbone), precision="float32", training=SHORT)
    return TrainTeacher(teacher=teacher)


def test_a_trained_teacher_scores_pairs_by_raw_logits(store, inputs, config):
    ref = train_teacher.run(store, config, inputs)
    assert sorted(ref.parts) == ["curve.parquet", "model"]
    facts = store.facts(ref)
    assert {key: facts[key] for key in ("queries", "lists", "steps")} == {
        "queries": 4,
        "lists": 4,
        "steps": 2,
    }
    losses = [row for row in store.read(CURVE, ref).to_pylist() if row["measure"] == "loss"]
    assert [row["step"] for row in losses] == [1, 2]


def test_a_name_is_no_reason_to_train_again(store, inputs, config):
    renamed = config.teacher.model_copy(update={"name": "other"})
    found, expected = (
        train_teacher.recipe(store, each, inputs).key for each in (TrainTeacher(teacher=renamed), config)
    )
    assert found == expected


def test_other_training_is_another_teacher(store, inputs, config):
    training = config.teacher.training.model_copy(update={"seed": 1})
    other = TrainTeacher(teacher=config.teacher.model_copy(update={"training": training}))
    assert train_teacher.recipe(store, other, inputs).key != train_teacher.recipe(store, config, inputs).key


def test_a_teacher_that_is_given_is_not_trained(store, inputs, tiny_backbone):
    given = TrainTeacher(teacher=CrossEncoderConfig(name="ce", model=str(tiny_backbone)))
    with pytest.raises(
        ConfigError, match=r"teachers\.ce: found kind 'cross_encoder' without a section training"
    ):
        train_teacher.run(store, given, inputs)
