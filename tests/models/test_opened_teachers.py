import numpy as np
import polars as pl
import pytest

from data.errors import ArtifactMissing, ConfigError
from models.blending import Affine, Fitted, Mean, MinMaxMean
from models.opened_teachers import Texts, asked_by, open_any
from models.settings import Settings
from models.teachers.bm25 import Bm25TeacherConfig
from models.teachers.ensemble import EnsembleConfig, write_weights
from models.teachers.external import ExternalConfig
from models.teachers.taught import TaughtConfig
from tasks.stage import Stage

LEXICAL = Bm25TeacherConfig(name="lexical")
BOTH = EnsembleConfig(name="both", members=("theirs", "lexical"), blend=Mean())
OVER = EnsembleConfig(name="over", members=("lexical", "both"), blend=Mean())


class Named(Settings):
    """The address of an artifact made by hand."""

    name: str


def publish(store, name, fill):
    made = Stage(name="made", module="data.tables", body=lambda draft, _store, _config: fill(draft))
    return made.run(store, Named(name=name), {})


@pytest.fixture
def asked(tiny_collection):
    queries = tiny_collection["queries"]
    return Texts(queries["qid"].to_pylist(), queries["text"].to_pylist(), tiny_collection["passages"])


@pytest.fixture
def theirs(tmp_path, asked):
    rows = [(qid, pid, float(place)) for qid in asked.qids for place, pid in enumerate(pids(asked))]
    path = tmp_path / "theirs.parquet"
    schema = {"qid": pl.String, "pid": pl.String, "score": pl.Float64}
    pl.DataFrame(rows, schema, orient="row").write_parquet(path)
    return ExternalConfig(name="theirs", path=path, measured_in="bm25")


def pids(asked):
    return asked.passages["pid"].to_pylist()


def scores(teacher, asked):
    query_rows, passage_rows = np.divmod(np.arange(len(asked.qids) * len(pids(asked))), len(pids(asked)))
    return teacher.score(query_rows, passage_rows)


def test_an_ensemble_is_opened_over_those_that_it_asks(store, asked, theirs):
    named = {each.name: each for each in (theirs, LEXICAL, BOTH, OVER)}
    found = {
        name: scores(open_any(store, (*asked_by(each, named), each), asked), asked)
        for name, each in named.items()
    }
    np.testing.assert_allclose(found["both"], (found["theirs"] + found["lexical"]) / 2)
    np.testing.assert_allclose(found["over"], (found["both"] + found["lexical"]) / 2)


def test_each_teacher_is_asked_once_and_after_those_that_it_asks():
    names = {
        "a": (),
        "b": (),
        "low": ("b", "a"),
        "high": ("a", "low"),
        "top": ("high", "b", "low"),
    }
    named = {
        name: EnsembleConfig(name=name, members=members) if members else Bm25TeacherConfig(name=name)
        for name, members in names.items()
    }
    assert [each.name for each in asked_by(named["top"], named)] == ["a", "b", "low", "high"]
    assert asked_by(named["a"], named) == ()


def test_fitted_weights_belong_to_the_ensembles_in_their_order(store, asked, theirs):
    inner = EnsembleConfig(name="inner", members=("theirs", "lexical"), blend=Fitted())
    outer = EnsembleConfig(name="outer", members=("theirs", "inner"), blend=Fitted())

    def fit(name, ensemble, *weights):
        told = dict(zip(ensemble.members, weights, strict=True))
        path = "weights.json"
        return publish(store, name, lambda draft: write_weights(draft.file(path), ensemble.members, told))

    refs = fit("inner", inner, 0.0, 2.0), fit("outer", outer, 0.0, 1.0)
    found = scores(open_any(store, (theirs, LEXICAL, inner, outer), asked, fitted=refs), asked)
    # outer: all of inner, standardised again; inner: lexical alone, standardised.
    weights = {"theirs": 0.0, "lexical": 1.0}
    lexical = EnsembleConfig(name="z", members=("theirs", "lexical"), blend=Affine(weights=weights))
    expected = scores(open_any(store, (theirs, LEXICAL, lexical), asked), asked)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    with pytest.raises(ArtifactMissing, match="teacher outer: found no fitted weights"):
        open_any(store, (theirs, LEXICAL, inner, outer), asked, fitted=refs[:1])


def test_trained_weights_belong_to_the_trained_in_their_order(store, asked, tiny_backbone):
    from models.students.bi_encoder import BiEncoderConfig

    def taught(name, seed):
        return TaughtConfig(
            name=name, student=BiEncoderConfig(name=name, backbone=str(tiny_backbone)), seed=seed
        )

    teachers = taught("one", 1), LEXICAL, taught("two", 2)
    refs = [
        publish(store, each.name, lambda draft, each=each: each.student.build(0).save(draft.folder("model")))
        for each in (teachers[0], teachers[2])
    ]
    both = EnsembleConfig(name="both", members=("one", "lexical", "two"), blend=MinMaxMean())
    opened = open_any(store, (*teachers, both), asked, refs)
    assert scores(opened, asked).shape == (len(asked.qids) * len(pids(asked)),)
    with pytest.raises(ArtifactMissing, match="teacher two: found no trained weights"):
        open_any(store, (*teachers, both), asked, refs[:1])


def test_a_file_about_other_queries_is_opened_and_knows_nothing(store, asked, theirs, tiny_collection):
    others = Texts(["x1"], ["text"], tiny_collection["passages"])
    for teachers in ((theirs,), (theirs, LEXICAL, BOTH)):
        teacher = open_any(store, teachers, others)
        assert teacher.knows(np.array([0]), np.array([3])).tolist() == [False]
        with pytest.raises(ConfigError, match=r"no score of 1 of 1 pairs, such as \(x1, "):
            teacher.score(np.array([0]), np.array([3]))
