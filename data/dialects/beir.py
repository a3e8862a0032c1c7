"""A BEIR folder with the teacher's scores beside it, as the run file that BEIR saves and loads.

    corpus.jsonl   queries.jsonl   qrels/{train,dev,test}.tsv     the collection, as ``data/sources/beir.py``
    qgen-queries.jsonl   qgen-qrels/train.tsv                     generated queries, each with its source
    answers.run                                                   the scores, as ``trec_run``

Judgements of BEIR are whole numbers, so no score fits into them. Generated queries have the prefix that
``GenericDataLoader(folder, prefix="qgen")`` takes, so that nobody mistakes a source for a judgement. Source:
https://github.com/beir-cellar/beir ``beir/datasets/data_loader.py``, ``load_runfile`` in ``beir/util.py``
"""

from pathlib import Path

import polars as pl

from data.answer_key import AnswerKey
from data.dialect import TEACHER, Exported, Texts, refuse_ids
from data.dialects.trec_run import BROKEN, read_scores, write_scores

EXPECTED = "no white space and no quotation mark in front"


class Beir:
    """The collection and one run."""

    name = "beir"
    file = "answers.run"
    loses = (TEACHER,)

    def write(self, key: AnswerKey, folder: Path) -> Exported:
        """Write the whole collection and the run."""
        queries = key.queries.select(pl.exclude("text")).collect()
        for ids in (queries["qid"], key.passages.select("pid").collect()["pid"]):
            refuse_ids(ids, BROKEN + '|^"', self.name, EXPECTED)
        generated = pl.col("origin") == "generated"
        key.passages.select("title", "text", _id="pid").sink_ndjson(folder / "corpus.jsonl")
        _write_queries(key.queries.filter(~generated), folder / "queries.jsonl")
        (folder / "qrels").mkdir()
        judged = key.qrels.join(key.queries.select("qid", "split"), on="qid").collect()
        for split in ("train", "dev", "test"):
            _write_qrels(judged.filter(pl.col("split") == split), folder / "qrels" / f"{split}.tsv")
        sources = queries.filter(generated & pl.col("source_pid").is_not_null())
        if sources.height:
            _write_queries(key.queries.filter(generated), folder / "qgen-queries.jsonl")
            (folder / "qgen-qrels").mkdir()
            judged = sources.select("qid", pid="source_pid", grade=1)
            _write_qrels(judged, folder / "qgen-qrels" / "train.tsv")
        return Exported(write_scores(key, folder / self.file, self.name))

    def read(self, path: Path, texts: Texts | None) -> pl.DataFrame:  # noqa: ARG002  (its ids are ids)
        """Read the run."""
        return read_scores(path)


def _write_queries(queries: pl.LazyFrame, path: Path) -> None:
    queries.sort("qid").select("text", _id="qid").sink_ndjson(path)


def _write_qrels(judged: pl.DataFrame, path: Path) -> None:
    if judged.height:
        names = {"qid": "query-id", "pid": "corpus-id", "grade": "score"}
        rows = judged.sort("qid", "pid").select(*names).rename(names)
        rows.write_csv(path, separator="\t", quote_style="never")
