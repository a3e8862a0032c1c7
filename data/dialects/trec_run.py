"""A TREC run: a teacher's scores as the ranking that they make.

    qid Q0 pid rank score tag        fields separated by one space, rank from 1, ties broken by pid

Every reader of runs takes this: trec_eval, ir_measures, ir_datasets, BEIR, Anserini. Source:
https://github.com/usnistgov/trec_eval
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from data.answer_key import AnswerKey
from data.answer_rows import Place, Row, frame_of, id_of, score_of
from data.dialect import TEACHER, Exported, Texts, refuse_ids
from data.text_lines import read_lines

FIELDS = ("qid", "Q0", "pid", "rank", "score", "tag")
# What str.split takes for white space, and the byte-order mark, which readers drop.
BROKEN = r"[\s\x1c-\x1f\x{feff}]"


def write_scores(key: AnswerKey, path: Path, dialect: str) -> int:
    """Write the answers as a run; give their number.

    Raises:
        InputError: an identifier holds white space.
    """
    pairs = 0
    with path.open("wb") as file:
        for block in key.blocks():
            pairs += block.height
            for column in ("qid", "pid"):
                refuse_ids(block[column].unique(maintain_order=True), BROKEN, dialect, "no white space")
            ranked = block.sort("qid", "score", "pid", descending=[False, True, False]).select(
                "qid",
                "pid",
                "score",
                Q0=pl.lit("Q0"),
                rank=pl.int_range(1, pl.len() + 1).over("qid"),
                tag=pl.lit(key.teacher),
            )
            ranked.select(FIELDS).write_csv(file, separator=" ", include_header=False, quote_style="never")
    return pairs


def read_scores(path: Path) -> pl.DataFrame:
    """Read (line, qid, pid, score) of a run; ranks are checked, not used.

    Raises:
        InputError: a line has other fields, a score or a rank is no number, or scores rise with the rank.
    """
    ranks: list[int] = []
    frame = frame_of(_rows(path, ranks), path).with_columns(rank=pl.Series(ranks, dtype=pl.Int32))
    ordered = frame.sort("qid", "rank", "line")
    above = [pl.col(name).shift(1).over("qid") for name in ("rank", "score")]
    rising = ordered.filter((pl.col("rank") > above[0]) & (pl.col("score") > above[1])).head(1)
    if len(rising):
        row = rising.row(0, named=True)
        found = f"the score {row['score']:g} at rank {row['rank']}, above that of a better rank"
        advice = "Negate distances, or number the ranks by score."
        raise Place(path, row["line"]).bad(found, "scores that fall with the rank", advice)
    return frame.drop("rank")


class TrecRun:
    """One line an answer."""

    name = "trec"
    file = "answers.run"
    loses = (TEACHER,)

    def write(self, key: AnswerKey, folder: Path) -> Exported:
        """Write the run; its tag is the teacher's name."""
        return Exported(write_scores(key, folder / self.file, self.name))

    def read(self, path: Path, texts: Texts | None) -> pl.DataFrame:  # noqa: ARG002  (its ids are ids)
        """Read the run; its tag is passed over."""
        return read_scores(path)


def _rows(path: Path, ranks: list[int]) -> Iterator[Row]:
    for number, line in read_lines(path):
        place = Place(path, number)
        fields = line.split()
        if len(fields) != len(FIELDS):
            advice = "Write every field, without spaces."
            raise place.bad(repr(line[:80]), "qid Q0 pid rank score tag", advice)
        qid, _, pid, rank, score, _ = fields
        if not (rank.isdecimal() and len(rank) < 10):
            raise place.bad(f"the rank {rank!r}"[:80], "a whole number", "Count ranks from 1.")
        ranks.append(int(rank))
        yield Row(number, id_of(qid, place), id_of(pid, place), score_of(score, place))
