"""Put everything side by side: leaderboard, significance, pictures, and where each number comes from.

Three files say the same to three readers: ``report.html`` (self-contained, opens offline),
``report.md`` and ``leaderboard.md`` (for a terminal). Equal inputs give equal bytes.
"""

from collections.abc import Sequence
from functools import partial

import polars as pl
import pyarrow as pa
from pydantic import Field

from data.artifacts import ArtifactStore
from data.drafts import Draft
from data.manifests import ArtifactRef
from data.schemas import (
    ANSWERS,
    CLUSTER_HEALTH,
    COSTS,
    CURVE,
    DECISIONS,
    GATE,
    METRICS,
    PASSAGES,
    QRELS,
    QUERIES,
    SIGNIFICANCE,
)
from data.tables import from_rows
from models.metrics import MeasureName
from models.reporting import html, markdown
from models.reporting.contents import Contents, ProvenanceRow, distribution, panels
from models.reporting.decisions import audit
from models.reporting.leaderboard import System, leaderboard
from models.reporting.signals import seen
from models.settings import Name, Settings, runtime
from tasks.stage import stage

# Stages whose notes a reader wants, in the order of the pipeline.
HEADINGS = {
    "ingest": "Collection",
    "generate_queries": "Generated queries",
    "mine_candidates": "Mined candidates",
    "score_candidates": "Answer key of",
    "decide_negatives": "Decisions on negatives by",
    "blend_answers": "Answer key of the ensemble",
    "cluster_passages": "Clusters",
    "index_identifiers": "Identifiers",
}


class ReportConfig(Settings):
    """What the report puts first."""

    title: str = Field(default="Distillation report", min_length=1)
    measure: MeasureName = Field(default="nDCG@10", description="orders the leaderboard")
    control: Name | None = Field(
        default=None, description="the system that the others are tested against; none: the first of all"
    )


class Report(Settings):
    """What decides a report, and what to tell of the run that it closes."""

    options: ReportConfig
    controls: tuple[tuple[Name, Name], ...] = ()  # of students that have one of their own
    provenance: tuple[ProvenanceRow, ...] = runtime((), "what was reused and what ran")


@stage(
    reads={
        "trained": ("curve.parquet",),
        "teachers": ("curve.parquet",),
        "clusters": ("cluster_health.parquet",),
        # Only its notes are read.
        "identifiers": (),
        "gates": ("gate.parquet",),
        "evaluations": ("metrics.parquet", "costs.parquet"),
    }
)
def write_report(  # noqa: PLR0913  (a stage names its inputs)
    draft: Draft,
    store: ArtifactStore,
    config: Report,
    *,
    collection: ArtifactRef,
    generated: ArtifactRef | None,
    candidates: ArtifactRef,
    answers: tuple[ArtifactRef, ...],
    gates: tuple[ArtifactRef, ...],
    clusters: tuple[ArtifactRef, ...],
    trained: tuple[ArtifactRef, ...],
    evaluations: tuple[ArtifactRef, ...],
    decisions: tuple[ArtifactRef, ...] = (),
    teachers: tuple[ArtifactRef, ...] = (),
    identifiers: ArtifactRef | None = None,
) -> None:
    """Test, gather, write."""
    board = leaderboard(
        [judged(store, ref) for ref in evaluations],
        store.read(METRICS, *evaluations),
        pa.concat_tables([store.read(COSTS, *evaluations), train_costs(store, trained)]),
        config.options.measure,
        config.options.control,
        controls=dict(config.controls),
    )
    positives = relevant(store, collection, generated)
    texts = store.scan(QUERIES, *filter(None, (collection, generated))), store.scan(PASSAGES, collection)
    contents = Contents(
        title=config.options.title,
        board=board,
        distributions=[distribution(store.scan(ANSWERS, ref), positives, ref.of) for ref in answers],
        audits=[audit(store.scan(DECISIONS, ref), *texts, ref.of) for ref in decisions],
        panels=panels({_student_and_seed(ref.of): store.read(CURVE, ref) for ref in trained}),
        gate=store.read(GATE, *gates),
        health={ref.of: store.read(CLUSTER_HEALTH, ref) for ref in clusters},
        facts=noted(store, (collection, generated, candidates, *answers, *decisions, *clusters, identifiers)),
        signals=seen([*map(partial(told, store), teachers), *map(partial(told, store), trained)]),
        provenance=config.provenance,
    )
    draft.write(pa.concat_tables([board.significance, board.own]), SIGNIFICANCE)
    draft.note(control=board.control, measure=board.main, queries=board.queries)
    draft.file("leaderboard.md").write_text(markdown.leaderboard(board), encoding="utf-8")
    draft.file("report.md").write_text(markdown.report(contents), encoding="utf-8")
    draft.file("report.html").write_text(html.page(contents), encoding="utf-8")


def noted(store: ArtifactStore, refs: Sequence[ArtifactRef | None]) -> dict[str, dict[str, object]]:
    """What the stages noted beside their tables, by heading; a stage that noted nothing has none."""
    facts = {f"{HEADINGS[ref.stage]} {ref.of}".strip(): store.facts(ref) for ref in refs if ref}
    return {heading: found for heading, found in facts.items() if found}


def told(store: ArtifactStore, ref: ArtifactRef) -> tuple[str, dict[str, object]]:
    """Who was trained, with what was noted and where each curve ended."""
    ends = pl.DataFrame(store.read(CURVE, ref)).sort("step").group_by("measure").last()
    noted = dict(ends.select("measure", "value").iter_rows()) | store.facts(ref)
    return ref.of.rpartition("/")[0] or f"teacher:{ref.of.removeprefix('teacher:')}", noted


def judged(store: ArtifactStore, ref: ArtifactRef) -> System:
    """Who was judged, as its evaluation noted."""
    facts = store.facts(ref)
    told = (str(facts[each]) for each in ("system", "name", "role"))
    return System(*told, remark=str(facts.get("remark", "")))


def train_costs(store: ArtifactStore, trained: Sequence[ArtifactRef]) -> pa.Table:
    """How long each training took, by the name of its evaluation (table ``costs``)."""
    seconds = [(ref.of, "train_s", store.facts(ref).get("train_s")) for ref in trained]
    return from_rows([row for row in seconds if row[2] is not None], COSTS)


def relevant(store: ArtifactStore, collection: ArtifactRef, generated: ArtifactRef | None) -> pl.LazyFrame:
    """The positive pairs of the answer key: judged passages, and the sources of generated queries."""
    judged = store.scan(QRELS, collection).filter(pl.col("grade") > 0).select("qid", "pid")
    if generated is None:
        return judged
    sources = store.scan(QUERIES, generated).select("qid", pid="source_pid")
    return pl.concat([judged, sources])


def _student_and_seed(of: str) -> tuple[str, str]:
    student, _, seed = of.rpartition("/")
    return student, seed
