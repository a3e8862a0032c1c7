"""A folder of Parquet files, under this project's column names or BEIR's.

passages.parquet    pid (_id), title, text          or corpus.parquet
queries.parquet     qid (_id), text
qrels/test.parquet  qid (query-id), pid (corpus-id), grade (score)
"""

from pathlib import Path
from typing import Annotated, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from data.collections import Collection, Sheet, SourceConfig
from data.digests import FileDigests
from data.errors import CollectionError
from data.identity import Identity
from data.sources.columns import adopt
from data.sources.folders import Layout

LAYOUT = Layout(
    passages=("passages.parquet", "corpus.parquet"),
    queries=("queries.parquet",),
    judgement_suffixes=(".parquet",),
)
PASSAGES = {"pid": ("pid", "_id"), "title": ("title",), "text": ("text",)}
QUERIES = {"qid": ("qid", "_id"), "text": ("text",)}
JUDGEMENTS = {"qid": ("qid", "query-id"), "pid": ("pid", "corpus-id"), "grade": ("grade", "score")}


def identify(folder: Path, digests: FileDigests) -> dict[str, str]:
    """What the collection in ``folder`` is: the digests of its files."""
    return LAYOUT.identify(folder, digests)


class ParquetConfig(SourceConfig):
    """A folder of Parquet files."""

    kind: Literal["parquet"] = "parquet"
    path: Annotated[Path, Identity(identify)] = Field(description="The folder that holds passages.parquet.")

    def read(self) -> Collection:
        """Read the folder's files."""
        files = LAYOUT.find(self.path)
        return Collection(
            passages=_read(files.passages, PASSAGES),
            queries=_read(files.queries, QUERIES),
            judgements={split: _read(path, JUDGEMENTS) for split, path in files.judgements.items()},
        )


def _read(path: Path, names: dict[str, tuple[str, ...]]) -> Sheet:
    try:
        # A file is read by itself: no column is made of the names of its folders.
        table = pq.ParquetFile(path).read()
    except (pa.ArrowInvalid, OSError) as error:
        raise CollectionError(
            str(path),
            found=f"what Parquet cannot read ({str(error).splitlines()[0]})",
            expected="a whole Parquet file",
            advice="Write or copy the file again.",
        ) from error
    return adopt(table, names, str(path))
