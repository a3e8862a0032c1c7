"""Teachers as they are judged, and students held against them: models, ensembles, files."""

import polars as pl
import pytest

from data.errors import ArtifactMissing
from data.schemas import COSTS, METRICS, RUN
from models.asked import Asked
from models.blending import Affine, Mean
from models.metrics import RETENTION
from models.retrievers import Bm25Config
from models.subjects import StudentSubject, TeacherSubject
from models.teachers.bm25 import Bm25TeacherConfig
from models.teachers.ensemble import EnsembleConfig
from models.teachers.external import ExternalConfig
from models.teachers.taught import TaughtConfig
from tasks.evaluate_student import EvaluateConfig, Evaluation, evaluate_student
from tests.tasks.evaluations import (
    BOTH,
    FITTED,
    LEXICAL,
    PAIRS,
    evaluate,
    means,
    publish,
    scored,
)


def external(folder, rows, name="theirs.parquet", **settings):
    schema = {"qid": pl.String, "pid": pl.String, "score": pl.Float64}
    pl.DataFrame(rows, schema, orient="row").write_parquet(folder / name)
    return ExternalConfig(name="theirs", path=folder / name, measured_in="bm25", **settings)


def publish_text(store, name, text):
    def fill(draft):
        path = draft.file(name) if "." in name else draft.folder(name) / "weights"
        path.write_text(text)

    return publish(store, f"made_{text}", fill)


def test_a_teacher_reorders_the_union_of_the_mined_candidates(store, collection, candidates, teacher):
    ref = evaluate(store, TeacherSubject(teacher=teacher), collection, candidates=candidates)
    rows = store.read(RUN, ref).to_pylist()
    assert {(row["qid"], row["pid"]) for row in rows} == set(PAIRS)
    for qid in ("q07", "q08"):
        first, second = sorted((row for row in rows if row["qid"] == qid), key=lambda row: row["rank"])
        assert (first["score"], second["pid"]) >= (second["score"], first["pid"])
    assert set(store.read(METRICS, ref)["system"].to_pylist()) == {"teacher:tiny"}


def test_a_dear_teacher_is_asked_no_deeper_than_in_the_key(store, collection, candidates, student, teacher):
    dear = teacher.model_copy(update={"asked": Asked(depth=2)})
    ref = evaluate(store, TeacherSubject(teacher=dear), collection, candidates=candidates)
    assert [(row["qid"], row["pid"]) for row in store.read(RUN, ref).sort_by("pid").to_pylist()] == PAIRS[:2]
    weights = publish(store, "train_student", lambda draft: student.build(3).save(draft.folder("model")))
    found = [
        store.facts(
            evaluate(
                store, StudentSubject(student=student, seed=3, teacher=each), collection, weights=weights
            )
        )
        for each in (dear, teacher)
    ]
    assert [facts["retention_depth"] for facts in found] == [2, 50]


def test_an_ensemble_blends_what_its_members_say_of_the_candidates(store, collection, candidates, teacher):
    both = TeacherSubject(teacher=BOTH, members=(teacher, LEXICAL))
    alone = [
        scored(store, evaluate(store, TeacherSubject(teacher=each), collection, candidates=candidates))
        for each in (teacher, LEXICAL)
    ]
    ref = evaluate(store, both, collection, candidates=candidates)
    means_of = {pair: sum(each[pair] for each in alone) / 2 for pair in set(PAIRS)}
    assert scored(store, ref) == pytest.approx(means_of, abs=1e-6)
    assert set(store.read(METRICS, ref)["system"].to_pylist()) == {"teacher:both"}
    assert [row["cost"] for row in store.read(COSTS, ref).to_pylist()] == ["search_ms"]
    assert "remark" not in store.facts(ref)


def test_what_an_ensemble_asks_is_stored_and_never_asked_again(
    store, collection, candidates, student, teacher, monkeypatch
):
    both = TeacherSubject(teacher=BOTH, members=(teacher, LEXICAL))
    first = scored(store, evaluate(store, both, collection, candidates=candidates))
    monkeypatch.setattr(type(teacher), "load", lambda *_: pytest.fail("the model is loaded again"))
    over = EnsembleConfig(name="over", members=("both", "lexical"), blend=Mean())
    nested = TeacherSubject(teacher=over, members=(teacher, LEXICAL, BOTH))
    again = scored(store, evaluate(store, nested, collection, candidates=candidates))
    lexical = evaluate(store, TeacherSubject(teacher=LEXICAL), collection, candidates=candidates)
    expected = {pair: (first[pair] + score) / 2 for pair, score in scored(store, lexical).items()}
    assert again == pytest.approx(expected, abs=1e-6)


def test_a_student_is_held_against_an_ensemble(store, collection, student, teacher):
    weights = publish(store, "train_student", lambda draft: student.build(3).save(draft.folder("model")))
    subject = StudentSubject(student=student, seed=3, teacher=BOTH, members=(teacher, LEXICAL))
    ref = evaluate(store, subject, collection, weights=weights)
    assert means(store, ref)[RETENTION] > 0
    assert store.facts(ref)["retention_teacher"] == "both"


