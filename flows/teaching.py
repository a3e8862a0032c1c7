"""Who learns from whom: teachers are trained, asked and checked, then students learn from their answers.

A teacher may be a student of an earlier one. Teachers come in groups: all of a group are checked before
anyone learns from one of them. A student may build on another, which is then trained first.
"""

from collections.abc import Sequence, Set
from typing import NamedTuple, Protocol

from pydantic import BaseModel

from data.manifests import ArtifactRef
from flows.config import PipelineConfig
from flows.config_answers import asked_of
from models.opened_teachers import asked_by
from models.student import Need
from models.students import AnyStudentConfig
from models.teachers import AnyTeacherConfig
from models.teachers.ensemble import EnsembleConfig
from models.teachers.taught import TaughtConfig
from tasks.blend_answers import BlendAnswers, blend_answers
from tasks.check_teacher import CheckTeacher, check_teacher
from tasks.cluster_passages import cluster_passages
from tasks.decide_negatives import Decide, decide_negatives
from tasks.embed_passages import EmbedByStudent, embed_passages
from tasks.score_candidates import Score, score_candidates
from tasks.stage import Input, Stage
from tasks.train_student import TrainStudent, train_student
from tasks.train_teacher import TrainTeacher, train_teacher

# A student that asks for these is given its teacher's settings and weights.
OPENED = frozenset({Need.TEACHER, Need.SCORER})
MATERIAL = frozenset({Need.EMBEDDINGS, Need.CLUSTERS})


class Runner(Protocol):
    """What is done with a stage: plan it or run it."""

    def __call__(self, stage: Stage, config: BaseModel, of: str = "", **inputs: Input) -> ArtifactRef:
        """Give the stage's artifact."""
        ...


class Material(NamedTuple):
    """What was made of the passages: vectors, and clusters of these."""

    embeddings: ArtifactRef
    clusters: ArtifactRef


