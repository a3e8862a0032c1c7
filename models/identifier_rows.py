"""What a model that writes identifiers learns from: rows of a text and of what its passage is called.

    "query || view || +"        an identifier of a passage that answers the query
    "question || view || p"     one of the passage that the question was made of

An n-gram of a body is drawn by the query's tokens that it has: with a chance of √Π N/n over these, each of
which is n of the N tokens of all bodies. Titles and pseudo-queries come in turn. All are taken from the
index, so that each can be written there.

Source: the code of MINDER, https://github.com/liyongqi67/MINDER. Differs: MINDER draws n-grams by a fuzzy
match of strings, and lower-cases a tenth of the passages' rows; a passage without questions has no rows.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from data.errors import ConfigError
from data.known_answers import known_answers
from data.ngrams.layout import IntArray
from models.encoders.seq2seq import Identifier
from models.generative_settings import RowSettings
from models.identifiers import VIEWS, Identifiers, View
from models.retrievers.identifier_keys import marked
from models.retrievers.passage_places import PassagePlaces
from models.student import Lesson

OF_QUERY, OF_PASSAGE = "+", "p"


@dataclass(frozen=True)
class Row:
    """What is read, and what is to be written."""

    text: str
    view: View
    target: Identifier


class RowMaker:
    """Draws rows.

    Args:
        identifiers: of the passages.
        seed: of what is drawn.
    """

    def __init__(self, identifiers: Identifiers, seed: int) -> None:
        self._tokens = identifiers.tokens
        self._places = {view: PassagePlaces(identifiers.views[view]) for view in VIEWS}
        self._draw = np.random.default_rng(seed)
        body = identifiers.views["body"]
        self._longest = body.longest
        tokens, counts = body.next_tokens(body.everything, 0)
        self._half_log_rarity = np.zeros(body.vocabulary)
        self._half_log_rarity[tokens] = np.log(body.size / np.asarray(counts)) / 2

    def rows(self, query: str, passage: int, wanted: Mapping[View, int], mark: str) -> Iterator[Row]:
        """Rows of a query and one passage, as many of a view as are wanted, if it has an identifier there.

        Args:
            query: or a question made of the passage.
            passage: its row in the index.
            wanted: rows of each view.
            mark: ``OF_QUERY`` or ``OF_PASSAGE``.
        """
        for view, number in wanted.items():
            found = self._places[view].sequences_of(passage) if number else []
            if found and view == "body":
                targets = self._ngrams(found[0], query, number)
            else:
                # The start is given to the writer.
                order = np.resize(self._draw.permutation(len(found)), number if found else 0)
                targets = [found[place][1:] for place in order]
            for target in targets:
                yield Row(marked(query, view, mark), view, tuple(target.tolist()))

    def _ngrams(self, body: IntArray, query: str, number: int) -> list[IntArray]:
        """Draw n-grams that have much of the query."""
        length = min(self._longest, len(body))
        (own,) = self._tokens.encode([query])
        rarity = np.where(np.isin(body, own), self._half_log_rarity[body], 0.0)
        overlaps = np.convolve(rarity, np.ones(length), mode="valid")
        chances = np.exp(overlaps - overlaps.max())
        starts = self._draw.choice(len(chances), size=number, p=chances / chances.sum())
        return [body[start : start + length] for start in starts]


def rows_to_learn(lesson: Lesson, identifiers: Identifiers, settings: RowSettings) -> tuple[list[Row], int]:
    """Rows of all judged train queries, and of a question of each passage; and the number of these queries.

    Raises:
        ConfigError: there is none.
    """
    train = lesson.queries.filter(pl.col("split") == "train").select("qid", "text", "origin", "source_pid")
    queries = train.collect().sort("qid")
    row_of = {pid: row for row, pid in enumerate(lesson.passages.select("pid").collect()["pid"])}
    pairs = known_answers(queries, lesson.qrels).join(queries, on="qid", how="left", maintain_order="left")
    maker = RowMaker(identifiers, lesson.seed)
    of_query: dict[View, int] = {"title": settings.title, "body": settings.body, "query": settings.query}
    of_passage: dict[View, int] = {
        "title": settings.passage_title,
        "body": settings.passage_body,
        "query": settings.passage_query,
    }
    rows: list[Row] = []
    for text, pid in pairs.filter(pl.col("origin") == "human").select("text", "pid").iter_rows():
        rows += maker.rows(text, row_of[pid], of_query, OF_QUERY)
    asked = pairs.filter(pl.col("origin") != "human").unique("pid", keep="first", maintain_order=True)
    for text, pid in asked.select("text", "pid").iter_rows():
        rows += maker.rows(text, row_of[pid], of_passage, OF_PASSAGE)
    if not rows:
        raise ConfigError(
            where="train_student",
            found=f"{queries.height} queries of the split train, and no identifier of an answer to learn",
            expected="at least one",
            advice="Judge some, let queries be generated, or raise the student's rows.",
        )
    return rows, pairs.filter(pl.col("origin") == "human")["qid"].n_unique()
