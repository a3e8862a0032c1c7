"""A teacher that scores no pair twice: it looks a pair up, and asks the model only about what is missing.

    score(q, p) = stored(hash(q), hash(p)); where nothing is stored, what the model says, which is then stored

The model is loaded when the first pair is missing. Several processes may ask at once: a pair that another is
scoring right now is waited for. What is stored is kept per teacher digest, which covers weights, tokenizer,
precision, lengths, template and the code that scores, so that a stored score is the score of now.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from data.digests import FileDigests, digest_of
from data.errors import SchemaError
from data.fingerprint import code_closure
from data.identity import canonical
from data.score_store.claims import Claims, wait_for
from data.score_store.pairs import PAIR, Hashes, pair_frame, text_hashes
from data.score_store.shards import ScoreShards
from models.retriever import Rows, Scores
from models.teacher import Teacher, TeacherConfig

# Pairs looked up and scored together: a shard. Memory is some 200 bytes a pair.
BLOCK = 32_768
DIGITS = 32  # of a teacher's digest


def teacher_digest(config: TeacherConfig, weights: str | None, digests: FileDigests) -> str:
    """What a teacher is: weights, tokenizer, precision, length, template, code; not what it is called.

    Args:
        config: its settings; models enter by the digest of their files.
        weights: digest of the folder that was trained here, if it was.
        digests: remembers the digests of files.
    """
    return digest_of(_description(config, weights, digests), DIGITS)


def _description(config: TeacherConfig, weights: str | None, digests: FileDigests) -> dict[str, object]:
    settings = {key: value for key, value in canonical(config, digests).items() if key != "name"}
    own = type(config).__module__
    code = code_closure(config.scored_by or [own])
    return {
        "settings": settings,
        "weights": weights,
        "code": digest_of({**code, own: code_closure([own]).get(own)}, DIGITS),
    }


def open_teacher(  # noqa: PLR0913, PLR0917
    root: Path,
    digests: FileDigests,
    config: TeacherConfig,
    weights: tuple[Path, str] | None,
    queries: Sequence[str],
    passages: Sequence[str],
) -> "StoredTeacher | Teacher":
    """Open a teacher with what is stored of it; without, if its scores are not worth storing.

    Args:
        root: of the artifacts; scores lie in ``scores/<teacher digest>``.
        digests: remembers the digests of files.
        config: the teacher.
        weights: folder and digest of what was trained here; None for a teacher that is given.
        queries: texts that ``query_rows`` will count.
        passages: texts that ``passage_rows`` will count, in the teacher's template.
    """
    folder = weights[0] if weights else None
    if not config.is_stored:
        return config.load(folder, queries, passages)
    description = _description(config, weights[1] if weights else None, digests)
    shards = ScoreShards(root / "scores" / digest_of(description, DIGITS), digests)
    return StoredTeacher(
        lambda: config.load(folder, queries, passages), shards, queries, passages, description
    )


class StoredTeacher:
    """A teacher and its stored scores. ``scored`` and ``reused`` count pairs of this object's life."""

    def __init__(
        self,
        load: Callable[[], Teacher],
        shards: ScoreShards,
        queries: Sequence[str],
        passages: Sequence[str],
        description: dict[str, object] | None = None,
    ) -> None:
        self.shards = shards
        self.queries = queries
        self.passages = passages
        self.description = description or {}
        self.scored = 0
        self.reused = 0
        self._load = load
        self._teacher: Teacher | None = None
        self._passage_hashes: Hashes | None = None

    @property
    def digest(self) -> str:
        """What the teacher is."""
        return self.shards.folder.name

    @property
    def pairs_per_s(self) -> float | None:
        """The model's rate over all that is stored; None if it was never asked."""
        return self.shards.manifest().pairs_per_s

    def facts(self) -> dict[str, str]:
        """How scores were computed."""
        return dict(self.shards.manifest().how)

    def work_as(self, facts: Mapping[str, str]) -> None:
        """Nothing: how scores are computed is stored with them."""

    def score(self, query_rows: Rows, passage_rows: Rows) -> Scores:
        """Raw logit of each pair (queries[query_rows[i]], passages[passage_rows[i]]), higher is better.

        Raises:
            SchemaError: the teacher gave a score that is no number; it is not stored.
        """
        scores = np.empty(len(query_rows), dtype=np.float32)
        for start in range(0, len(scores), BLOCK):
            some = slice(start, start + BLOCK)
            scores[some] = self._block(query_rows[some], passage_rows[some])
        return scores

    def missing(self, query_rows: Rows, passage_rows: Rows) -> int:
        """Count the distinct pairs that are not stored yet."""
        pairs = self._pairs(query_rows, passage_rows).unique(PAIR)
        return pairs.height - self.shards.look_up(pairs).height

    def _block(self, query_rows: Rows, passage_rows: Rows) -> Scores:
        pairs = self._pairs(query_rows, passage_rows)
        distinct = pairs.with_columns(
            query_row=pl.Series(query_rows, dtype=pl.Int64),
            passage_row=pl.Series(passage_rows, dtype=pl.Int64),
        ).unique(PAIR, keep="first", maintain_order=True)
        asked = distinct.height
        seen: list[str] = [shard.name for shard in self.shards.manifest().shards]
        found = [self.shards.look_up(distinct)]
        missing = distinct.join(found[0], on=PAIR, how="anti", maintain_order="left")
        self.reused += asked - missing.height
        while missing.height:
            rows, waiting = self._claim_and_score(missing, seen)
            found.append(rows)
            missing = missing.join(rows, on=PAIR, how="anti", maintain_order="left")
            for claim in waiting:
                wait_for(claim)
        scores = pl.concat(found)
        return pairs.join(scores, on=PAIR, how="left", maintain_order="left")["score"].to_numpy()

    def _claim_and_score(self, missing: pl.DataFrame, seen: Sequence[str]) -> tuple[pl.DataFrame, list[Path]]:
        """Score what nobody else is scoring; give what is known now, and the claims to wait for."""
        claims = Claims(self.shards.folder)
        with self.shards.locked():
            # What others stored since the first look.
            late = self.shards.look_up(missing, known=seen)
            missing = missing.join(late, on=PAIR, how="anti", maintain_order="left")
            others, waiting = claims.of_others()
            mine = missing.join(others, on=PAIR, how="anti", maintain_order="left")
            waiting = waiting if mine.height < missing.height else []
            claim = claims.make(mine) if mine.height else None
        self.reused += late.height
        if claim is None:
            return late, waiting
        try:
            rows = self._ask(mine)
        finally:
            claim.release()
        return pl.concat([late, rows]), waiting

    def _ask(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """Score pairs and store them."""
        if self._teacher is None:
            self._teacher = self._load()
            # What a teacher chooses by measuring is chosen once: a score does not depend on the run.
            self._teacher.work_as(self.shards.manifest().how)
        started = time.perf_counter()
        query_rows, passage_rows = pairs["query_row"].to_numpy(), pairs["passage_row"].to_numpy()
        scores = self._teacher.score(query_rows, passage_rows)
        seconds = time.perf_counter() - started
        wild = np.flatnonzero(~np.isfinite(scores))
        if wild.size:
            first = int(wild[0])
            msg = (
                f"found {scores[first]} for query {self.queries[query_rows[first]]!r} and passage "
                f"{self.passages[passage_rows[first]][:80]!r}, and {wild.size - 1} more scores that are no "
                'numbers; expected logits. Try precision = "float32".'
            )
            raise SchemaError(msg)
        rows = pairs.select(*PAIR, score=pl.Series(scores, dtype=pl.Float32))
        self.shards.add(self.shards.write(rows), self.description, self._teacher.facts(), seconds)
        self.scored += rows.height
        return rows

    def _pairs(self, query_rows: Rows, passage_rows: Rows) -> pl.DataFrame:
        if self._passage_hashes is None:
            self._passage_hashes = text_hashes(self.passages)
        rows, place = np.unique(query_rows, return_inverse=True)
        asked: list[int] = rows.tolist()
        query_hashes = text_hashes([self.queries[row] for row in asked])
        return pair_frame(query_hashes[place], self._passage_hashes[passage_rows])
