"""The main path, top to bottom. Start reading here.

``run`` decides what happens to a stage: a plan only looks its artifact up, an execution makes
what is missing. Order is the same for both, because it is written once, here.
"""

from typing import Protocol

from pydantic import BaseModel

from data.manifests import ArtifactRef
from flows.config import PipelineConfig
from models.student import Need
from models.students import AnyStudentConfig
from models.teachers.ensemble import EnsembleConfig
from tasks.blend_answers import BlendAnswers, blend_answers
from tasks.check_teacher import CheckTeacher, check_teacher
from tasks.cluster_passages import cluster_passages
from tasks.decide_negatives import decide_negatives
from tasks.embed_passages import embed_passages
from tasks.evaluate_student import (
    BaselineSubject,
    Evaluation,
    StudentSubject,
    Subject,
    TeacherSubject,
    evaluate_student,
)
from tasks.generate_queries import generate_queries
from tasks.ingest import Ingest, ingest
from tasks.mine_candidates import mine_candidates
from tasks.score_candidates import Score, score_candidates
from tasks.stage import Input, Stage
from tasks.train_student import TrainStudent, train_student
from tasks.train_teacher import TrainTeacher, train_teacher
from tasks.write_report import Report, write_report

STAGES: tuple[Stage, ...] = (
    ingest,
    generate_queries,
    mine_candidates,
    train_teacher,
    score_candidates,
    blend_answers,
    check_teacher,
    decide_negatives,
    embed_passages,
    cluster_passages,
    train_student,
    evaluate_student,
    write_report,
)


class Runner(Protocol):
    """What is done with a stage: plan it or run it."""

    def __call__(self, stage: Stage, config: BaseModel, of: str = "", **inputs: Input) -> ArtifactRef:
        """Give the stage's artifact."""
        ...


def distill_pipeline(config: PipelineConfig, run: Runner) -> ArtifactRef:
    """From a collection to a leaderboard."""
    collection = run(ingest, Ingest(source=config.source, options=config.ingest))
    generated = run(generate_queries, config.generate, collection=collection)
    candidates = run(mine_candidates, config.mine, collection=collection, generated=generated)
    lenient = config.gate.model_copy(update={"on_failure": "warn"})
    weights: dict[str, ArtifactRef | None] = {}
    answers: dict[str, ArtifactRef] = {}
    for teacher in config.teachers:
        if isinstance(teacher, EnsembleConfig):
            weights[teacher.name] = None
            members = tuple(answers[name] for name in teacher.members)
            answers[teacher.name] = run(
                blend_answers,
                BlendAnswers(ensemble=teacher),
                teacher.name,
                collection=collection,
                answers=members,
            )
            continue
        weights[teacher.name] = (
            run(
                train_teacher,
                TrainTeacher(teacher=teacher),
                teacher.name,
                collection=collection,
                candidates=candidates,
            )
            if teacher.is_trained
            else None
        )
        answers[teacher.name] = run(
            score_candidates,
            Score(teacher=teacher, options=config.score),
            teacher.name,
            collection=collection,
            generated=generated,
            candidates=candidates,
            weights=weights[teacher.name],
        )
    taught_by = {config.teacher_of(student).name for student in config.students}
    gates = [
        run(
            check_teacher,
            # A teacher that no student learns from is there to be compared with: it may fall short.
            CheckTeacher(teacher=teacher, options=config.gate if teacher.name in taught_by else lenient),
            teacher.name,
            collection=collection,
            generated=generated,
            candidates=candidates,
            answers=answers[teacher.name],
            others=tuple(ref for name, ref in answers.items() if name != teacher.name),
            weights=weights[teacher.name],
        )
        for teacher in config.teachers
    ]
    decisions = {
        name: run(
            decide_negatives,
            config.decide,
            name,
            collection=collection,
            generated=generated,
            candidates=candidates,
            answers=key,
        )
        for name, key in answers.items()
    }
    embeddings = run(embed_passages, config.embed, collection=collection)
    clusters = run(cluster_passages, config.cluster, embeddings=embeddings)

    def evaluate(subject: Subject, of: str, student: ArtifactRef | None, teacher: str | None) -> ArtifactRef:
        return run(
            evaluate_student,
            Evaluation(options=config.evaluate, subject=subject),
            of,
            collection=collection,
            candidates=candidates if isinstance(subject, TeacherSubject) else None,
            weights=student,
            teacher_weights=weights[teacher] if teacher else None,
        )

    evaluations = [
        evaluate(BaselineSubject(retriever=each), each.name, None, None) for each in config.baselines
    ]
    evaluations += [evaluate(each, each.name, None, None) for each in config.runs]
    evaluations += [
        evaluate(TeacherSubject(teacher=each), f"teacher:{each.name}", weights[each.name], None)
        for each in config.teachers
        if each.can_be_asked
    ]

    def needed(student: AnyStudentConfig, need: Need, artifact: ArtifactRef | None) -> ArtifactRef | None:
        return artifact if need in student.needs else None

    trained: list[ArtifactRef] = []
    for student, seed in ((student, seed) for student in config.students for seed in config.seeds):
        teacher, of = config.teacher_of(student), f"{student.name}/{seed}"
        model = run(
            train_student,
            TrainStudent(student=student, seed=seed),
            of,
            collection=collection,
            generated=generated,
            candidates=candidates,
            answers=needed(student, Need.ANSWERS, answers[teacher.name]),
            embeddings=needed(student, Need.EMBEDDINGS, embeddings),
            clusters=needed(student, Need.CLUSTERS, clusters),
            # Copies of an answer are no negatives anyway: without rules a control owes no teacher anything.
            decisions=decisions[teacher.name] if config.decide.rules else None,
            teacher=needed(student, Need.TEACHER, weights[teacher.name]),
            reference=answers.get(student.reference) if student.reference else None,
        )
        trained.append(model)
        evaluations.append(
            evaluate(StudentSubject(student=student, seed=seed, teacher=teacher), of, model, teacher.name)
        )
    return run(
        write_report,
        Report(options=config.report),
        collection=collection,
        generated=generated,
        candidates=candidates,
        answers=tuple(answers.values()),
        decisions=tuple(decisions.values()),
        gates=tuple(gates),
        clusters=clusters,
        trained=tuple(trained),
        evaluations=tuple(evaluations),
    )
