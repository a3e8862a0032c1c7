"""What each stage has to compute: tokens and FLOPs of its models, steps of a decoder, visits of a search.

    sort       amount                                                    computed by
    reading    Σ texts · tokens · FLOPs of a token                       GPU
    training   3 · the same, for what is read in training                GPU
    writing    decoder steps: batches · steps until the longest is done  GPU, waiting
    vectors    2 · queries · vectors visited · width                     processor, all cores (FAISS)
    words      queries · passages                                        processor, one core (bm25s)

A cross-encoder reads query and passage of every pair (and 3 marks), an encoder every text once (and 2).
Not counted: tasks beside a training, mining while learning, k-means, and what takes seconds: gate, report.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from flows.config import PipelineConfig
from flows.estimating import counts
from flows.estimating.collection_size import CollectionSize
from flows.estimating.model_shapes import TRAINING, ModelShape, shape_of
from models.batches import ListSettings
from models.generators.seq2seq import Seq2seqConfig
from models.retrievers import AnyRetrieverConfig
from models.retrievers.dense import DenseConfig
from models.retrievers.faiss_index import AnyIndexConfig, HnswConfig, IvfConfig
from models.students import AnyStudentConfig
from models.teachers import AnyTeacherConfig
from models.teachers.cross_encoder import CrossEncoderConfig
from models.teachers.dual_encoder import DualEncoderConfig
from models.teachers.dual_pooling import DualPoolingConfig
from models.teachers.llm_reranker import LlmRerankerConfig
from models.teachers.taught import TaughtConfig

Sort = Literal["reading", "training", "writing", "vectors", "words"]
SORTS: tuple[Sort, ...] = ("reading", "training", "writing", "vectors", "words")
PAIR_MARKS, TEXT_MARKS = 3, 2
# Assumption: the longest of a batch of queries is twice as long as the mean.
LONGEST = 2


@dataclass(frozen=True)
class Work:
    """One sort of work of one stage; ``amount`` is FLOPs, steps or visits, by the sort."""

    stage: str
    of: str
    sort: Sort
    amount: float
    items: int
    unit: str
    tokens: float = 0.0


def works(config: PipelineConfig, size: CollectionSize) -> list[Work]:
    """All that a run computes, in the order of the pipeline.

    Raises:
        ConfigError: the shape of a model is not known.
    """
    found = [*_generating(config, size), *_mining(config, size)]
    for teacher in config.teachers:
        found += _training_teacher(config, size, teacher)
        pairs = counts.pairs_of(config, size, teacher)
        found += _asking("score_candidates", teacher.name, config, size, teacher, pairs.most, pairs.queries)
    found += _encoding("embed_passages", "", shape_of(config.embed.encoder.model), size, size.passages)
    for baseline in config.baselines:
        found += _searching("evaluate_student", baseline.name, baseline, size, size.test_queries)
    for teacher in config.teachers:
        label, pairs = f"teacher:{teacher.name}", counts.judged_pairs(config, size, teacher)
        found += _asking("evaluate_student", label, config, size, teacher, pairs, size.test_queries)
    for student in config.students:
        for seed in config.seeds_of(student):
            found += _student(config, size, student, f"{student.name}/{seed}")
    return [work for work in found if work.amount > 0]


def student_shape(config: PipelineConfig, student: AnyStudentConfig) -> ModelShape:
    """What a student starts from: what it names, else its teacher's encoder, else section ``embed``'s."""
    teacher = config.teacher_of(student)
    inherited = teacher.encoder if isinstance(teacher, DualEncoderConfig) else config.embed.encoder
    named: str | None = getattr(student, "backbone", None)
    return shape_of(named or inherited.model).cut(getattr(student, "layers", None))


def list_settings(student: AnyStudentConfig) -> ListSettings:
    """How a student's lists are drawn; the usual way for one that draws others, or none."""
    found = getattr(student, "lists", None)
    return found if isinstance(found, ListSettings) else ListSettings()


def lists_of(config: PipelineConfig, size: CollectionSize, student: AnyStudentConfig) -> int:
    """Lists that a student learns from: epochs over human and generated queries, as if all had an answer."""
    settings = list_settings(student)
    generated = counts.generated_queries(config, size) * settings.generated_share
    return student.training.lists(math.ceil(size.learned_queries + generated))


def _generating(config: PipelineConfig, size: CollectionSize) -> Iterator[Work]:
    generator, passages = config.generate.generator, counts.passages_read(config, size)
    queries = counts.generated_queries(config, size)
    if isinstance(generator, Seq2seqConfig):
        shape = shape_of(generator.model)
        yield from _encoding(
            "generate_queries", "", shape, size, passages, limit=generator.passage_max_tokens
        )
        steps = min(generator.query_max_tokens, LONGEST * (size.query_tokens + 1))
        batches = math.ceil(passages / generator.batch_passages)
        yield Work("generate_queries", "", "writing", batches * steps, queries, "query")
    if config.generate.round_trip_depth:
        retriever = config.generate.round_trip
        yield from _searching("generate_queries", "", retriever, size, queries)


def _mining(config: PipelineConfig, size: CollectionSize) -> Iterator[Work]:
    queries = counts.mined_queries(config, size)
    for miner in config.mine.miners:
        yield from _searching("mine_candidates", miner.name, miner, size, queries)


def _searching(
    stage: str, of: str, retriever: AnyRetrieverConfig, size: CollectionSize, queries: int
) -> Iterator[Work]:
    if isinstance(retriever, DenseConfig):
        shape = shape_of(retriever.encoder.model).cut(retriever.encoder.layers)
        limit = retriever.encoder.max_tokens
        yield from _encoding(stage, of, shape, size, size.passages, queries, limit=limit)
        visited = visited_vectors(retriever.index, size.passages)
        yield Work(stage, of, "vectors", 2.0 * queries * visited * shape.width, queries, "query")
    else:
        yield Work(stage, of, "words", float(queries) * size.passages, queries, "query")


