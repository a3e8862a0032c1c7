"""Check a teacher before a student learns from it: its answers against judgements, miners and itself.

The stage measures and writes; it does not stop. Whoever runs it does, by the facts ``passed`` and
``failed``, so that the table and the report (``gate.html``, ``gate.md``) are there to be read when the run
has ended.
"""

from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from data.artifacts import ArtifactStore
from data.drafts import Draft
from data.manifests import ArtifactRef
from data.schemas import ANSWERS, CANDIDATES, GATE, PASSAGES, QRELS, QUERIES
from models.gate.bias import length_correlation
from models.gate.consistency import agreement, drift, duplicate_drift
from models.gate.limits import GateConfig
from models.gate.probes import in_float32, newly_made, truncation, untrained
from models.gate.quality import quality
from models.gate.sample import asked, judged_dev, with_texts
from models.gate.spread import not_finite, spread, within_query_spread
from models.gate.verdicts import Finding, failed, judge
from models.reporting import gate_report
from models.settings import Settings
from models.teacher import TeacherConfig
from models.teachers import TeacherChoice
from models.texts import passage_texts
from tasks.stage import stage


class CheckTeacher(Settings):
    """What decides the verdicts on one teacher."""

    teacher: TeacherChoice
    options: GateConfig = GateConfig()


@stage(
    reads={
        "collection": ("passages.parquet", "queries.parquet", "qrels.parquet"),
        "generated": ("queries.parquet",),
        "candidates": ("candidates.parquet",),
        "answers": ("answers.parquet",),
        "others": ("answers.parquet",),
        "weights": ("model",),
    }
)
def check_teacher(  # noqa: PLR0913  (a stage names its inputs)
    draft: Draft,
    store: ArtifactStore,
    config: CheckTeacher,
    *,
    collection: ArtifactRef,
    generated: ArtifactRef | None,
    candidates: ArtifactRef,
    answers: ArtifactRef,
    others: tuple[ArtifactRef, ...],
    weights: ArtifactRef | None,
) -> None:
    """Write the table ``gate`` and its report; note whether the teacher passed, and what it failed."""
    options, chosen = config.options, config.teacher
    parts = (collection, generated) if generated else (collection,)
    queries, passages = store.scan(QUERIES, *parts).collect(), store.read(PASSAGES, collection)
    key = store.scan(ANSWERS, answers)
    judged = judged_dev(queries, store.scan(QRELS, collection), options)
    dev = judged["qid"].unique().sort().to_list()
    pairs = with_texts(asked(key, dev, options), queries, passages, chosen.template)
    looked_at = pairs["qid"].unique().to_list()
    mined = store.scan(CANDIDATES, candidates).filter(pl.col("qid").is_in(looked_at)).collect()
    folder = store.path(weights, "model") if weights else None
    from_itself, again = from_teacher(chosen, folder, pairs, passages, options)
    by_others = dict(answers_to(pairs, store.scan(ANSWERS, other)) for other in others)
    findings = {
        **from_answers(pairs, mined, judged),
        **from_itself,
        "agreement": agreement(finite(pairs), by_others, mined),
        "not_finite": not_finite(key, again.lazy()),
        "new_parameters": newly_made(chosen, folder),
    }
    rows = judge(chosen.name, findings, options)
    draft.write(rows, GATE)
    told = gate_report.gate_report(chosen.name, rows.to_pylist())
    draft.file("gate.md").write_text(gate_report.markdown(told), encoding="utf-8")
    draft.file("gate.html").write_text(gate_report.html(told), encoding="utf-8")
    short = failed(rows.to_pylist())
    draft.note(passed=not short, failed=short, dev_queries=len(dev), pairs=pairs.height)


def from_answers(pairs: pl.DataFrame, mined: pl.DataFrame, judged: pl.DataFrame) -> dict[str, Finding]:
    """What the answers alone tell.

    Args:
        pairs: qid, pid, score, query, passage; scores that are no numbers are passed over.
        mined: the candidates of at least the judged dev queries.
        judged: the judgements of those queries.
    """
    scored = finite(pairs)
    return {
        **quality(scored.select("qid", "pid", "score"), mined, judged),
        **spread(scored),
        "length_correlation": length_correlation(scored),
        "duplicate_drift": duplicate_drift(scored, within_query_spread(scored)),
    }


def from_teacher(
    chosen: TeacherConfig, folder: Path | None, pairs: pl.DataFrame, passages: pa.Table, options: GateConfig
) -> tuple[dict[str, Finding], pl.DataFrame]:
    """What the teacher tells when it is asked again; with its new scores (column ``score``).

    Some pairs are drawn in random order and handed over alone, so that they share batches with other texts
    than before; all passages are handed to a teacher whose scores depend on them.
    """
    if not chosen.can_be_probed:
        silent = Finding(None, "it has stored answers only")
        named = ("truncated", "order_drift", "precision_drift", "untrained_head")
        return dict.fromkeys(named, silent), pairs.select("score")
    unit = within_query_spread(finite(pairs))
    order = np.random.default_rng(options.seed).permutation(pairs.height)
    counted, drawn = (pairs[order[:count]] for count in (options.truncation_pairs, options.rescored_pairs))
    known = pl.DataFrame(passages)
    if chosen.is_stored:
        known = drawn.select("pid").unique(maintain_order=True).join(known, on="pid", maintain_order="left")
    texts = drawn["query"].to_list(), passage_texts(known.to_arrow(), chosen.template)
    rows = known.select("pid").with_row_index("row")
    passage_rows = drawn.join(rows, on="pid", maintain_order="left")["row"].to_numpy()
    asked_again = np.arange(drawn.height), passage_rows.astype(np.int64)
    teacher = chosen.load(folder, *texts)
    again = teacher.score(*asked_again)
    twin = in_float32(chosen)
    if not isinstance(twin, Finding):
        exact = twin.load(folder, *texts).score(*asked_again)
        twin = drift(again, exact, unit, "in float32")
    findings = {
        "truncated": truncation(teacher, counted["query"].to_list(), counted["passage"].to_list()),
        "order_drift": drift(drawn["score"].to_numpy(), again, unit, "in another order"),
        "precision_drift": twin,
        "untrained_head": untrained(teacher, drawn["query"].to_list(), drawn["passage"].to_list()),
    }
    return findings, pl.DataFrame({"score": again})


def answers_to(pairs: pl.DataFrame, answers: pl.LazyFrame) -> tuple[str, pl.DataFrame]:
    """Name of another teacher, and its finite answers to ``pairs``."""
    shared = answers.join(pairs.lazy().select("qid", "pid"), on=["qid", "pid"], how="semi").collect()
    return (str(shared["teacher"][0]) if shared.height else ""), finite(shared)


def finite(pairs: pl.DataFrame) -> pl.DataFrame:
    """The rows whose score is a number."""
    return pairs.filter(pl.col("score").is_finite())
