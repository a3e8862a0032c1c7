"""What a scoring run meets: real questions, each with mined passages, short and long ones mixed."""

from pathlib import Path

from data.sources.beir import BeirConfig
from models.retrievers.bm25 import Bm25Config
from models.texts import passage_texts
from tasks.ingest import IngestConfig, tabulate

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "datasets"
# Real collections where they lie beside the project, else the bundled one.
COLLECTIONS = [path for name in ("nq-mini", "medquad") if (path := SHARED / name).is_dir()] or [
    ROOT / "data" / "sample"
]
QUERIES = 20
DEPTH = 5
ENCODED = 400


def pairs_of(folder: Path) -> list[tuple[str, str]]:
    """Pairs (question, passage) of a BEIR folder: its first questions, with what BM25 finds for them."""
    tables = tabulate(BeirConfig(path=folder).read(), IngestConfig())
    passages = passage_texts(tables.passages)
    queries = tables.queries["text"].to_pylist()[:QUERIES]
    retriever = Bm25Config().build(passages)
    hits = retriever.search(retriever.encode(queries), DEPTH)
    return [
        (query, passages[row])
        for query, rows in zip(queries, hits.rows.tolist(), strict=True)
        for row in rows
        if row >= 0
    ]


def queries_of(folder: Path) -> list[str]:
    """The first questions of a BEIR folder."""
    return tabulate(BeirConfig(path=folder).read(), IngestConfig()).queries["text"].to_pylist()[:ENCODED]
