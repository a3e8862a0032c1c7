import numpy as np
import polars as pl
import pytest

from data.errors import ConfigError, SchemaError
from models.blend_fitting import descend, fit_weights

SCHEMA = {"qid": pl.String, "pid": pl.String, "teacher": pl.String, "score": pl.Float32}


def made(seed=0, queries=40, passages=8):
    """A teacher that knows the answer, one that guesses, one that is wrong; the answer is passage 0."""
    draw = np.random.default_rng(seed)
    rows = []
    for query in range(queries):
        truth = np.eye(passages)[0]
        noise = draw.normal(size=(3, passages))
        for name, scores in zip(
            ("knows", "guesses", "errs"), np.outer((2, 0, -2), truth) + noise, strict=True
        ):
            rows += [(f"q{query:02}", f"p{place}", name, score) for place, score in enumerate(scores)]
    qrels = pl.DataFrame({"qid": [f"q{query:02}" for query in range(queries)], "pid": "p0", "grade": 1})
    return pl.DataFrame(rows, SCHEMA, orient="row"), qrels


def test_who_knows_counts_and_who_errs_does_not():
    rows, qrels = made()
    weights, queries = fit_weights(rows, ["knows", "guesses", "errs"], qrels, 0.01)
    assert queries == 40
    assert weights["knows"] > 5 * weights["guesses"]
    assert weights["errs"] == 0.0


def test_a_members_unit_and_the_order_of_rows_do_not_matter():
    rows, qrels = made()
    members = ["knows", "guesses"]
    rows = rows.filter(pl.col("teacher") != "errs")
    plain, _ = fit_weights(rows, members, qrels, 0.01)
    scaled = rows.with_columns(
        pl.when(teacher="knows").then(100 * pl.col("score") + 7).otherwise("score").alias("score")
    )
    again, _ = fit_weights(scaled.reverse(), members[::-1], qrels.reverse(), 0.01)
    assert again == pytest.approx(plain, rel=1e-4)


def test_worked_by_hand():
    # One query, one member, z = 1 and -1, the first is the answer. dL/dw = -2·(1 - σ(2w)) + λw = 0;
    # with w = ½·ln 3 = 0.549306, σ(2w) = 3/4 and λ = 0.5 / w = 0.910239.
    found = descend(np.array([[1.0], [-1.0]]), np.array([1.0, 0.0]), np.array([2]), 0.910239)
    assert found[0] == pytest.approx(0.549306, abs=1e-5)


def test_the_gradient_is_zero_at_the_weights_found_and_not_negative_at_the_edge():
    draw = np.random.default_rng(1)
    scores, sizes = draw.normal(size=(12, 3)), np.array([3, 4, 5])
    share = np.zeros(12)
    share[[0, 3, 7]] = 1.0

    def loss(weights):
        total = 0.0
        for some in (slice(0, 3), slice(3, 7), slice(7, 12)):
            logits = scores[some] @ weights
            total += np.log(np.exp(logits).sum()) - logits @ share[some]
        return total / 3 + 0.05 * (weights**2).sum()

    found = descend(scores, share, sizes, 0.1)
    for member, step in enumerate(1e-4 * np.eye(3)):
        slope = (loss(found + step) - loss(found - step)) / 2e-4
        assert slope >= -1e-6 if found[member] == 0 else slope == pytest.approx(0, abs=1e-6)


def test_grades_weigh_and_queries_that_teach_nothing_do_not_count():
    rows, qrels = made()
    dull = pl.DataFrame({"qid": ["q00"] * 8, "pid": [f"p{place}" for place in range(8)], "grade": 2})
    unmined = pl.DataFrame({"qid": ["q01"], "pid": ["elsewhere"], "grade": 3})
    judged = pl.concat([dull, unmined, qrels.filter(~pl.col("qid").is_in(["q00", "q01"]))])
    both = rows.filter(pl.col("teacher") != "guesses")
    assert fit_weights(both, ["knows", "errs"], judged, 0.01)[1] == 38


def test_without_a_judged_query_nothing_can_be_fitted():
    rows, qrels = made(queries=2)
    with pytest.raises(ConfigError, match="found 1 judged queries of the split dev, none with both"):
        fit_weights(rows, ["knows", "guesses", "errs"], qrels.head(1).with_columns(grade=pl.lit(0)), 0.01)
    with pytest.raises(SchemaError, match="that knows did not score"):
        fit_weights(rows.slice(1), ["knows", "guesses", "errs"], qrels, 0.01)