def test_a_file_is_ranked_as_far_as_it_goes_and_the_rest_is_told(store, collection, candidates, tmp_path):
    known = [("q07", "mozart-1", 2.0), ("q08", "mozart-2", 1.0), ("q01", "rhine-1", 5.0)]
    # What "lowest" gives the others for the answer key is no score to be judged by.
    subject = TeacherSubject(teacher=external(tmp_path, known, missing="lowest"))
    ref = evaluate(store, subject, collection, candidates=candidates)
    assert scored(store, ref) == {("q07", "mozart-1"): 2.0, ("q08", "mozart-2"): 1.0}
    facts = store.facts(ref)
    assert (facts["unknown_pairs"], facts["of_pairs"]) == (3, 5)
    assert facts["remark"] == (
        "teacher:theirs knows 2 of 5 pairs and ranks these alone; a query of which it knows none counts 0 "
        "(1 of 3)."
    )
    # q08 has its answer first; q07 and q09 have nothing relevant.
    assert means(store, ref)["Success@1"] == pytest.approx(1 / 3)
    assert store.read(COSTS, ref).num_rows == 0
    over = EnsembleConfig(name="over", members=("theirs", "lexical"))
    both = TeacherSubject(teacher=over, members=(subject.teacher, LEXICAL))
    told = evaluate(store, both, collection, candidates=candidates)
    assert set(scored(store, told)) == set(scored(store, ref))
    assert store.facts(told)["unknown_pairs"] == 3


def test_a_file_that_covers_other_queries_has_no_line(store, collection, candidates, tmp_path, caplog):
    subject = TeacherSubject(teacher=external(tmp_path, [("q01", "rhine-1", 5.0)]))
    ref = evaluate(store, subject, collection, candidates=candidates)
    assert [store.read(each, ref).num_rows for each in (RUN, METRICS, COSTS)] == [0, 0, 0]
    remark = "teacher:theirs is not listed: it knows none of the 5 pairs that it would rank."
    assert store.facts(ref)["remark"] == remark
    assert remark in caplog.text


def test_a_student_is_held_against_a_file_only_if_that_knows_all_its_best(
    store, collection, student, tmp_path
):
    weights = publish(store, "train_student", lambda draft: student.build(3).save(draft.folder("model")))
    pairs = scored(
        store, evaluate(store, StudentSubject(student=student, seed=3), collection, weights=weights)
    )
    rows = [(qid, pid, len(pid) + score) for (qid, pid), score in pairs.items()]
    whole = StudentSubject(student=student, seed=3, teacher=external(tmp_path, rows))
    assert means(store, evaluate(store, whole, collection, weights=weights))[RETENTION] > 0
    fewer = StudentSubject(student=student, seed=3, teacher=external(tmp_path, rows[1:], "fewer.parquet"))
    ref = evaluate(store, fewer, collection, weights=weights)
    assert RETENTION not in means(store, ref)
    assert store.facts(ref)["remark"] == (
        "kl/3 has no retention: theirs knows 35 of the 36 pairs that are its best."
    )


def test_whatever_an_ensemble_is_made_of_is_in_the_address(store, collection, candidates, teacher):
    def key(
        rule=FITTED, members=(teacher, LEXICAL), weights=(0.5, 1.0), trained=None, names=("tiny", "lexical")
    ):
        chosen = EnsembleConfig(name="both", members=names, blend=rule)
        fits = [publish_text(store, "weights.json", str(weights))]
        made = [publish_text(store, "model", trained)] if trained else []
        config = Evaluation(options=EvaluateConfig(), subject=TeacherSubject(teacher=chosen, members=members))
        inputs = {"collection": collection, "candidates": candidates}
        inputs |= {"teacher_weights": tuple(made), "fitted": tuple(fits)}
        return evaluate_student.recipe(store, config, inputs).key

    changed = [
        key(),
        key(weights=(0.5, 2.0)),
        key(trained="one"),
        key(trained="two"),
        key(members=(teacher, Bm25TeacherConfig(name="lexical", retriever=Bm25Config(k1=2.0)))),
        key(members=(LEXICAL, teacher), names=("lexical", "tiny")),
        key(rule=Affine(weights={"tiny": 1.0, "lexical": 2.0})),
        key(rule=Affine(weights={"tiny": 2.0, "lexical": 1.0})),
    ]
    assert len(set(changed)) == len(changed)
    assert key() == changed[0]


def test_a_teacher_that_is_trained_here_is_judged_with_its_weights(store, collection, candidates, student):
    def judged(seed):
        made = publish(store, f"train_{seed}", lambda draft: student.build(seed).save(draft.folder("model")))
        taught = TeacherSubject(teacher=TaughtConfig(name="taught", student=student))
        ref = evaluate(store, taught, collection, candidates=candidates, teacher_weights=(made,))
        return scored(store, ref)

    assert judged(1) == judged(1)
    assert set(judged(1)) == set(PAIRS)
    taught = TeacherSubject(teacher=TaughtConfig(name="taught", student=student))
    with pytest.raises(ArtifactMissing, match="teacher taught: found no trained weights"):
        evaluate(store, taught, collection, candidates=candidates)
