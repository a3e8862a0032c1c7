"""What a retriever is: texts in, the rows of the best passages out."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from models.settings import Name, Settings

Rows = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Hits:
    """The best passages of each query: rows of the passages table and scores, best first.

    Both arrays are [query, depth]. A query with fewer hits is filled with row -1 and score -inf.
    Equal scores are ordered by row; passages are stored in the order of their pid, so that is by pid.
    """

    rows: Rows
    scores: Scores


@runtime_checkable
class Retriever(Protocol):
    """An index over all passages of a collection.

    Encoding and searching are two steps because their costs are reported apart.
    """

    @property
    def index_bytes(self) -> int:
        """Size of what must be kept in memory to search, without the model."""
        ...

    @property
    def parameters(self) -> int:
        """Number of weights of the query encoder; 0 where there is none."""
        ...

    def encode(self, queries: Sequence[str]) -> Any:  # noqa: ANN401  (whatever search takes)
        """Turn query texts into what ``search`` takes: vectors, tokens, sparse rows."""
        ...

    def search(self, encoded: Any, depth: int) -> Hits:  # noqa: ANN401
        """Give the ``depth`` best passages of each encoded query."""
        ...


@runtime_checkable
class Counted(Protocol):
    """A retriever that has more to tell of its costs: terms of a passage, products of a pair."""

    def costs(self) -> dict[str, float]:
        """Give further costs by name, which carries the unit where there is one."""
        ...


class RetrieverConfig(Settings):
    """Settings every retriever shares; its ``name`` is the miner of candidates and a system of metrics."""

    name: Name
    template: str = "{title} {text}"

    @abstractmethod
    def build(self, passages: Sequence[str]) -> Retriever:
        """Index the passages' texts, given in the order of their rows."""


def top_hits(scores: Scores, rows: Rows, depth: int) -> Hits:
    """Order hits by falling score, equal scores by row, and keep ``depth`` of each query.

    ``scores`` and ``rows`` are [query, candidate]; row -1 marks an empty place. Fetch some candidates
    more than ``depth``, so that a tie at the cut is broken by row and not by the library.

    >>> top_hits(np.float32([[1, 2, 2]]), np.array([[7, 9, 4]]), 2).rows.tolist()
    [[4, 9]]
    """
    scores = np.where(rows < 0, -np.inf, scores).astype(np.float32)
    order = np.lexsort((np.where(rows < 0, np.iinfo(np.int64).max, rows), -scores))[:, :depth]
    return Hits(np.take_along_axis(rows, order, 1), np.take_along_axis(scores, order, 1))
