"""Judge one system on the judged queries of a split: a student, a baseline, a teacher, a run from elsewhere.

A student or baseline searches all passages; a teacher re-ranks the mined candidates, as it does in
the answer key. How much of its teacher a student retains is asked on the same passages: the nDCG@10 of
the student over that of the teacher re-ranking the student's own best.
"""

import logging
from typing import Any, Literal

import pyarrow as pa
from pydantic import Field, NonNegativeInt, PositiveInt

from data.artifacts import ArtifactStore
from data.drafts import Draft
from data.manifests import ArtifactRef
from data.schemas import COSTS, METRICS, PASSAGES, QRELS, QUERIES, RUN
from data.tables import from_rows
from data.trec import write_run
from models.exam import mark, set_exam
from models.exam_papers import Given, paper_of, retention
from models.known_pairs import Knowledge
from models.metrics import USUAL, MeasureName
from models.parts import FITTED, IDENTIFIERS, MODEL
from models.runs import best
from models.settings import Settings, runtime
from models.subjects import StudentSubject, Subject
from tasks.stage import stage

log = logging.getLogger("distill")


class EvaluateConfig(Settings):
    """How systems are judged."""

    split: Literal["train", "dev", "test"] = Field(default="test", description="whose judged queries are run")
    measures: tuple[MeasureName, ...] = Field(default=USUAL, min_length=1, description="names of ir_measures")
    depth: PositiveInt = Field(default=1000, description="passages kept for each query, 1000 as in TREC")
    retention_depth: NonNegativeInt = Field(
        default=50,
        description="best passages of a student that its teacher re-ranks for the retention; 0: none",
    )
    drop_self: bool = Field(
        default=False, description="leave out the passage whose pid is the qid (ArguAna, Quora)"
    )
    batch_queries: PositiveInt = runtime(256, "queries encoded and searched at a time")


def _asked_depth(fields: dict[str, Any]) -> int | None:
    return fields["subject"].asked_depth if "subject" in fields else None


def _system(fields: dict[str, Any]) -> str:
    return fields["subject"].system if "subject" in fields else ""


class Evaluation(Settings):
    """What decides an evaluation; the system's name is part of it because the tables spell it."""

    options: EvaluateConfig
    subject: Subject
    system: str = Field(default_factory=_system)
    asked_depth: PositiveInt | None = Field(default_factory=_asked_depth)


@stage(
    reads={
        "collection": ("passages.parquet", "queries.parquet", "qrels.parquet"),
        "candidates": ("candidates.parquet",),
        "embeddings": ("embeddings.parquet",),
        "identifiers": (IDENTIFIERS,),
        "weights": (MODEL,),
        "teacher_weights": (MODEL,),
        "fitted": (FITTED,),
    }
)
def evaluate_student(  # noqa: PLR0913  (a stage names its inputs)
    draft: Draft,
    store: ArtifactStore,
    config: Evaluation,
    *,
    collection: ArtifactRef,
    weights: ArtifactRef | None = None,
    candidates: ArtifactRef | None = None,
    embeddings: ArtifactRef | None = None,
    identifiers: ArtifactRef | None = None,
    teacher_weights: tuple[ArtifactRef, ...] = (),
    fitted: tuple[ArtifactRef, ...] = (),
) -> None:
    """Set the exam, let the subject answer, mark its paper.

    A teacher that knows none of the pairs that it would rank has no marks; the note ``remark`` says so.

    Args:
        draft: gets ``run``, ``metrics``, ``costs`` and the run as a TREC file.
        store: holds the inputs.
        config: options and subject.
        collection: passages, queries and judgements.
        weights: of a student.
        candidates: what a teacher re-ranks.
        embeddings: vectors of the passages, for a student that retrieves with them.
        identifiers: index of what passages may be called by, for a student that writes these.
        teacher_weights: of the teachers that are opened (``subject.opened``) and were trained here, in order.
        fitted: answers of the ensembles among them whose weights were fitted, in order.
    """
    options, subject = config.options, config.subject
    passages, queries, qrels = (store.read(each, collection) for each in (PASSAGES, QUERIES, QRELS))
    exam = set_exam(passages, queries, qrels, options.split)
    given = Given(
        store,
        depth=options.depth + options.drop_self,
        batch=options.batch_queries,
        weights=weights,
        candidates=candidates,
        embeddings=embeddings,
        identifiers=identifiers,
        teacher_weights=teacher_weights,
        fitted=fitted,
    )
    paper = paper_of(exam, subject, given)
    run = best(paper.run, options.depth, options.drop_self)
    marks = [METRICS.columns.empty_table()]
    if not paper.knows_nothing:
        marks.append(mark(exam, run, config.system, options.measures))
    if paper.knowledge:
        _tell(draft, paper.knowledge, paper.knowledge.remark(config.system))
    if isinstance(subject, StudentSubject) and subject.teacher and options.retention_depth:
        # A teacher whose answers are dear is asked no deeper here.
        depth = min(options.retention_depth, config.asked_depth or options.retention_depth)
        kept, knowledge = retention(exam, run, subject, given, depth)
        marks.append(kept)
        draft.note(retention_teacher=subject.teacher.name, retention_depth=depth)
        _tell(draft, knowledge, knowledge.refusal(config.system, subject.teacher.name))
    draft.write(run, RUN)
    draft.write(pa.concat_tables(marks), METRICS)
    draft.write(from_rows([(config.system, *cost) for cost in paper.costs.items()], COSTS), COSTS)
    write_run(run, config.system, draft.file("run.trec"))
    draft.note(system=config.system, name=subject.name, role=subject.kind, split=options.split)
    draft.note(queries=len(exam.qids), passages=len(exam.pids))


def _tell(draft: Draft, knowledge: Knowledge, remark: str) -> None:
    """Say what a teacher does not know, if anything: now, and in every report."""
    if remark:
        log.warning(remark)
        draft.note(remark=remark, unknown_pairs=knowledge.missing, of_pairs=knowledge.pairs)
