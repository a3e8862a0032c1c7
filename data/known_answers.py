"""What is known to answer a query: judged passages, and the passage that a query was generated from."""

import polars as pl


def known_answers(queries: pl.DataFrame, qrels: pl.LazyFrame) -> pl.DataFrame:
    """Pairs (qid, pid) of ``queries``, sorted: judged above 0, or the source of a generated query.

    Args:
        queries: columns qid and source_pid; of other queries nothing is given.
        qrels: the judgements.
    """
    judged = qrels.filter(pl.col("grade") > 0).select("qid", "pid").collect()
    sources = queries.filter(pl.col("source_pid").is_not_null()).select("qid", pid="source_pid")
    return pl.concat([judged.join(queries, on="qid", how="semi"), sources]).unique().sort("qid", "pid")
