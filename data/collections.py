"""A collection as it was found: passages, queries and judgements, each row with its place.

A source reads; it does not judge. What it read are sheets: tables under our column names that still
know the file and line of every row, so that whatever is wrong with a row can be said with its place.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from data.splits import Split


@dataclass(frozen=True)
class Sheet:
    """Rows of one file. ``names`` are the file's own words for our columns."""

    table: pa.Table
    place: str
    names: Mapping[str, str]
    # The line of each row; None where the file has rows instead of lines.
    lines: npt.NDArray[np.int64] | None = None

    def where(self, row: int) -> str:
        """Name the place of a row, counted from 0, as a person would look for it.

        >>> Sheet(pa.table({}), "qrels/test.tsv", {}, np.array([2, 5])).where(1)
        'qrels/test.tsv, line 5'
        """
        if self.lines is None:
            return f"{self.place}, row {row + 1}"
        return f"{self.place}, line {self.lines[row]}"


@dataclass(frozen=True)
class Collection:
    """What a source gives: pid, title, text · qid, text · qid, pid, grade of each split that there is."""

    passages: Sheet
    queries: Sheet
    judgements: Mapping[Split, Sheet]
    facts: Mapping[str, int] = field(default_factory=dict[str, int])


class SourceConfig(BaseModel):
    """The base of every source; each adds its ``kind``, which chooses it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @abstractmethod
    def read(self) -> Collection:
        """Read the whole collection.

        Raises:
            CollectionError: a file or column is missing, or a value cannot be read.
        """
