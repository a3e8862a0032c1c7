"""Whether every student understands its teacher's scores: asked before the first stage starts.

A dual encoder's scale is known once its model is on this machine, so this is asked after all are fetched.
"""

from data.errors import ConfigError
from flows.config import PipelineConfig
from models.contracts import check_targets
from models.scales import ScaleName
from models.teachers import AnyTeacherConfig
from models.teachers.ensemble import EnsembleConfig


def scale_of(config: PipelineConfig, teacher: AnyTeacherConfig) -> ScaleName:
    """What a teacher's scores are measured in; an ensemble's depends on its members."""
    if isinstance(teacher, EnsembleConfig):
        return teacher.blend.scale(scales_of(config, teacher))
    return teacher.scale


def scales_of(config: PipelineConfig, ensemble: EnsembleConfig) -> list[ScaleName]:
    """The scales of an ensemble's members, in their order."""
    named = {teacher.name: teacher for teacher in config.teachers}
    return [scale_of(config, named[name]) for name in ensemble.members]


def check_scales(config: PipelineConfig) -> None:
    """Refuse a loss that would learn from scores it does not understand.

    Raises:
        ConfigError: a student's loss does not take its teacher's scale, or a mean has several scales.
    """
    for teacher in config.teachers:
        if isinstance(teacher, EnsembleConfig):
            problem = teacher.blend.problem(teacher.members, scales_of(config, teacher))
            if problem:
                found, _, expected = problem.partition("; expected ")
                raise ConfigError(
                    where=f"teachers.{teacher.name}.blend",
                    found=found.removeprefix("found "),
                    expected=expected,
                    advice='Choose blend.kind = "min_max_mean", "rrf" or "fitted".',
                )
    for student in config.students:
        scale = scale_of(config, config.teacher_of(student))
        check_targets(student.loss, scale, student.targets, f"students.{student.name}")
