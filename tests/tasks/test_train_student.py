import polars as pl
import pytest
from sentence_transformers import SentenceTransformer

from data.errors import ArtifactMissing
from data.schemas import ANSWERS, CANDIDATES, CURVE, PASSAGES, QRELS, QUERIES
from data.tables import from_rows
from models.online import OnlineConfig
from models.settings import Settings
from models.student import Need
from models.students.bi_encoder import BiEncoderConfig
from models.teachers.dual_encoder import DualEncoderConfig
from models.training import TrainingConfig
from tasks.stage import Stage
from tasks.train_student import TrainStudent, check_needs, learned_from, train_student

SHORT = TrainingConfig(max_steps=2, batch_size=2, precision="float32")


@pytest.fixture
def publish(store):
    """Put tables into the store, as the artifact of a stage that has run."""

    def made(stage, *tables):
        def fill(draft, _store, _config):
            for rows, schema in tables:
                draft.write(rows, schema)

        return Stage(name=stage, module="data.tables", body=fill).run(store, Settings(), {})

    return made


@pytest.fixture
def inputs(publish, tiny_collection):
    """Everything a student could ask for; every passage is a candidate of every query."""
    schemas = (PASSAGES, QUERIES, QRELS)
    collection = publish("ingest", *((tiny_collection[each.name], each) for each in schemas))
    qids = [*tiny_collection["queries"]["qid"].to_pylist(), "g-bach-2-1"]
    pids = tiny_collection["passages"]["pid"].to_pylist()
    generated = from_rows([("g-bach-2-1", "he lived in leipzig", "generated", "bach-2", "train")], QUERIES)
    mined = [(qid, pid, "m", rank, 0.0) for qid in qids for rank, pid in enumerate(pids, start=1)]
    scored = [(qid, pid, "t", float(rank)) for qid, pid, _, rank, _ in mined]
    return {
        "collection": collection,
        "generated": publish("generate_queries", (generated, QUERIES)),
        "candidates": publish("mine_candidates", (from_rows(mined, CANDIDATES), CANDIDATES)),
        "answers": publish("score_candidates", (from_rows(scored, ANSWERS), ANSWERS)),
        "embeddings": None,
        "clusters": None,
    }


@pytest.fixture
def config(tiny_backbone):
    student = BiEncoderConfig(name="kl", backbone=str(tiny_backbone), training=SHORT)
    return TrainStudent(student=student, seed=1)


def test_a_trained_student_is_a_folder_a_curve_and_facts(store, inputs, config):
    ref = train_student.run(store, config, inputs)
    assert sorted(ref.parts) == ["curve.parquet", "model"]
    assert SentenceTransformer(str(store.path(ref, "model")), device="cpu").similarity_fn_name == "cosine"
    curve = pl.DataFrame(store.read(CURVE, ref))
    facts = store.facts(ref)
    assert facts["final_loss"] == curve.filter(measure="loss", step=2)["value"].item()
    # four human queries of the split train and one generated query, in two steps of two lists
    assert {key: facts[key] for key in ("queries", "queries_dropped", "lists", "steps")} == {
        "queries": 5,
        "queries_dropped": 0,
        "lists": 4,
        "steps": 2,
    }
    assert facts["train_s"] > 0


def test_the_same_seed_gives_the_same_bytes(store, inputs, config):
    first = train_student.run(store, config, inputs)
    again = train_student.run(store, config, inputs, force=True)
    other = train_student.run(store, config.model_copy(update={"seed": 2}), inputs)
    assert first.parts == again.parts
    assert first.parts["model"] != other.parts["model"]


def test_a_name_is_no_reason_to_train_again(store, inputs, config):
    renamed = config.model_copy(update={"student": config.student.model_copy(update={"name": "other"})})
    found, expected = (train_student.recipe(store, each, inputs).key for each in (renamed, config))
    assert found == expected


def test_a_student_trains_without_generated_queries(store, inputs, config):
    ref = train_student.run(store, config, inputs | {"generated": None})
    assert store.facts(ref)["queries"] == 4


def test_no_student_sees_a_query_it_is_judged_on(tiny_collection):
    seen = learned_from(pl.DataFrame(tiny_collection["queries"]).lazy()).collect()
    assert set(seen["split"]) == {"train", "dev"}
    assert seen["qid"].to_list() == ["q01", "q02", "q03", "q04", "q05", "q06"]


def test_what_a_student_needs_and_is_not_given_is_named(store, inputs, config):
    with pytest.raises(ArtifactMissing, match=r"train_student kl: found no answers; .* Pass their artifacts"):
        train_student.run(store, config, inputs | {"answers": None})


def test_a_teacher_that_is_given_has_no_weights_to_pass(config):
    class Asking(BiEncoderConfig):
        @property
        def needs(self):
            return frozenset({Need.TEACHER, Need.CLUSTERS})

    asking = Asking(name="asking")
    with pytest.raises(ArtifactMissing, match="found no clusters;"):
        check_needs(asking, set())
    check_needs(asking, {Need.CLUSTERS})


def test_a_student_that_mines_asks_its_teacher_and_the_answers_are_stored(
    store, publish, inputs, config, tiny_backbone
):
    teacher = DualEncoderConfig(name="t", encoder={"model": str(tiny_backbone), "precision": "float32"})
    student = config.student.model_copy(update={"online": OnlineConfig(every=1, depth=6)})
    online = TrainStudent(student=student, seed=1, teacher=teacher)
    # The key knows the answers and a third of the passages, and so do the candidates.
    qrels = store.scan(QRELS, inputs["collection"]).select("qid", "pid", known=True)
    few = {
        schema.name: store.scan(schema, inputs[schema.name])
        .join(qrels, on=["qid", "pid"], how="left")
        .filter((pl.col("pid") < "c") | pl.col("known"))
        .drop("known")
        .collect()
        .to_arrow()
        .cast(schema.columns)
        for schema in (ANSWERS, CANDIDATES)
    }
    given = inputs | {
        "answers": publish("score_fewer", (few["answers"], ANSWERS)),
        "candidates": publish("mine_fewer", (few["candidates"], CANDIDATES)),
        "generated": None,
    }
    facts = store.facts(train_student.run(store, online, given))
    stored = sum(pl.read_parquet(shard).height for shard in store.root.glob("scores/*/*.parquet"))
    assert facts["steps"] == 2
    assert facts["online_pairs_asked"] == stored > 0
    again = store.facts(train_student.run(store, online, given, force=True))
    assert again["online_pairs_asked"] == facts["online_pairs_asked"]
    assert sum(pl.read_parquet(shard).height for shard in store.root.glob("scores/*/*.parquet")) == stored