def visited_vectors(index: AnyIndexConfig, passages: int) -> float:
    """Vectors that a query is compared with: all; centroids and the lists probed; what a walk meets.

    >>> visited_vectors(IvfConfig(lists=100, probes=5), 10_000)
    600.0
    """
    if isinstance(index, IvfConfig):
        lists = index.lists or round(4 * passages**0.5)
        return min(float(passages), lists + passages * min(1.0, index.probes / lists))
    if isinstance(index, HnswConfig):
        return min(float(passages), float(index.search_breadth * index.links))
    return float(passages)


def _encoding(  # noqa: PLR0913, PLR0917
    stage: str,
    of: str,
    shape: ModelShape,
    size: CollectionSize,
    passages: int,
    queries: int = 0,
    *,
    limit: int = 256,
) -> Iterator[Work]:
    """Every text is read once."""
    long, short = (min(limit, each + TEXT_MARKS) for each in (size.passage_tokens, size.query_tokens))
    flops = passages * shape.flops_per_text(long) + queries * shape.flops_per_text(short)
    tokens = passages * long + queries * short
    yield Work(stage, of, "reading", flops, passages, "passage", tokens)


def _asking(  # noqa: PLR0913, PLR0917
    stage: str,
    of: str,
    config: PipelineConfig,
    size: CollectionSize,
    teacher: AnyTeacherConfig,
    pairs: int,
    queries: int,
) -> Iterator[Work]:
    """Score pairs; a lexical teacher, a file and an ensemble take next to nothing."""
    if isinstance(teacher, CrossEncoderConfig | DualPoolingConfig | LlmRerankerConfig):
        tokens = pair_tokens(teacher, size)
        flops = pairs * shape_of(teacher.model).flops_per_text(tokens)
        yield Work(stage, of, "reading", flops, pairs, "pair", pairs * tokens)
    elif isinstance(teacher, DualEncoderConfig):
        shape = shape_of(teacher.encoder.model).cut(teacher.encoder.layers)
        texts, limit = min(size.passages, pairs), teacher.encoder.max_tokens
        yield from _encoding(stage, of, shape, size, texts, queries, limit=limit)
    elif isinstance(teacher, TaughtConfig):
        shape = student_shape(config, teacher.student)
        yield from _encoding(stage, of, shape, size, min(size.passages, pairs), queries)


def pair_tokens(
    teacher: CrossEncoderConfig | DualPoolingConfig | LlmRerankerConfig, size: CollectionSize
) -> float:
    """Tokens of a mean pair, cut at the teacher's length; a prompt's own words come with them."""
    words = len(teacher.prompt.split()) if isinstance(teacher, LlmRerankerConfig) else 0
    return min(teacher.max_tokens, size.query_tokens + size.passage_tokens + PAIR_MARKS + 1.3 * words)


def _training_teacher(
    config: PipelineConfig, size: CollectionSize, teacher: AnyTeacherConfig
) -> Iterator[Work]:
    if isinstance(teacher, TaughtConfig):
        yield from _learning(config, size, teacher.student, teacher.name)
    elif isinstance(teacher, CrossEncoderConfig | DualPoolingConfig) and teacher.training:
        settings, tokens = teacher.training.lists, pair_tokens(teacher, size)
        queries = size.learned_queries + counts.generated_queries(config, size) * settings.generated_share
        lists = teacher.training.training.lists(math.ceil(queries))
        read = lists * settings.length
        flops = TRAINING * read * shape_of(teacher.model).flops_per_text(tokens)
        yield Work("train_teacher", teacher.name, "training", flops, lists, "list", read * tokens)


def _learning(
    config: PipelineConfig, size: CollectionSize, student: AnyStudentConfig, of: str
) -> Iterator[Work]:
    """Read a query, its answer and negatives, there and back; shared passages are another list's."""
    shape, lists = student_shape(config, student), lists_of(config, size, student)
    own = 1 + list_settings(student).negatives
    long, short = student_tokens(student, size)
    flops = TRAINING * lists * (own * shape.flops_per_text(long) + shape.flops_per_text(short))
    yield Work("train_student", of, "training", flops, lists, "list", lists * (own * long + short))


def student_tokens(student: AnyStudentConfig, size: CollectionSize) -> tuple[float, float]:
    """Tokens of a mean passage and a mean query, cut at the student's lengths."""
    long = min(student.passage_max_tokens, size.passage_tokens + TEXT_MARKS)
    return long, min(student.query_max_tokens, size.query_tokens + TEXT_MARKS)


def _student(
    config: PipelineConfig, size: CollectionSize, student: AnyStudentConfig, of: str
) -> Iterator[Work]:
    """Train it; then encode all passages, search, and let its teacher re-rank its best."""
    yield from _learning(config, size, student, of)
    shape, teacher = student_shape(config, student), config.teacher_of(student)
    limit, test = student.passage_max_tokens, size.test_queries
    yield from _encoding("evaluate_student", of, shape, size, size.passages, test, limit=limit)
    if student.kind == "splade":
        yield Work("evaluate_student", of, "words", float(test) * size.passages, test, "query")
    else:
        vectors = 1.0
        if student.kind == "colbert":  # each token of the query with each of the passage
            vectors = student.query_max_tokens * student_tokens(student, size)[0]
        width = getattr(student, "width", None) or shape.width
        flops = 2.0 * test * size.passages * vectors * width
        yield Work("evaluate_student", of, "vectors", flops, test, "query")
    yield from _asking(
        "evaluate_student", of, config, size, teacher, counts.retention_pairs(config, size), test
    )
