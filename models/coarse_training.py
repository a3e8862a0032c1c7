"""Hand GDR's lists to the library's trainer; the decoder, which starts from nothing, has its own rate."""

from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Int16, Int64
from sentence_transformers.base.training_args import BaseTrainingArguments

from models.batches import Lists
from models.cluster_lessons import Asks, Pool, PoolName
from models.clustering.cluster_tree import END
from models.clustering.prefix_tree import PrefixTree
from models.false_negatives.sorting import Sorted
from models.student import Lesson
from models.texts import passage_texts
from models.trainers import EncoderTrainer

OF_DECODER = r"^cluster_decoder\."


class CoarseTrainer(EncoderTrainer):
    """Trains an encoder of queries, and the decoder that its loss holds, if any."""

    def get_optimizer_cls_and_kwargs(
        self,
        args: BaseTrainingArguments,
        model: Any = None,  # noqa: ANN401  (SentenceTransformer)
    ) -> tuple[Any, Any]:
        """Give the decoder's weights a learning rate of their own."""
        loss: Any = self.loss
        if loss.cluster_decoder is not None:
            args.learning_rate_mapping = {OF_DECODER: loss.weights.decoder_learning_rate}
        return super().get_optimizer_cls_and_kwargs(args, model)


def stored_paths(lesson: Lesson, pids: pl.Series, levels: int) -> Int16[np.ndarray, "passage level"]:
    """Paths of the table ``clusters`` in the order of ``pids``, filled up with ``END``."""
    assert lesson.clusters is not None  # noqa: S101  (whoever asks has declared Need.CLUSTERS)
    wanted = pl.LazyFrame({"pid": pids})
    found = wanted.join(lesson.clusters, on="pid", how="left", maintain_order="left").collect()["path"]
    columns = [found.list.get(level, null_on_oob=True).fill_null(END) for level in range(levels)]
    return np.stack([column.to_numpy() for column in columns], axis=1).astype(np.int16)


def pool_of(
    name: PoolName,
    asks: Asks,
    lists: Int64[np.ndarray, "list 2"],
    tree: PrefixTree | None,
    paths: Int16[np.ndarray, "passage level"] | None,
) -> Pool | None:
    """Where negatives come from; None: from all passages.

    Args:
        name: ``cluster``: passages of the answer's leaf; ``bm25``: mined for the ask; ``random``: all.
        asks: what is asked, and what was mined for it.
        lists: ask and answer.
        tree: for ``cluster``.
        paths: of the passages, for ``cluster``.
    """
    if name == "random":
        return None
    if name == "bm25":
        groups, members = asks.mined.to_numpy().astype(np.int64).reshape(-1, 2).T
        return Pool.of(groups, members, asks.texts.height, lists[:, 0])
    assert tree is not None  # noqa: S101  (whoever asks has declared Need.CLUSTERS)
    assert paths is not None  # noqa: S101
    leaves = tree.nodes(paths)
    return Pool.of(leaves, np.arange(len(leaves)), len(tree.spans), leaves[lists[:, 1]])


def lists_of(
    asks: Asks,
    lists: Int64[np.ndarray, "list 2"],
    negatives: Int64[np.ndarray, "list negative"],
    lesson: Lesson,
    template: str | None,
) -> Lists:
    """Write the lists as the trainer reads them; the label of each is its numbers.

    Args:
        asks: the texts.
        lists: ask and answer.
        negatives: of each list.
        lesson: gives the passages.
        template: makes texts of passages; None: they are not read.
    """
    numbers = np.concatenate([lists, negatives], axis=1)
    rows = pl.DataFrame(
        {"query_id": lists[:, 0].astype(str), "label": pl.Series(numbers).arr.to_list()},
    )
    documents = pl.DataFrame(schema={"document_id": pl.String, "text": pl.String})
    if template is not None:
        passages = lesson.passages.select("pid", "title", "text").collect().sort("pid")
        texts = passage_texts(passages.to_arrow(), template)
        documents = pl.DataFrame({"document_id": [str(row) for row in range(len(texts))], "text": texts})
        names = pl.Series(numbers[:, 1:].astype(str)).arr.to_list()
        rows = rows.select("query_id", names.alias("document_ids"), "label")
    none = pl.DataFrame(schema={"qid": pl.String, "pid": pl.String})
    return Lists(
        rows=rows,
        queries=asks.texts.select(query_id=pl.col("ask").cast(pl.String), text="text"),
        documents=documents,
        used=asks.queries,
        dropped=0,
        short=int((negatives == lists[:, 1:]).any(axis=1).sum()),
        mined=Sorted(none, none, 0, 0),
    )
