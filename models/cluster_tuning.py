"""Weigh clusters against vectors on the queries of the split dev, and say how well clusters are written.

    α = argmax over a grid of the mean of a measure over the dev queries; of equal ones, the smallest

``cluster_recall_dev`` is the share of dev queries for which the cluster of an answer is among those written:
what is not written cannot be found. ``valid_identifiers`` is the share whose likeliest path, written without
the tree, is one of the tree: near 1 once the decoder knows the clusters.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from data.errors import ConfigError
from data.known_answers import known_answers
from data.schemas import QRELS
from data.splits import sample
from models.metrics import measure
from models.retrievers.coarse_to_fine import CoarseToFineRetriever
from models.runs import run_of_hits
from models.student import Lesson

DEPTH = 100


@dataclass(frozen=True)
class Exam:
    """Human queries of the split dev that have an answer, and their judgements."""

    queries: pl.DataFrame
    qrels: pa.Table
    answers: pl.DataFrame

    @staticmethod
    def of(lesson: Lesson, limit: int) -> "Exam":
        """Take ``limit`` of the queries, those with the smallest hash."""
        dev = lesson.queries.filter(pl.col("split") == "dev", pl.col("origin") == "human")
        queries = dev.select("qid", "text", "source_pid").collect().sort("qid")
        answers = known_answers(queries, lesson.qrels)
        queries = queries.join(answers, on="qid", how="semi", maintain_order="left")
        queries = queries.filter(pl.Series(sample(queries["qid"].to_list(), limit)))
        judged = lesson.qrels.join(queries.lazy(), on="qid", how="semi").select("qid", "pid", "grade")
        answers = answers.join(queries, on="qid", how="semi")
        return Exam(queries, judged.sort("qid", "pid").collect().to_arrow().cast(QRELS.columns), answers)


def tune(
    retriever: CoarseToFineRetriever, exam: Exam, pids: Sequence[str], grid: Sequence[float], by: str
) -> tuple[float, float]:
    """Give the best of ``grid``, and the mean of the measure with it.

    Args:
        retriever: over the passages of the lesson.
        exam: what it is asked.
        pids: of the passages, in the order of the index.
        grid: values of α.
        by: a measure's name.

    Raises:
        ConfigError: no query of the split dev has an answer.
    """
    if exam.queries.is_empty():
        raise ConfigError(
            where='alpha = "dev"',
            found="no human query of the split dev that has an answer",
            expected="at least one, to tune on",
            advice="Give alpha as a number, such as 1.0.",
        )
    asked = retriever.encode(exam.queries["text"].to_list())
    found: list[tuple[float, float]] = []
    for alpha in sorted(grid):
        hits = retriever.weighing(alpha).search(asked, min(DEPTH, len(pids)))
        run = run_of_hits(hits, exam.queries["qid"].to_list(), pids)
        values = pl.DataFrame(measure(run, exam.qrels, [by])).filter(pl.col("qid").is_null())
        found.append((values["value"].item(), -alpha))
    value, alpha = max(found)
    return -alpha, value


def written(retriever: CoarseToFineRetriever, exam: Exam, pids: Sequence[str]) -> dict[str, float]:
    """How well clusters are written for dev queries; nothing where there are none."""
    if exam.queries.is_empty():
        return {}
    texts = exam.queries["text"].to_list()
    of_passage = pl.DataFrame({"pid": pids, "leaf": retriever.leaves})
    gold = exam.answers.join(of_passage, on="pid").select("qid", "leaf")
    asked = pl.DataFrame({"qid": exam.queries["qid"], "leaf": pl.Series(retriever.encode(texts).leaves)})
    hit = asked.explode("leaf").join(gold, on=["qid", "leaf"], how="semi")["qid"].n_unique()
    return {
        "cluster_recall_dev": hit / len(texts),
        "valid_identifiers": retriever.valid_share(texts),
    }
