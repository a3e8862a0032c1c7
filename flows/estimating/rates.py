"""How fast this machine is, by what it did: FLOPs per second from the manifests of a run.

    rate of a sort of work = Σ amounts / Σ seconds     over the run's artifacts that tell their seconds

Amounts are those the formulas give for that run, so that a rate carries over to other models and lengths by
the FLOPs they take, and to other collections by their tokens. That is an EXTRAPOLATION. A wider model uses a
machine better than a narrow one, so that it errs to the slow side there.
"""

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, PositiveFloat, PositiveInt, ValidationError

from data.artifacts import ArtifactStore
from data.errors import ConfigError, InputError
from data.manifests import Manifest
from flows.config import config_path, load
from flows.estimating.collection_size import ingested
from flows.estimating.hardware import BM25_VISITS_PER_CORE_S, FLAT_FLOPS_PER_CORE_S
from flows.estimating.work import Sort, Work, works
from flows.records import manifests
from models.settings import Settings

# A key that was mostly looked up tells nothing of the model's speed.
FRESH = 0.9
# What stages note the seconds of; a decoder's steps they do not count.
MEASURED: tuple[Sort, ...] = ("reading", "training")


class Rates(Settings):
    """What one machine does in a second; None was not measured."""

    where: str = Field(description="On which machine, in which run.")
    cores: PositiveInt = 1
    reading: PositiveFloat | None = Field(default=None, description="FLOPs per second of models that read.")
    training: PositiveFloat | None = Field(default=None, description="FLOPs per second of trainings.")
    writing: PositiveFloat | None = Field(default=None, description="Steps per second of a decoder.")

    def seconds(self, sort: Sort, amount: float) -> float | None:
        """How long it takes here; None where no rate is known. Searches have cited rates of one core."""
        rate = {
            "reading": self.reading,
            "training": self.training,
            "writing": self.writing,
            "vectors": FLAT_FLOPS_PER_CORE_S * self.cores,
            "words": BM25_VISITS_PER_CORE_S,
        }[sort]
        return None if rate is None else amount / rate


UNKNOWN = Rates(where="nothing was measured: searches alone have a rate, that of one core")


def rates_of(store: ArtifactStore, asked: str | None, run: str, cores: int) -> Rates:
    """Rates of the run or the file that is asked for; else of this run, else of ``sample``, if there.

    Raises:
        ConfigError: what is asked for is not there, or is no file of rates.
    """
    if asked and asked.endswith(".toml"):
        return read_rates(Path(asked))
    if asked:
        manifests(store, asked)  # raises where nothing was run
        found = measured_rates(store, asked, cores)
        if found is None:
            raise ConfigError(
                where=f"--rates {asked}",
                found="no stage that tells its seconds, or no configuration of this name",
                expected="a run of configs/ that embedded passages or trained a student",
                advice="Name another run, or a TOML file of rates.",
            )
        return found
    for name in (run, "sample"):
        if found := measured_rates(store, name, cores):
            return found
    return UNKNOWN


def read_rates(path: Path) -> Rates:
    """Read a TOML file of rates.

    Raises:
        ConfigError: it is not there, or holds something else.
    """
    try:
        return Rates.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError, ValidationError) as error:
        raise ConfigError(
            where=f"--rates {path}",
            found=f"{type(error).__name__}: {str(error).splitlines()[0]}",
            expected=f"a TOML file with {', '.join(Rates.model_fields)}",
            advice="Copy docs/estimates.toml, or name a run of the store.",
        ) from error


def measured_rates(store: ArtifactStore, run: str, cores: int) -> Rates | None:
    """Rates from the manifests of the last run of this name; None where there is none to be had."""
    size = ingested(store, run)
    if size is None:
        return None
    try:
        config = load(config_path(run))
        computed = works(config, size)
    except InputError:  # a run whose configuration is gone, or whose models are
        return None
    done = {(row.stage, row.of): manifest for row, manifest in manifests(store, run)}
    reading, training = (_rate(computed, done, sort) for sort in MEASURED)
    ingest = next(manifest for (stage, _), manifest in done.items() if stage == "ingest")
    where = f"run {run}, {ingest.finished_at[:10]}, {cores} cores, torch {ingest.machine.get('torch', '?')}"
    return (
        Rates(where=where, cores=cores, reading=reading, training=training) if reading or training else None
    )


def _rate(computed: Sequence[Work], done: Mapping[tuple[str, str], Manifest], sort: Sort) -> float | None:
    amount = seconds = 0.0
    for work in computed:
        manifest = done.get((work.stage, work.of))
        taken = _seconds(manifest, work) if manifest and work.sort == sort else None
        if taken:
            amount, seconds = amount + work.amount, seconds + taken
    return amount / seconds if seconds else None


def _seconds(manifest: Manifest, work: Work) -> float | None:
    """Seconds that the model worked, as the stage noted them; None where it does not tell."""
    facts: dict[str, Any] = manifest.facts
    if work.stage == "embed_passages":
        return work.items / facts["passages_per_s"] if facts.get("passages_per_s") else None
    if work.stage == "score_candidates" and work.unit == "pair":
        fresh = facts.get("scored", 0) >= FRESH * facts.get("pairs", 0)
        # The plan's pairs are a bound; those that were scored decide.
        return work.items / facts["pairs_per_s"] if fresh and facts.get("pairs_per_s") else None
    if work.stage == "train_student" and facts.get("lists"):
        return facts["train_s"] * work.items / facts["lists"]
    return None
