"""Datasets of the Hugging Face hub, or local folders of the same form.

Passages, queries and judgements are three datasets or three configurations of one; where there are no
train judgements, a dataset of (question, answer) pairs can stand in (``data/sources/pairs.py``).
No code of a dataset is ever run: what needs a loading script is refused by the library.

A name says where a dataset lies, and ``revision`` what it is. Without a revision the newest version
is read, and nothing notices when the hub's version changes: pin a commit.
"""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from data.collections import Collection, Sheet, SourceConfig
from data.digests import FileDigests
from data.errors import CollectionError
from data.identity import Identity
from data.sources.columns import adopt
from data.sources.pairs import Unmatched, with_pairs
from data.splits import Split

if TYPE_CHECKING:
    import datasets


def identify(dataset: str, digests: FileDigests) -> object:
    """What a dataset is: the digests of a local folder's files, else its name on the hub."""
    folder = Path(dataset)
    return digests.folder(folder) if folder.is_dir() else dataset


class HubTable(BaseModel):
    """One split of one configuration of one dataset; either may be left out where there is only one."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: Annotated[str, Identity(identify)] = Field(description="A name on the hub or a local folder.")
    config: str | None = None
    split: str | None = None
    revision: str | None = Field(default=None, description="A commit; None reads the newest version.")

    @property
    def place(self) -> str:
        """Name the table in messages."""
        return " ".join(part for part in (self.dataset, self.config, self.split) if part)


class PassageTable(HubTable):
    """Passages; the default column names are BEIR's."""

    id: str = "_id"
    title: str = Field(default="title", description="May be absent from the dataset.")
    text: str = "text"


class QueryTable(HubTable):
    """Queries; the default column names are BEIR's."""

    id: str = "_id"
    text: str = "text"


class JudgementTable(HubTable):
    """Judgements; the default column names are BEIR's."""

    query_id: str = "query-id"
    passage_id: str = "corpus-id"
    grade: str = "score"


class PairTable(HubTable):
    """Questions with a passage that answers each; the default names are sentence-transformers'."""

    query: str = "query"
    answer: str = "answer"
    unmatched: Unmatched = Field(
        default="drop",
        description="An answer that is no passage: drop the pair, so that the collection that is searched "
        "stays the published one, or add the answer to the passages.",
    )


class HubConfig(SourceConfig):
    """A collection put together from datasets of the hub."""

    kind: Literal["hub"] = "hub"
    passages: PassageTable
    queries: QueryTable
    qrels: dict[Split, JudgementTable] = Field(default_factory=dict[Split, JudgementTable])
    pairs: PairTable | None = Field(default=None, description="Stands in for train judgements.")

    @model_validator(mode="after")
    def _one_train_split(self) -> Self:
        if self.pairs and "train" in self.qrels:
            msg = "found both pairs and qrels.train; expected one of them. Remove the other."
            raise ValueError(msg)
        return self

    def read(self) -> Collection:
        """Fetch the datasets, or find them in the hub's cache, and read them."""
        passage, query = self.passages, self.queries
        collection = Collection(
            passages=_read(passage, {"pid": passage.id, "title": passage.title, "text": passage.text}),
            queries=_read(query, {"qid": query.id, "text": query.text}),
            judgements={split: _read_judgements(table) for split, table in self.qrels.items()},
        )
        if self.pairs is None:
            return collection
        pairs = _read(self.pairs, {"query": self.pairs.query, "text": self.pairs.answer})
        return with_pairs(collection, pairs, self.pairs.unmatched)


def _read_judgements(table: JudgementTable) -> Sheet:
    return _read(table, {"qid": table.query_id, "pid": table.passage_id, "grade": table.grade})


def _read(source: HubTable, names: Mapping[str, str]) -> Sheet:
    import datasets

    if not sys.stderr.isatty():
        datasets.disable_progress_bars()
    try:
        loaded = datasets.load_dataset(
            source.dataset, source.config, split=source.split, revision=source.revision
        )
    except Exception as error:  # the library and the hub's client raise two dozen kinds
        said: Sequence[str] = str(error.__cause__ or error).strip().splitlines() or [type(error).__name__]
        raise CollectionError(
            source.place,
            found=f"nothing that can be read ({said[0]})",
            expected="a dataset of the hub with data files, or a local folder of one",
            advice="Check name, config, split and revision; without a network only what is cached is found.",
        ) from error
    rows = loaded if isinstance(loaded, datasets.Dataset) else _only_split(loaded, source)
    table = rows.with_format("arrow")[:]
    return adopt(table, {ours: (theirs,) for ours, theirs in names.items()}, source.place)


def _only_split(splits: "datasets.DatasetDict", source: HubTable) -> "datasets.Dataset":
    if len(splits) != 1:
        raise CollectionError(
            source.place,
            found=f"the splits {', '.join(map(str, splits))}",
            expected="one",
            advice="Name the split in the source.",
        )
    return next(iter(splits.values()))
