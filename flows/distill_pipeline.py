"""The main path, top to bottom. Start reading here.

``run`` decides what happens to a stage: a plan only looks its artifact up, an execution makes
what is missing. Order is the same for both, because it is written once, here.
"""

from data.manifests import ArtifactRef
from flows.config import PipelineConfig
from flows.teaching import Material, Runner, Teaching
from models.student import Need
from models.subjects import BaselineSubject, StudentSubject, Subject, TeacherSubject
from tasks.blend_answers import blend_answers
from tasks.check_teacher import check_teacher
from tasks.cluster_passages import cluster_passages
from tasks.decide_negatives import decide_negatives
from tasks.embed_passages import embed_passages
from tasks.evaluate_student import Evaluation, evaluate_student
from tasks.generate_queries import generate_queries
from tasks.index_identifiers import index_identifiers
from tasks.ingest import Ingest, ingest
from tasks.mine_candidates import mine_candidates
from tasks.score_candidates import score_candidates
from tasks.stage import Stage
from tasks.train_student import train_student
from tasks.train_teacher import train_teacher
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
    index_identifiers,
    train_student,
    evaluate_student,
    write_report,
)


def distill_pipeline(config: PipelineConfig, run: Runner) -> ArtifactRef:
    """From a collection to a leaderboard."""
    collection = run(ingest, Ingest(source=config.source, options=config.ingest))
    generated = run(generate_queries, config.generate, collection=collection)
    candidates = run(mine_candidates, config.mine, collection=collection, generated=generated)
    embeddings = run(embed_passages, config.embed, collection=collection)
    clusters = run(cluster_passages, config.cluster, embeddings=embeddings)
    writes = any(Need.IDENTIFIERS in each.needs | each.finds_with for each in config.learners)
    identifiers = (
        run(index_identifiers, config.identify, collection=collection, generated=generated)
        if writes
        else None
    )
    teaching = Teaching(
        config,
        run,
        collection=collection,
        generated=generated,
        candidates=candidates,
        material=Material(embeddings, clusters),
        identifiers=identifiers,
    )
    for group in config.teacher_groups:
        teaching.let_answer(group)

    def evaluate(subject: Subject, of: str, model: ArtifactRef | None = None) -> ArtifactRef:
        needs, vectors = frozenset[Need](), None
        if isinstance(subject, StudentSubject):
            needs = subject.student.finds_with
            vectors = teaching.material_of(subject.student, subject.seed).embeddings
        return run(
            evaluate_student,
            Evaluation(options=config.evaluate, subject=subject),
            of,
            collection=collection,
            candidates=candidates if isinstance(subject, TeacherSubject) else None,
            embeddings=vectors if Need.EMBEDDINGS in needs else None,
            identifiers=teaching.identifiers_of(needs, subject.opened),
            weights=model,
            **teaching.opening(subject.opened),
        )

    evaluations = [evaluate(BaselineSubject(retriever=each), each.name) for each in config.baselines]
    evaluations += [evaluate(each, each.name) for each in config.runs]
    evaluations += [
        evaluate(TeacherSubject(teacher=each, members=teaching.asked_by(each)), f"teacher:{each.name}")
        for each in config.teachers
    ]
    trained: list[ArtifactRef] = []
    for student in config.students:
        for seed in config.seeds_of(student):
            teacher, of = config.teacher_of(student), f"{student.name}/{seed}"
            model = teaching.train(student, seed, of)
            members = teaching.asked_by(teacher)
            subject = StudentSubject(student=student, seed=seed, teacher=teacher, members=members)
            trained.append(model)
            evaluations.append(evaluate(subject, of, model))
    return run(
        write_report,
        Report(options=config.report, controls=config.controls),
        collection=collection,
        generated=generated,
        candidates=candidates,
        answers=tuple(teaching.answers.values()),
        decisions=tuple(teaching.decisions.values()),
        gates=tuple(teaching.gates.values()),
        clusters=(clusters, *(made.clusters for made in teaching.embedded.values())),
        identifiers=identifiers,
        trained=tuple(trained),
        teachers=tuple(filter(None, teaching.weights.values())),
        evaluations=tuple(evaluations),
    )
