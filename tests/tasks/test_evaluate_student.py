import re

import pytest
from pydantic import ValidationError

from data.errors import ArtifactMissing, ConfigError
from data.schemas import COSTS, METRICS, QRELS, QUERIES, RUN
from data.tables import from_rows
from data.trec import read_run
from models.metrics import RETENTION, USUAL
from models.subjects import RunSubject, StudentSubject, TeacherSubject
from tasks.evaluate_student import EvaluateConfig, Evaluation, evaluate_student
from tests.tasks.evaluations import (
    BM25,
    collection_of,
    evaluate,
    means,
    publish,
)


def test_a_baseline_is_judged_on_the_judged_queries_of_the_split(store, collection):
    ref = evaluate(store, BM25, collection)
    rows = store.read(METRICS, ref).to_pylist()
    assert {row["qid"] for row in rows} == {"q07", "q08", "q09", None}
    assert {(row["system"], row["split"]) for row in rows} == {("bm25", "test")}
    assert set(means(store, ref)) == set(USUAL)
    # Each question shares a word with its passage that no other passage has.
    assert means(store, ref)["Success@1"] == 1
    costs = {row["cost"]: row["value"] for row in store.read(COSTS, ref).to_pylist()}
    assert set(costs) == {"parameters", "index_bytes", "encode_ms", "search_ms"}
    assert store.facts(ref) == {
        "system": "bm25",
        "name": "bm25",
        "role": "baseline",
        "split": "test",
        "queries": 3,
        "passages": 12,
    }


def test_a_run_file_evaluates_to_what_it_was_written_from(store, collection, tmp_path):
    first = evaluate(store, BM25, collection)
    path = tmp_path / "theirs.trec"
    path.write_bytes(store.path(first, "run.trec").read_bytes())
    again = evaluate(store, RunSubject(name="theirs", path=path), collection)
    assert means(store, again) == means(store, first)
    assert store.read(RUN, again).equals(store.read(RUN, first))
    assert read_run(path).equals(store.read(RUN, first))
    assert store.read(COSTS, again).num_rows == 0


def test_a_student_is_judged_for_each_seed_and_held_against_its_teacher(store, collection, student, teacher):
    weights = publish(store, "train_student", lambda draft: student.build(3).save(draft.folder("model")))
    subject = StudentSubject(student=student, seed=3, teacher=teacher)
    ref = evaluate(store, subject, collection, weights=weights)
    assert set(store.read(METRICS, ref)["system"].to_pylist()) == {"kl/3"}
    assert 0 < means(store, ref)[RETENTION] < 3
    assert (store.facts(ref)["name"], store.facts(ref)["retention_teacher"]) == ("kl", "tiny")
    alone = evaluate(store, subject, collection, EvaluateConfig(retention_depth=0), weights=weights)
    assert RETENTION not in means(store, alone)
    assert means(store, alone) == {
        name: value for name, value in means(store, ref).items() if name != RETENTION
    }


def test_a_query_that_is_a_passage_does_not_find_itself(store, tiny_collection):
    # The question of q07 is passage bach-1 itself; without itself, bach-2 is the best.
    queries = [("bach-1", "Bach wrote fugues for the organ", "human", None, "test")]
    tables = {
        **tiny_collection,
        "queries": from_rows(queries, QUERIES),
        "qrels": from_rows([("bach-1", "bach-2", 1)], QRELS),
    }
    collection = collection_of(store, tables)
    itself = evaluate(store, BM25, collection, EvaluateConfig(depth=1))
    assert store.read(RUN, itself)["pid"].to_pylist() == ["bach-1"]
    others = evaluate(store, BM25, collection, EvaluateConfig(depth=1, drop_self=True))
    assert [tuple(row.values())[:3] for row in store.read(RUN, others).to_pylist()] == [
        ("bach-1", "bach-2", 1)
    ]


def test_the_address_names_the_system_but_not_the_batch(store, collection, student, teacher):
    def key(subject, options=None):
        config = Evaluation(options=options or EvaluateConfig(), subject=subject)
        return evaluate_student.recipe(store, config, {"collection": collection}).key

    subject = StudentSubject(student=student, seed=0, teacher=teacher)
    renamed = subject.model_copy(update={"student": student.model_copy(update={"name": "other"})})
    assert key(subject) == key(subject, EvaluateConfig(batch_queries=1))
    assert key(subject) != key(subject, EvaluateConfig(depth=10))
    assert len({key(subject), key(renamed), key(subject.model_copy(update={"seed": 1}))}) == 3


def test_measures_are_kept_under_the_names_of_ir_measures(store, collection):
    ref = evaluate(store, BM25, collection, EvaluateConfig(measures=("MRR@10", "RR@10", "P@1")))
    assert set(means(store, ref)) == {"RR@10", "P@1"}
    with pytest.raises(ValidationError, match="found 'nDGC@10'; expected names of ir_measures"):
        EvaluateConfig(measures=("nDGC@10",))


def test_a_split_that_is_not_judged_is_refused(store, tiny_collection):
    tables = {**tiny_collection, "qrels": tiny_collection["qrels"].slice(0, 4)}
    with pytest.raises(ConfigError, match=r"evaluate.split = 'test': found no judged query .* 4 in train"):
        evaluate(store, BM25, collection_of(store, tables))


def test_a_run_file_that_is_not_there_is_refused_by_the_plan_too(store, collection, tmp_path):
    subject = RunSubject(name="theirs", path=tmp_path / "absent.trec")
    config = Evaluation(options=EvaluateConfig(), subject=subject)
    with pytest.raises(ConfigError, match=re.escape("absent.trec': found no such file; expected a TREC")):
        evaluate_student.recipe(store, config, {"collection": collection})


def test_a_student_without_weights_or_a_teacher_without_candidates_is_refused(
    store, collection, student, teacher
):
    with pytest.raises(ArtifactMissing, match="found no weights; expected them"):
        evaluate(store, StudentSubject(student=student, seed=0), collection)
    with pytest.raises(ArtifactMissing, match="found no candidates; expected them"):
        evaluate(store, TeacherSubject(teacher=teacher), collection)
