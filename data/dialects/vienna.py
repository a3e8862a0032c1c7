r"""Margin-MSE triples as Hofstätter's group in Vienna publishes them.

    score of the positive \t score of the negative \t qid \t pid of the positive \t pid of the negative

for every positive of a query with every negative. Source: https://github.com/sebastian-hofstaetter/neural-ranking-kd
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from data.answer_key import AnswerKey
from data.answer_rows import Place, Row, frame_of, id_of, score_of
from data.dialect import TEACHER, UNSPLIT, Exported, Texts, refuse_ids
from data.text_lines import read_lines

FIELDS = ("score", "score_negative", "qid", "pid", "pid_negative")
# Readers strip lines, so an identifier may hold a space but not begin or end with one.
BROKEN = r"[\t\r\n]|^[\s\x1c-\x1f]|[\s\x1c-\x1f]$"


class Vienna:
    """One line for each positive with each negative."""

    name = "vienna"
    file = "triples.tsv"
    loses = (TEACHER, UNSPLIT)

    def write(self, key: AnswerKey, folder: Path) -> Exported:
        """Write the lines."""
        pairs = 0
        with (folder / self.file).open("wb") as file:
            for duels, held in key.duels():
                pairs += held
                for column in ("qid", "pid", "pid_negative"):
                    ids = duels[column].unique(maintain_order=True).alias(column.removesuffix("_negative"))
                    refuse_ids(ids, BROKEN, self.name, "no tabs, line breaks or white space at the ends")
                duels.select(FIELDS).write_csv(
                    file, separator="\t", include_header=False, quote_style="never"
                )
        return Exported(pairs)

    def read(self, path: Path, texts: Texts | None) -> pl.DataFrame:  # noqa: ARG002  (its ids are ids)
        """Read the lines."""
        return frame_of(_rows(path), path)


def _rows(path: Path) -> Iterator[Row]:
    for number, line in read_lines(path):
        place = Place(path, number)
        fields = line.split("\t")
        if len(fields) != len(FIELDS):
            expected = "two scores, qid, positive and negative, separated by tabs"
            raise place.bad(f"{line!r}"[:80], expected, "Check --format.")
        positive_score, negative_score, qid, positive, negative = fields
        for pid, score in ((positive, positive_score), (negative, negative_score)):
            yield Row(number, id_of(qid, place), id_of(pid, place), score_of(score, place))
