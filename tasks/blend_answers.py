"""Blend the answers of several teachers into those of an ensemble: a view, for which no pair is scored again.

An ensemble's answers are a table like any other's, under its own name. Adding or leaving out a member
costs a pass over the stored rows. Queries pass in blocks; only the block's rows are held.
"""

from collections.abc import Iterator, Mapping

import polars as pl
import pyarrow as pa
from pydantic import PositiveInt

from data.artifacts import ArtifactStore
from data.drafts import Draft
from data.manifests import ArtifactRef
from data.progress import progress
from data.schemas import ANSWERS, QRELS, QUERIES
from models.blend_fitting import fit_weights
from models.blending import Affine, Fitted, blend
from models.parts import FITTED
from models.settings import Settings, runtime
from models.teachers.ensemble import EnsembleConfig, write_weights
from tasks.stage import stage


class BlendAnswers(Settings):
    """What decides the answers of an ensemble."""

    ensemble: EnsembleConfig
    block_queries: PositiveInt = runtime(4096, "Queries blended at a time.")


@stage(
    reads={
        "collection": ("queries.parquet", "qrels.parquet"),
        "answers": ("answers.parquet",),
    }
)
def blend_answers(
    draft: Draft,
    store: ArtifactStore,
    config: BlendAnswers,
    *,
    collection: ArtifactRef,
    answers: tuple[ArtifactRef, ...],
) -> None:
    """Write ``answers`` of the ensemble; note the rule, the weights, and what they were fitted on.

    Fitted weights are a part of their own: whoever opens the ensemble reads them, so they decide what is
    made with it.

    Args:
        draft: gets ``answers``, and the file ``FITTED`` where weights were fitted.
        store: holds the inputs.
        config: the ensemble.
        collection: queries and judgements; only those of the split dev are read, and only to fit weights.
        answers: of each member, in their order.

    Raises:
        ConfigError: weights are to be fitted and no judged query of the split dev helps.
        SchemaError: a pair was not scored by all members.
    """
    ensemble = config.ensemble
    rows = store.scan(ANSWERS, *answers)
    weights = given(ensemble)
    if isinstance(ensemble.blend, Fitted):
        qrels = dev_judgements(store.scan(QUERIES, collection), store.scan(QRELS, collection))
        judged = rows.join(qrels.lazy(), on="qid", how="semi").collect()
        weights, count = fit_weights(judged, ensemble.members, qrels, ensemble.blend.ridge)
        write_weights(draft.file(FITTED), ensemble.members, weights)
        draft.note(fitted_on_queries=count)
    qids = rows.select(pl.col("qid").unique()).collect()["qid"].sort()
    with draft.rows(ANSWERS) as writer:
        for block in progress(blocks(rows, qids, config.block_queries), "blending answers", "block"):
            writer.write(blended(block, ensemble, weights))
        draft.note(kind=ensemble.blend.kind, members=list(ensemble.members), pairs=writer.rows)
    draft.note(queries=len(qids), **({"weights": weights} if weights else {}))


def given(ensemble: EnsembleConfig) -> dict[str, float]:
    """The weights that the configuration names; none where the rule has none, or fits them."""
    return ensemble.blend.weights if isinstance(ensemble.blend, Affine) else {}


def dev_judgements(queries: pl.LazyFrame, qrels: pl.LazyFrame) -> pl.DataFrame:
    """Judgements of the queries of the split dev."""
    dev = queries.filter(pl.col("split") == "dev").select("qid")
    return qrels.join(dev, on="qid", how="semi").collect()


def blocks(rows: pl.LazyFrame, qids: pl.Series, size: int) -> Iterator[pl.DataFrame]:
    """All rows of ``size`` queries at a time.

    Args:
        rows: answers, stored in the order of the qid, so that a block is found without reading the rest.
        qids: of all queries, in their order.
        size: it changes how many blocks come, not what they hold together.
    """
    for some in qids.to_frame("qid").iter_slices(size):
        bounds = pl.lit(some["qid"][0]), pl.lit(some["qid"][-1])
        yield rows.filter(pl.col("qid").is_between(*bounds)).collect()


def blended(rows: pl.DataFrame, ensemble: EnsembleConfig, weights: Mapping[str, float]) -> pa.Table:
    """The ensemble's rows (table ``answers``) of the queries whose members' rows are given."""
    scores = blend(rows, ensemble.members, ensemble.blend, weights)
    named = scores.select("qid", "pid", pl.lit(ensemble.name).alias("teacher"), "score")
    return named.to_arrow().cast(ANSWERS.columns)
