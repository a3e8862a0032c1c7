"""The whole run, as one checked object read from one TOML file.

Every stage owns its own section; this only lists them in the order of the pipeline and checks
what no section can see alone.
"""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Field, ValidationError, model_validator

from data.errors import ConfigError
from data.sources import SourceChoice
from flows.config_answers import answer_problems
from flows.config_names import name_problems
from flows.overrides import override_value
from flows.runners import RunnerConfig
from models.gate.limits import GateConfig
from models.identifiers import IdentifierConfig
from models.retrievers import RetrieverChoice
from models.settings import Settings
from models.students import AnyStudentConfig, StudentChoice
from models.subjects import RunSubject
from models.teachers import AnyTeacherConfig, TeacherChoice
from models.teachers.taught import TaughtConfig
from tasks.cluster_passages import ClusterConfig
from tasks.decide_negatives import DecideConfig
from tasks.embed_passages import EmbedConfig
from tasks.evaluate_student import EvaluateConfig
from tasks.generate_queries import GenerateConfig
from tasks.ingest import IngestConfig
from tasks.mine_candidates import MineConfig
from tasks.score_candidates import ScoreConfig
from tasks.write_report import ReportConfig

ROOT = Path(__file__).resolve().parent.parent
CONFIGS = ROOT / "configs"


class Base(NamedTuple):
    """A student that another one builds on, and the seed it was trained with."""

    student: AnyStudentConfig
    seed: int


class PipelineConfig(Settings):
    """One run."""

    source: SourceChoice
    ingest: IngestConfig = IngestConfig()
    generate: GenerateConfig = GenerateConfig()
    mine: MineConfig = MineConfig()
    teachers: tuple[TeacherChoice, ...] = Field(min_length=1)
    score: ScoreConfig = ScoreConfig()
    decide: DecideConfig = DecideConfig()
    gate: GateConfig = GateConfig()
    embed: EmbedConfig = EmbedConfig()
    cluster: ClusterConfig = ClusterConfig()
    identify: IdentifierConfig = IdentifierConfig()
    students: tuple[StudentChoice, ...] = ()
    seeds: tuple[int, ...] = Field(default=(0,), min_length=1)
    baselines: tuple[RetrieverChoice, ...] = ()
    runs: tuple[RunSubject, ...] = ()
    evaluate: EvaluateConfig = EvaluateConfig()
    report: ReportConfig = ReportConfig()
    runner: RunnerConfig = RunnerConfig()

    def teacher_of(self, student: AnyStudentConfig) -> AnyTeacherConfig:
        """The teacher a student learns from: the one it names, else the first."""
        named = {teacher.name: teacher for teacher in self.teachers}
        return named[student.teacher or self.teachers[0].name]

    @property
    def learners(self) -> tuple[AnyStudentConfig, ...]:
        """All who learn: the students, and the teachers that are taught by another."""
        taught = (teacher.student for teacher in self.teachers if isinstance(teacher, TaughtConfig))
        return (*self.students, *taught)

    def seeds_of(self, student: AnyStudentConfig) -> tuple[int, ...]:
        """The seeds a student is trained with: its own, else those of the run."""
        return self.seeds if student.seeds is None else student.seeds

    def base_of(self, student: AnyStudentConfig, seed: int) -> Base | None:
        """The student that ``student`` builds on, with the same seed where it is trained with it."""
        named = {each.name: each for each in self.students}
        if student.builds_on is None:
            return None
        base = named[student.builds_on]
        seeds = self.seeds_of(base)
        return Base(base, seed if seed in seeds or not seeds else seeds[0])

    @property
    def controls(self) -> tuple[tuple[str, str], ...]:
        """Students with a control of their own, and its name."""
        return tuple((student.name, student.control) for student in self.students if student.control)

    @property
    def teacher_groups(self) -> list[list[AnyTeacherConfig]]:
        """The teachers in their order; one that is taught by another begins a new group."""
        groups: list[list[AnyTeacherConfig]] = [[]]
        for teacher in self.teachers:
            if isinstance(teacher, TaughtConfig):
                groups.append([])
            groups[-1].append(teacher)
        return groups

    @model_validator(mode="after")
    def _check_names(self) -> "PipelineConfig":
        # Answers are looked for by names, so names come first.
        if problems := name_problems(self) or answer_problems(self):
            raise ValueError("\n".join(problems))
        return self


def config_path(name: str) -> Path:
    """Find the TOML file of a profile name (``sample``) or take a path to one.

    Raises:
        ConfigError: there is no such file.
    """
    path = Path(name) if name.endswith(".toml") else CONFIGS / f"{name}.toml"
    if not path.is_file():
        known = ", ".join(sorted(each.stem for each in CONFIGS.glob("*.toml")))
        raise ConfigError(
            where=f"configuration {name!r}",
            found="no such file",
            expected=f"one of {known}, or the path of a .toml file",
            advice="Copy configs/local.toml for a collection of your own.",
        )
    return path


def load(path: Path, overrides: Sequence[str] = (), students: Sequence[str] = ()) -> PipelineConfig:
    """Read and check a TOML file, with ``a.b=value`` overrides and, if given, only some students.

    Raises:
        ConfigError: naming every problem at once.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            where=str(path), found=f"no TOML: {error}", expected="valid TOML", advice="Mend the line named."
        ) from error
    for override in overrides:
        override_value(values, override)
    config = check(values, str(path))
    return _only(config, students) if students else config


def check(values: dict[str, Any], where: str) -> PipelineConfig:
    """Make a configuration of plain values.

    Raises:
        ConfigError: naming every problem at once.
    """
    try:
        return PipelineConfig.model_validate(values)
    except ValidationError as error:
        problems = [_problem(each, values) for each in error.errors(include_url=False)]
        raise ConfigError(
            where=where,
            found=f"{len(problems)} problem{'s' if len(problems) > 1 else ''}:\n  "
            + "\n  ".join(problems)
            + "\n",
            expected="what docs/configuration.md describes",
            advice="Nothing was run; mend them and start again.",
        ) from error


def _problem(error: Any, values: dict[str, Any]) -> str:  # noqa: ANN401
    place = ".".join(str(part) for part in error["loc"])
    message = re.sub(r"^Value error, ", "", error["msg"])
    given = error["input"]
    short = repr(given) if isinstance(given, str | int | float | bool) else ""
    return f"{place}: {message}" + (f" (found {short})" if short and values else "") if place else message


def _only(config: PipelineConfig, names: Sequence[str]) -> PipelineConfig:
    known = [student.name for student in config.students]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise ConfigError(
            where="--students",
            found=", ".join(unknown),
            expected=f"names among {', '.join(known) or 'none (no students are configured)'}",
            advice="Names stand in the [[students]] sections of the TOML file.",
        )
    named = {student.name: student for student in config.students}
    wanted = list(names)
    # What a student builds on comes with it.
    for name in wanted:
        base = named[name].builds_on
        wanted += [base] if base else []
    kept = tuple(student for student in config.students if student.name in wanted)
    update: dict[str, Any] = {"students": kept}
    if config.report.control in set(known) - set(wanted):
        # The control is left out too: the first system of the run takes its place, and the report names it.
        update["report"] = config.report.model_copy(update={"control": None})
    return config.model_copy(update=update)
