"""One teacher's answers with the texts they are about, query by query, for whoever writes them out.

    positives(q) = passages judged above 0 for q, or the source passage of the generated query q
    list(q)      = positives(q), then the rest; each part by falling score, equal scores by pid

The pairs are read in blocks of whole queries, so that a key of any size needs the memory of one block; of the
passages only those that some answer names are held.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from data.errors import SchemaError

BLOCK_PAIRS = 500_000


@dataclass(frozen=True)
class AnswerKey:
    """The answers of one teacher (qid, pid, score) and the tables that their identifiers point into.

    ``template`` makes one string of a passage's title and text, for formats that hold one.
    """

    answers: pl.LazyFrame
    passages: pl.LazyFrame
    queries: pl.LazyFrame
    qrels: pl.LazyFrame
    teacher: str
    template: str = "{title} {text}"
    block_pairs: int = BLOCK_PAIRS

    @cached_property
    def pairs(self) -> int:
        """How many answers there are."""
        return int(self._sizes["pairs"].sum())

    @cached_property
    def positives(self) -> pl.DataFrame:
        """Pairs (qid, pid) of which the passage is known to answer the query."""
        judged = self.qrels.filter(pl.col("grade") > 0).select("qid", "pid")
        sources = self.queries.filter(pl.col("source_pid").is_not_null()).select("qid", pid="source_pid")
        return pl.concat([judged, sources]).unique().collect()

    @cached_property
    def named_queries(self) -> pl.DataFrame:
        """Queries (qid, query) that have answers, by qid."""
        found = self.queries.select("qid", query="text").join(self._sizes.lazy(), on="qid", how="semi")
        return _all_found(found.sort("qid").collect(), self._sizes["qid"])

    @cached_property
    def named_passages(self) -> pl.DataFrame:
        """Passages (pid, title, text, passage) that some answer names, by pid; ``passage`` is one string."""
        named = self.answers.select("pid").unique().collect()["pid"]
        wanted = pl.LazyFrame([named])
        found = self.passages.join(wanted, on="pid", how="semi").sort("pid").collect()
        rows = found.select("title", "text").iter_rows()
        whole = [self.template.format(title=title, text=text).strip() for title, text in rows]
        return _all_found(found.with_columns(passage=pl.Series(whole, dtype=pl.String)), named)

    def blocks(self) -> Iterator[pl.DataFrame]:
        """Give (qid, pid, score, positive), whole queries in ascending order, each as list(q) above."""
        positives = self.positives.lazy().with_columns(positive=True)
        for low, high in self._bounds():
            yield (
                self.answers.filter(pl.col("qid").is_between(pl.lit(low), pl.lit(high)))
                .select("qid", "pid", "score")
                .join(positives, on=["qid", "pid"], how="left")
                .with_columns(pl.col("positive").fill_null(value=False))
                .sort("qid", "positive", "score", "pid", descending=[False, True, True, False])
                .collect()
            )

    def split_blocks(self) -> Iterator[pl.DataFrame]:
        """Give the blocks without the queries that lack an answer for a positive or for a negative."""
        positive = pl.col("positive")
        both = positive.any().over("qid") & ~positive.all().over("qid")
        for block in self.blocks():
            kept = block.filter(both)
            if kept.height:
                yield kept

    def duels(self) -> Iterator[tuple[pl.DataFrame, int]]:
        """Give (qid, pid, score, pid_negative, score_negative), and how many answers the block holds.

        Every positive of a query meets every negative.
        """
        for block in self.split_blocks():
            rest = block.filter(~pl.col("positive")).select("qid", "pid", "score")
            known = block.filter(pl.col("positive")).select("qid", "pid", "score")
            met = known.join(rest, on="qid", suffix="_negative", maintain_order="left_right")
            yield met, block.height

    @cached_property
    def _sizes(self) -> pl.DataFrame:
        return self.answers.group_by("qid").agg(pairs=pl.len().cast(pl.Int64)).sort("qid").collect()

    def _bounds(self) -> Iterator[tuple[str, str]]:
        number = (pl.col("pairs").cum_sum() - 1) // self.block_pairs
        cut = self._sizes.group_by(number.alias("block"), maintain_order=True)
        bounds = cut.agg(low=pl.col("qid").first(), high=pl.col("qid").last())
        yield from bounds.select("low", "high").iter_rows()


def _all_found(found: pl.DataFrame, named: pl.Series) -> pl.DataFrame:
    lacking = named.filter(~named.is_in(found[named.name].implode()))
    if len(lacking):
        msg = (
            f"answers: found {len(lacking)} of {len(named)} values of {named.name} without a text, such as "
            f"{lacking[0]!r}; expected a row for each. Run the pipeline again."
        )
        raise SchemaError(msg)
    return found
