"""Ask a teacher about pairs by name, and never about one that its answers hold already.

    scores(q, p) = the answer key's, where it has the pair; else the teacher is asked

A teacher that asks others scores a pair by how its query's other pairs score: it is asked about all of a
query at once, and what the key had of that query is replaced.
"""

from dataclasses import dataclass

import polars as pl

from models.student import Scorer
from models.teacher import TeacherConfig

PAIR = ["qid", "pid"]


@dataclass(frozen=True)
class Told:
    """The answers (qid, pid, score) as they are by now, and how many pairs they did not hold before."""

    answers: pl.LazyFrame
    asked: int


def ask(pairs: pl.DataFrame, answers: pl.LazyFrame, scorer: Scorer, teacher: TeacherConfig | None) -> Told:
    """Add to ``answers`` what the teacher says of those pairs that they lack.

    Args:
        pairs: (qid, pid), each once.
        answers: (qid, pid, score) of the teacher.
        scorer: the teacher, opened.
        teacher: its settings, where they are known: they say whether it asks others.
    """
    known = answers.select(*PAIR, "score")
    new = pairs.lazy().select(PAIR).join(known, on=PAIR, how="anti").collect()
    if new.is_empty():
        return Told(known, 0)
    asked = new
    if teacher is not None and teacher.asks:
        others = known.join(new.lazy(), on="qid", how="semi").select(PAIR)
        asked = pl.concat([others, new.lazy()]).collect()
    told = asked.with_columns(scorer(asked).alias("score"))
    kept = known.join(asked.lazy(), on=PAIR, how="anti")
    return Told(pl.concat([kept, told.lazy()]).collect().lazy(), new.height)
