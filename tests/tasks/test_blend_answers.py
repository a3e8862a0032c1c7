import numpy as np
import polars as pl
import pytest

from data.errors import ConfigError, SchemaError
from data.schemas import ANSWERS, QRELS, QUERIES
from data.tables import from_rows
from models.blending import Affine, Fitted, Mean, MinMaxMean, Rrf
from models.parts import FITTED
from models.settings import Settings
from models.teachers.ensemble import EnsembleConfig, read_weights
from tasks.blend_answers import BlendAnswers, blend_answers
from tasks.stage import Stage

QIDS = [f"q{number:02}" for number in range(10)]
PIDS = ["a", "b", "c"]
# sharp: the first passage is best; blunt: the last
SHARP, BLUNT = dict(zip(PIDS, (4.0, 2.0, 0.0), strict=True)), dict(zip(PIDS, (0.0, 0.0, 1.0), strict=True))
QUERY_ROWS = [(qid, f"text {qid}", "human", None, "dev" if qid < "q05" else "train") for qid in QIDS]
QREL_ROWS = [(qid, "a", 2) for qid in QIDS]


class Named(Settings):
    """What is written, as the address of a table made by hand."""

    name: str


def made(store, name, *tables):
    def body(draft, _store, _config):
        for rows, schema in tables:
            draft.write(from_rows(rows, schema), schema)

    return Stage(name="made", module="tasks.stage", body=body).run(store, Named(name=name), {}, force=True)


def answers_of(store, name, scores, leave_out=()):
    pairs = [(qid, pid) for qid in QIDS for pid in PIDS if (qid, pid) not in leave_out]
    return made(store, name, ([(qid, pid, name, scores[pid]) for qid, pid in pairs], ANSWERS))


def blend(store, rule, members=None, qrels=QREL_ROWS, block_queries=4):
    members = members or (answers_of(store, "sharp", SHARP), answers_of(store, "blunt", BLUNT))
    ensemble = EnsembleConfig(name="both", members=("sharp", "blunt"), blend=rule)
    inputs = {
        "collection": made(store, "collection", (QUERY_ROWS, QUERIES), (qrels, QRELS)),
        "answers": members,
    }
    config = BlendAnswers(ensemble=ensemble, block_queries=block_queries)
    return blend_answers.run(store, config, inputs, force=True)


def scores(store, ref, qid):
    return pl.DataFrame(store.read(ANSWERS, ref)).filter(qid=qid).sort("pid")["score"].to_list()


def test_the_ensemble_answers_like_any_teacher(store):
    ref = blend(store, MinMaxMean())
    rows = pl.DataFrame(store.read(ANSWERS, ref))
    assert rows.select("qid", "pid", "teacher").rows() == [(qid, pid, "both") for qid in QIDS for pid in PIDS]
    assert all(scores(store, ref, qid) == [0.5, 0.25, 0.5] for qid in QIDS)
    facts = store.facts(ref)
    assert facts == {"kind": "min_max_mean", "members": ["sharp", "blunt"], "pairs": 30, "queries": 10}
    assert set(ref.parts) == {"answers.parquet"}


def test_blocks_of_any_size_give_the_same_rows(store):
    parts = {blend(store, Mean(), block_queries=size).parts["answers.parquet"] for size in (1, 3, 100)}
    assert len(parts) == 1


def test_weights_are_fitted_on_the_judged_queries_of_dev_and_noted(store):
    facts = store.facts(blend(store, Fitted()))
    assert facts["fitted_on_queries"] == 5
    assert facts["weights"]["sharp"] > 1
    assert facts["weights"]["blunt"] == 0
    part = store.path(blend(store, Fitted()), "weights.json")
    assert read_weights(part, ("sharp", "blunt")) == facts["weights"]
    train_says_otherwise = [(qid, "a" if qid < "q05" else "c", 2) for qid in QIDS]
    assert store.facts(blend(store, Fitted(), qrels=train_says_otherwise)) == facts


class Known:
    """A member that knows its scores by passage."""

    def __init__(self, scores):
        self.scores = np.float32(list(scores.values()))

    def score(self, query_rows, passage_rows):
        return self.scores[passage_rows]

    def facts(self):
        return {}

    def work_as(self, facts):
        pass


@pytest.mark.parametrize("rule", [Mean(), MinMaxMean(), Rrf(), Fitted()])
def test_an_ensemble_that_is_opened_says_what_stands_in_its_answers(store, rule):
    ref = blend(store, rule)
    config = EnsembleConfig(name="both", members=("sharp", "blunt"), blend=rule)
    fitted = store.path(ref, FITTED) if config.is_fitted else None
    opened = config.over({"sharp": Known(SHARP), "blunt": Known(BLUNT)}, fitted)
    query_rows, passage_rows = np.divmod(np.arange(len(QIDS) * len(PIDS)), len(PIDS))
    stored = store.read(ANSWERS, ref)["score"].to_numpy()
    assert opened.score(query_rows, passage_rows).tolist() == stored.tolist()


def test_weights_that_are_given_are_noted(store):
    ref = blend(store, Affine(weights={"sharp": 1.0, "blunt": 0.0}))
    assert scores(store, ref, "q00") == pytest.approx([1.5**0.5, 0, -(1.5**0.5)])
    assert store.facts(ref)["weights"] == {"sharp": 1.0, "blunt": 0.0}


def test_members_that_scored_different_pairs_are_refused(store):
    fewer = answers_of(store, "blunt", BLUNT, leave_out={("q07", "b")})
    with pytest.raises(SchemaError, match=r"1 pairs that blunt did not score .* \(q07, b\)"):
        blend(store, Mean(), (answers_of(store, "sharp", SHARP), fewer))


def test_without_judgements_of_dev_no_weights_are_fitted(store):
    with pytest.raises(ConfigError, match="found 0 judged queries of the split dev"):
        blend(store, Fitted(), qrels=[(qid, "a", 2) for qid in QIDS if qid >= "q05"])
