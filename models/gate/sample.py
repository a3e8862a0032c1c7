"""The part of the answer key that the gate looks at: judged dev queries, and some others.

Whole queries are drawn, for a score means something only beside the other scores of its query. What is
drawn depends on the identifiers and the seed alone.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pyarrow as pa

from models.gate.limits import GateConfig
from models.texts import passage_texts


def judged_dev(queries: pl.DataFrame, qrels: pl.LazyFrame, config: GateConfig) -> pl.DataFrame:
    """Judgements (qid, pid, grade) of the dev queries that are looked at: those with a positive.

    A query judged without a positive tells no order from another.
    """
    dev = queries.filter(pl.col("split") == "dev").select("qid").lazy()
    judgements = qrels.join(dev, on="qid", how="semi").collect()
    answered = judgements.filter(pl.col("grade") > 0)["qid"].unique().sort().to_list()
    chosen = draw(answered, config.dev_queries, config.seed)
    return judgements.filter(pl.col("qid").is_in(chosen)).sort("qid", "pid")


def asked(answers: pl.LazyFrame, dev: Sequence[str], config: GateConfig) -> pl.DataFrame:
    """The answers (qid, pid, score) of the dev queries and of some other queries of the key."""
    others = answers.select("qid").unique().filter(~pl.col("qid").is_in(list(dev))).collect()["qid"]
    chosen = [*dev, *draw(others.sort().to_list(), config.other_queries, config.seed)]
    rows = answers.filter(pl.col("qid").is_in(chosen)).select("qid", "pid", "score")
    return rows.sort("qid", "pid").collect()


def with_texts(pairs: pl.DataFrame, queries: pl.DataFrame, passages: pa.Table, template: str) -> pl.DataFrame:
    """Add the columns ``query`` and ``passage``: the texts as the teacher reads them."""
    rows = pl.DataFrame(passages).join(pairs, on="pid", how="semi", maintain_order="left")
    texts = rows.select("pid", pl.Series("passage", passage_texts(rows.to_arrow(), template), pl.String))
    named = queries.select("qid", query="text")
    return pairs.join(named, on="qid").join(texts, on="pid").sort("qid", "pid")


def draw(names: list[str], count: int, seed: int) -> list[str]:
    """At most ``count`` of ``names``, each equally likely, in their order.

    >>> draw(["a", "b", "c"], 5, seed=0)
    ['a', 'b', 'c']
    """
    places = np.random.default_rng(seed).permutation(len(names))[:count]
    return [names[place] for place in sorted(places.tolist())]
