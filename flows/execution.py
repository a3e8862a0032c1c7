"""Run a configuration: look, tell bad input at once, then make what is missing."""

import logging
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from pydantic import BaseModel

from data.artifacts import ArtifactStore
from data.errors import GateFailed, InputError, StageFailed
from data.locks import held
from data.manifests import ArtifactRef
from data.schemas import GATE
from data.upkeep.addresses import in_use
from flows.config import PipelineConfig
from flows.distill_pipeline import STAGES, distill_pipeline
from flows.planning import Choice, refs_of
from flows.records import RecordRow, RunRecord, read_record, write_record
from flows.score_scales import check_scales
from models.gate.verdicts import verdict_message
from models.weights import fetch_all
from tasks.check_teacher import CheckTeacher
from tasks.ingest import Ingest, ingest
from tasks.stage import Input, Stage
from tasks.write_report import ProvenanceRow, Report, write_report

log = logging.getLogger("distill")
# Makes one artifact; Prefect's tasks have the same form.
Make = Callable[[Stage, BaseModel, dict[str, Input], str, bool], ArtifactRef]


@dataclass
class Execution:
    """Makes every stage through ``make`` and keeps the score."""

    store: ArtifactStore
    choice: Choice
    make: Make
    made: frozenset[str] = frozenset()  # keys that check_inputs made just now
    rows: list[RecordRow] = field(default_factory=list)
    provenance: list[ProvenanceRow] = field(default_factory=list)

    def __call__(self, stage: Stage, config: BaseModel, of: str = "", **inputs: Input) -> ArtifactRef:
        """Make the stage's artifact, or reuse it."""
        if isinstance(config, Report):
            config = config.model_copy(update={"provenance": tuple(self.provenance)})
        pending = ArtifactRef(stage=stage.name, of=of, key="", parts={})
        if any(not ref.key for ref in refs_of(inputs.values())):
            return pending  # only after the stage of --only
        key = stage.recipe(self.store, config, inputs).key
        there = self.store.whole(stage.name, key) is not None
        if not there and self.choice.leaves_out(stage, of):
            return pending
        started = time.perf_counter()
        force = self.choice.forces(stage) and key not in self.made
        try:
            ref = self.make(stage, config, dict(inputs), of, force)
        except InputError:
            raise
        except Exception as error:
            cause = (str(error).strip().splitlines() or [""])[0]
            msg = f"stage {f'{stage.name} {of}'.strip()} failed: {type(error).__name__}: {cause}"
            raise StageFailed(msg) from error
        ran = not there or self.choice.forces(stage) or key in self.made
        self._note(ref, "ran" if ran else "reused", time.perf_counter() - started)
        if isinstance(config, CheckTeacher):
            self._pass_gate(config, ref)
        return ref

    def _pass_gate(self, config: CheckTeacher, ref: ArtifactRef) -> None:
        """Go on only if the teacher is fit to teach.

        Raises:
            GateFailed: it fell short, and the configuration does not say to go on nevertheless.
        """
        if self.store.facts(ref)["passed"]:
            return
        found = verdict_message(self.store.read(GATE, ref).to_pylist())
        message = f"{found} The report: {self.store.path(ref, 'gate.html')}"
        if config.options.on_failure == "stop":
            raise GateFailed(message)
        log.warning(message)

    def _note(self, ref: ArtifactRef, status: Literal["ran", "reused"], seconds: float) -> None:
        self.rows.append(RecordRow(ref.stage, ref.of, ref.key))
        self.provenance.append(
            ProvenanceRow(stage=ref.stage, of=ref.of, status=status, key=ref.key, seconds=round(seconds, 2))
        )
        if status == "ran":
            log.info("%-17s %-24s %7.1f s", ref.stage, ref.of, seconds)


def make_directly(store: ArtifactStore) -> Make:
    """Make stages in this process, without Prefect."""

    def make(
        stage: Stage,
        config: BaseModel,
        inputs: dict[str, Input],
        of: str,
        force: bool,
    ) -> ArtifactRef:
        return stage.run(store, config, inputs, of=of, force=force)

    return make


def check_inputs(config: PipelineConfig, store: ArtifactStore, choice: Choice) -> frozenset[str]:
    """Read the collection and find the models before anything else starts.

    Gives the key of the collection if it had to be read now. Bad input leaves no trace.

    Raises:
        InputError: the collection breaks its format, or a model cannot be had.
    """
    new_root = not store.root.exists()
    slice_ = Ingest(source=config.source, options=config.ingest)
    try:
        key = ingest.recipe(store, slice_, {}).key
        needed = choice.forces(ingest) or store.whole(ingest.name, key) is None
        if needed and not choice.leaves_out(ingest, ""):
            ingest.run(store, slice_, {}, force=choice.forces(ingest))
        list(fetch_all(config))
        check_scales(config)
    except InputError:
        if new_root:
            shutil.rmtree(store.root, ignore_errors=True)
        raise
    return frozenset({key}) if needed else frozenset()


def execute(config: PipelineConfig, name: str, execution: Execution) -> None:
    """Walk the pipeline and keep the record, also of a run that fails half-way."""
    store = execution.store
    # Until the record names them, the artifacts of this run look as if nobody needed them.
    with held(in_use(store), shared=True):
        try:
            distill_pipeline(config, execution)
        finally:
            if execution.rows:
                write_record(store, name, _merged(read_record(store, name), execution.rows))
            store.digests.save()


def _merged(last: RunRecord, rows: list[RecordRow]) -> list[RecordRow]:
    """The record after a run: of a run that did not reach its report, the older rows stay."""
    names = [stage.name for stage in STAGES]
    if write_report.name in {row.stage for row in rows}:
        return rows
    done = {(row.stage, row.of) for row in rows}
    kept = [row for row in last.rows if (row.stage, row.of) not in done]
    return sorted([*rows, *kept], key=lambda row: names.index(row.stage))