class Teaching:
    """The teachers of one run, by name: weights, answers, verdicts, and decisions on negatives."""

    def __init__(  # noqa: PLR0913  (the tables that are taught from)
        self,
        config: PipelineConfig,
        run: Runner,
        *,
        collection: ArtifactRef,
        generated: ArtifactRef,
        candidates: ArtifactRef,
        material: Material,
        identifiers: ArtifactRef | None,
    ) -> None:
        self.config = config
        self.run = run
        self.tables = {"collection": collection, "generated": generated, "candidates": candidates}
        self.material = material
        self.identifiers = identifiers
        # What was made of each (stage, of): whoever builds on it gets the same.
        self.trained: dict[str, ArtifactRef] = {}
        self.embedded: dict[str, Material] = {}
        self.weights: dict[str, ArtifactRef | None] = {}
        self.answers: dict[str, ArtifactRef] = {}
        self.gates: dict[str, ArtifactRef] = {}
        self.decisions: dict[str, ArtifactRef] = {}

    def let_answer(self, group: Sequence[AnyTeacherConfig]) -> None:
        """Let the teachers of a group answer; then check each, and decide which passages are no negatives."""
        for teacher in group:
            self.answers[teacher.name] = self._ask(teacher)
        for teacher in group:
            self.gates[teacher.name] = self._check(teacher)
        for teacher in group:
            decide = Decide(options=self.config.decide, asked=asked_of(self.config, teacher))
            self.decisions[teacher.name] = self.run(
                decide_negatives, decide, teacher.name, **self.tables, answers=self.answers[teacher.name]
            )

    def train(self, student: AnyStudentConfig, seed: int, of: str = "") -> ArtifactRef:
        """Let a student learn from its teacher, after the student that it builds on; each learns once."""
        of = of or f"{student.name}/{seed}"
        if of not in self.trained:
            self.trained[of] = self._train(student, seed, of)
        return self.trained[of]

    def material_of(self, student: AnyStudentConfig, seed: int) -> Material:
        """Vectors and clusters for a student: made by the one that it builds on, if it does."""
        base = self.config.base_of(student, seed)
        if base is None or not MATERIAL & (student.needs | student.finds_with):
            return self.material
        of = f"{base.student.name}/{base.seed}"
        if of not in self.embedded:
            embed = EmbedByStudent(student=base.student)
            given = {"collection": self.tables["collection"], "weights": self.train(*base)}
            embeddings = self.run(embed_passages, embed, of, **given)
            clusters = self.run(cluster_passages, self.config.cluster, of, embeddings=embeddings)
            self.embedded[of] = Material(embeddings, clusters)
        return self.embedded[of]

    def _train(self, student: AnyStudentConfig, seed: int, of: str) -> ArtifactRef:
        teacher = self.config.teacher_of(student)
        base, material = self.config.base_of(student, seed), self.material_of(student, seed)
        members = self.asked_by(teacher)
        opened = (*members, teacher) if OPENED & student.needs else ()

        def needed(needs: Set[Need], artifact: ArtifactRef | None) -> ArtifactRef | None:
            return artifact if needs & student.needs else None

        return self.run(
            train_student,
            TrainStudent(
                student=student,
                seed=seed,
                teacher=teacher if opened else None,
                members=members if opened else (),
                base=base.student if base else None,
            ),
            of,
            **self.tables,
            answers=needed({Need.ANSWERS}, self.answers[teacher.name]),
            embeddings=needed({Need.EMBEDDINGS}, material.embeddings),
            clusters=needed({Need.CLUSTERS}, material.clusters),
            identifiers=self.identifiers_of(student.needs, opened),
            base=self.train(*base) if base else None,
            # Copies of an answer are no negatives anyway: without rules a control owes no teacher anything.
            decisions=self.decisions[teacher.name] if self.config.decide.rules else None,
            **self.opening(opened),
            reference=self.answers.get(student.reference) if student.reference else None,
        )

    def asked_by(self, teacher: AnyTeacherConfig) -> tuple[AnyTeacherConfig, ...]:
        """The teachers that an ensemble asks, each after those that it asks itself; none for all others."""
        return asked_by(teacher, {each.name: each for each in self.config.teachers})

    def identifiers_of(self, needs: Set[Need], opened: Sequence[AnyTeacherConfig]) -> ArtifactRef | None:
        """The index, where a student or one of the teachers that are opened asks for it."""
        asks = Need.IDENTIFIERS in needs or any(teacher.needs_identifiers for teacher in opened)
        return self.identifiers if asks else None

    def opening(self, teachers: Sequence[AnyTeacherConfig]) -> dict[str, tuple[ArtifactRef, ...]]:
        """What is passed to a stage that opens teachers: what was trained and what was fitted of them.

        Args:
            teachers: those that are opened together, in the order in which the stage is told of them.
        """
        return {
            "teacher_weights": tuple(ref for each in teachers if (ref := self.weights[each.name])),
            "fitted": tuple(self.answers[each.name] for each in teachers if each.is_fitted),
        }

    def _ask(self, teacher: AnyTeacherConfig) -> ArtifactRef:
        name = teacher.name
        self.weights[name] = None
        if isinstance(teacher, EnsembleConfig):
            return self.run(
                blend_answers,
                BlendAnswers(ensemble=teacher),
                name,
                collection=self.tables["collection"],
                answers=tuple(self.answers[member] for member in teacher.members),
            )
        if teacher.is_trained:
            self.weights[name] = self._trained(teacher)
        score = Score(teacher=teacher, options=self.config.score)
        return self.run(
            score_candidates,
            score,
            name,
            **self.tables,
            weights=self.weights[name],
            identifiers=self.identifiers if teacher.needs_identifiers else None,
        )

    def _trained(self, teacher: AnyTeacherConfig) -> ArtifactRef:
        if isinstance(teacher, TaughtConfig):
            return self.train(teacher.student, teacher.seed, f"teacher:{teacher.name}")
        return self.run(
            train_teacher,
            TrainTeacher(teacher=teacher),
            teacher.name,
            collection=self.tables["collection"],
            candidates=self.tables["candidates"],
        )

    def _check(self, teacher: AnyTeacherConfig) -> ArtifactRef:
        # A teacher that no one learns from is there to be compared with: it may fall short.
        learned_from = {self.config.teacher_of(each).name for each in self.config.learners}
        usual = self.config.gate.on_failure if teacher.name in learned_from else "warn"
        update = {"on_failure": teacher.on_gate_failure or usual}
        return self.run(
            check_teacher,
            CheckTeacher(teacher=teacher, options=self.config.gate.model_copy(update=update)),
            teacher.name,
            **self.tables,
            answers=self.answers[teacher.name],
            others=tuple(ref for name, ref in self.answers.items() if name != teacher.name),
            weights=self.weights[teacher.name],
        )
