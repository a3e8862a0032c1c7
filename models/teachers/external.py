"""A teacher that is a file: scores of pairs, made elsewhere.

The file is a TREC run (plain or gzip; its ranks are checked and not used), or a Parquet table with the
columns qid, pid and score, under any name that ends in ``.parquet``. It speaks in names and needs no text,
so it is opened with the names (``by_name``) where other teachers are loaded with the texts. Rows for queries
or passages that the collection does not have are passed over: a file may be made for more. Its scale is
declared, for nothing in a file tells a logit from a cosine.

What to do with pairs that the file lacks is a choice. ``error`` is the default: a score that nobody gave is
not invented. ``lowest`` reads the file as a run: what a system did not retrieve, it put below all that it
did, so such a pair gets the next float32 below the lowest score of its query. That keeps the order of a run
and moves a mean or a margin least, but the true score may lie far lower: prefer a file that has all pairs.
A query without any row cannot be completed in either way.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
import polars as pl
from pydantic import Field, model_validator

from data.errors import CollectionError, ConfigError
from data.identity import Identity, file_identity
from data.trec import read_run
from models.retriever import Rows, Scores
from models.scales import ScaleName
from models.teacher import TeacherConfig

COLUMNS = ("qid", "pid", "score")
FILE = partial(
    file_identity,
    where="teachers.path",
    expected="a TREC run, or a Parquet file with the columns qid, pid and score",
)


class ExternalConfig(TeacherConfig):
    """A file of scores, and what they are measured in."""

    kind: Literal["external"] = "external"
    path: Annotated[Path, Identity(FILE)] = Field(description="A TREC run, or Parquet: qid, pid, score.")
    measured_in: ScaleName = Field(description="What the file's scores are measured in.")
    missing: Literal["error", "lowest"] = Field(
        default="error", description="What a pair gets that is not in the file: none, or the query's lowest."
    )

    @model_validator(mode="after")
    def _check_template(self) -> "ExternalConfig":
        if self.template != TeacherConfig.model_fields["template"].default:
            msg = (
                f"template: found {self.template!r}; expected none, for a file of scores reads no text. "
                "Apply it where the scores are made"
            )
            raise ValueError(msg)
        return self

    @property
    def scale(self) -> ScaleName:
        """As declared."""
        return self.measured_in

    @property
    def is_stored(self) -> bool:
        """No: it is a store already, and one that goes by names."""
        return False

    @property
    def can_be_probed(self) -> bool:
        """No: it knows the pairs of its file."""
        return False

    def by_name(self, qids: Sequence[str], pids: Sequence[str], *, strict: bool = True) -> "ExternalTeacher":
        """Open the file for queries and passages of these names.

        Args:
            qids: of the queries that ``query_rows`` will count.
            pids: of the passages that ``passage_rows`` will count.
            strict: refuse names of which the file has no pair at all.

        Raises:
            CollectionError: the file is not what its name promises, or gives a pair twice.
            ConfigError: it has no score of any pair of these, and ``strict``.
        """
        rows = pl.DataFrame({"qid": qids}, schema={"qid": pl.String}).with_row_index("query_row")
        passages = pl.DataFrame({"pid": pids}, schema={"pid": pl.String}).with_row_index("passage_row")
        scores = read_scores(self.path)
        known = scores.join(rows.lazy(), on="qid").join(passages.lazy(), on="pid")
        table = known.select("query_row", "passage_row", "score").sort("query_row", "passage_row").collect()
        if strict and table.is_empty():
            first = [str(pair) for pair in scores.select("qid", "pid").head(1).collect().rows()]
            expected = ", ".join(str(names[0]) if names else "none" for names in (qids, pids))
            raise ConfigError(
                where=str(self.path),
                found=f"no pair of this collection; its first is {' '.join(first) or 'missing'}",
                expected=f"names such as ({expected})",
                advice="Compare the identifiers in the file with those of the tables passages and queries.",
            )
        again = table.filter(pl.struct("query_row", "passage_row").is_duplicated()).rows()
        if again:
            raise CollectionError(
                str(self.path),
                found=f"several scores of the pair ({qids[again[0][0]]}, {pids[again[0][1]]})",
                expected="one score for each pair",
                advice="Keep one of them; write each teacher to a file of its own.",
            )
        return ExternalTeacher(self, table, qids, pids)


class ExternalTeacher:
    """The scores of a file, by the rows of the queries and passages that it was opened for."""

    def __init__(
        self, config: ExternalConfig, table: pl.DataFrame, qids: Sequence[str], pids: Sequence[str]
    ) -> None:
        self.config = config
        self.qids = qids
        self.pids = pids
        self._invented = 0
        self._pairs = self._number(*(table[name].to_numpy() for name in ("query_row", "passage_row")))
        self._scores = table["score"].to_numpy()
        lowest = table.group_by("query_row").agg(pl.col("score").min())
        self._lowest = np.full(len(qids), np.nan, dtype=np.float32)
        self._lowest[lowest["query_row"].to_numpy()] = lowest["score"].to_numpy()

    def _number(self, query_rows: npt.NDArray[np.integer], passage_rows: npt.NDArray[np.integer]) -> Rows:
        """One number a pair, in the order of the pairs: twelve bytes hold a pair and its score."""
        return query_rows.astype(np.int64) * len(self.pids) + passage_rows.astype(np.int64)

    def score(self, query_rows: Rows, passage_rows: Rows) -> Scores:
        """Score of each pair as it stands in the file.

        Raises:
            ConfigError: it lacks pairs, and ``missing`` is ``error`` or it has nothing of their query.
        """
        place, known = self._find(query_rows, passage_rows)
        missing = ~known
        below = np.nextafter(self._lowest[query_rows], np.float32(-np.inf))
        hopeless = missing if self.config.missing == "error" else missing & np.isnan(below)
        if hopeless.any():
            self._refuse(query_rows, passage_rows, hopeless)
        self._invented += int(missing.sum())
        return np.where(missing, below, self._scores[place]).astype(np.float32)

    def knows(self, query_rows: Rows, passage_rows: Rows) -> npt.NDArray[np.bool_]:
        """Which pairs stand in the file; what ``missing`` gives the others is no knowledge."""
        return self._find(query_rows, passage_rows)[1]

    def seconds(self, pairs: int) -> None:
        """Nobody knows: the scores were made elsewhere."""
        del pairs

    def _find(self, query_rows: Rows, passage_rows: Rows) -> tuple[Rows, npt.NDArray[np.bool_]]:
        """Where each pair stands among those of the file, and whether it is there at all."""
        wanted = self._number(query_rows, passage_rows)
        if not len(self._pairs):
            return np.zeros_like(wanted), np.zeros(len(wanted), dtype=np.bool_)
        place = np.minimum(np.searchsorted(self._pairs, wanted), len(self._pairs) - 1)
        return place, self._pairs[place] == wanted

    def _refuse(self, query_rows: Rows, passage_rows: Rows, hopeless: npt.NDArray[np.bool_]) -> None:
        first = int(np.flatnonzero(hopeless)[0])
        pair = f"({self.qids[int(query_rows[first])]}, {self.pids[int(passage_rows[first])]})"
        lenient = self.config.missing == "lowest"
        raise ConfigError(
            where=f"teachers.{self.config.name}, {self.config.path}",
            found=f"no score of {int(hopeless.sum())} of {hopeless.size} pairs, such as {pair}"
            + (", whose queries have no row at all" if lenient else ""),
            expected="every pair that is asked for" + (", or another of its query" if lenient else ""),
            advice="Score these pairs too: candidates and known answers of the splits train and dev"
            + ("." if lenient else ', or set missing = "lowest" to rank them below what the file has.'),
        )

    def facts(self) -> dict[str, str]:
        """How many pairs the file has for this collection, and how many it lacked of those asked for."""
        return {"pairs_in_file": str(len(self._pairs)), "pairs_set_to_lowest": str(self._invented)}

    def work_as(self, facts: Mapping[str, str]) -> None:
        """Nothing was chosen by measuring."""


def read_scores(path: Path) -> pl.LazyFrame:
    """Open a file of scores: qid, pid and score (float32).

    Raises:
        CollectionError: a column is missing or of another type, or a score is not a finite number.
    """
    if path.suffix != ".parquet":
        return pl.DataFrame(read_run(path)).lazy().select(COLUMNS)
    types = dict(pl.read_parquet_schema(path))
    texts = all(types.get(name) == pl.String for name in ("qid", "pid"))
    if not texts or not types.get("score", pl.Null()).is_float():
        raise CollectionError(
            str(path),
            found=", ".join(f"{name}: {dtype}" for name, dtype in types.items()),
            expected="qid: String, pid: String, score: Float32 or Float64",
            advice="Rename or cast the columns; identifiers are text even where they look like numbers.",
        )
    rows = pl.scan_parquet(path).select("qid", "pid", pl.col("score").cast(pl.Float32))
    wild = rows.filter(~pl.col("score").is_finite().fill_null(value=False)).head(1).collect().rows()
    if wild:
        raise CollectionError(
            str(path),
            found=f"the score {wild[0][2]} for the pair ({wild[0][0]}, {wild[0][1]})",
            expected="finite numbers",
            advice="Score the pair again or leave it out.",
        )
    return rows
