"""Whether every student understands its teacher's scores: asked before the first stage starts.

A dual encoder's scale is known once its model is on this machine. A plan fetches nothing and asks of what is
known; a run asks again after all models are fetched.
"""

from data.errors import ConfigError
from flows.config import PipelineConfig
from flows.config_names import Learner, learners
from models.contracts import check_targets
from models.scales import ScaleName
from models.teachers import AnyTeacherConfig
from models.teachers.dual_encoder import DualEncoderConfig
from models.teachers.ensemble import EnsembleConfig
from models.weights import locate


def scale_of(config: PipelineConfig, teacher: AnyTeacherConfig) -> ScaleName:
    """What a teacher's scores are measured in; an ensemble's depends on its members."""
    if isinstance(teacher, EnsembleConfig):
        return teacher.blend.scale(scales_of(config, teacher))
    return teacher.scale


def scales_of(config: PipelineConfig, ensemble: EnsembleConfig) -> list[ScaleName]:
    """The scales of an ensemble's members, in their order."""
    return [scale_of(config, member) for member in members_of(config, ensemble)]


def members_of(config: PipelineConfig, ensemble: EnsembleConfig) -> list[AnyTeacherConfig]:
    """The settings of an ensemble's members, in their order."""
    named = {teacher.name: teacher for teacher in config.teachers}
    return [named[name] for name in ensemble.members]


def is_pending(config: PipelineConfig, teacher: AnyTeacherConfig) -> bool:
    """Whether a scale cannot be told yet, because a model that decides it is not on this machine."""
    if isinstance(teacher, EnsembleConfig):
        # What does not depend on the members is known though they are not.
        depends = teacher.blend.scale(["unknown"]) == "unknown"
        return depends and any(is_pending(config, member) for member in members_of(config, teacher))
    return isinstance(teacher, DualEncoderConfig) and locate(teacher.encoder.model) is None


def check_scales(config: PipelineConfig) -> None:
    """Refuse a loss that would learn from scores it does not understand.

    What only a model tells that is not on this machine is passed over.

    Raises:
        ConfigError: a student's loss does not take its teacher's scale, or a mean has several scales.
    """
    for teacher in config.teachers:
        if isinstance(teacher, EnsembleConfig):
            _check_blend(config, teacher)
    for learner in learners(config):
        _check_losses(config, learner)


def _check_blend(config: PipelineConfig, ensemble: EnsembleConfig) -> None:
    known = (each for each in members_of(config, ensemble) if not is_pending(config, each))
    scales: list[ScaleName] = [scale_of(config, each) for each in known]
    if problem := ensemble.blend.problem(ensemble.members, scales or ["unknown"]):
        found, _, expected = problem.partition("; expected ")
        raise ConfigError(
            where=f"teachers.{ensemble.name}.blend",
            found=found.removeprefix("found "),
            expected=expected,
            advice='Choose blend.kind = "min_max_mean", "rrf" or "fitted".',
        )


def _check_losses(config: PipelineConfig, learner: Learner) -> None:
    teacher = config.teacher_of(learner.student)
    for loss, target in learner.student.takes:
        try:
            # What is taken of scores that nobody declared is taken of any: no model need be looked for.
            check_targets(loss, "unknown", target, learner.where)
        except ConfigError:
            if not is_pending(config, teacher):
                check_targets(loss, scale_of(config, teacher), target, learner.where)
