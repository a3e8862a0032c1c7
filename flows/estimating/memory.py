"""What each stage holds in memory at its peak, and a GPU while it trains.

    texts      passages · (2 · bytes + 57)           an Arrow column, and Python's strings with their heads
    BM25       postings · 12                         float64 score and int32 row, as bm25s keeps them
     built in  postings · 28 + tokens · 8 + passages · 64   sparse triples, their sorted copy, lists of ids
    vectors    passages · width · 4, twice while FAISS copies them; HNSW adds 8 bytes a link
    hashes     passages · 16 and queries · 16        of the score store; pairs pass by in blocks
    training   16 bytes a weight (float32, gradient, AdamW's two moments) and, of one step,
               tokens · layers · (34 · width + 5 · heads · n) bytes of activations

A look-up in the answer key is flat: 306 MB at 100 thousand pairs, 360 MB at 10 million, printed by
``python -m benchmarks.answer_key``. Postings: 0.6 a word; measured 0.67 on the bundled collection, 0.53 on
paragraphs of Natural Questions; tokens of BM25: 0.7 a word; 14.5 and 13.7 bytes a posting, vocabulary
included, which weighs less the larger the collection. Building: what bm25s 0.3.16 holds at once, by its code.
Activations: Korthikanti et al. 2022, https://arxiv.org/abs/2205.05198, equation 2.
"""

from dataclasses import dataclass

from flows.config import PipelineConfig
from flows.estimating import counts
from flows.estimating.collection_size import CollectionSize
from flows.estimating.model_shapes import shape_of
from flows.estimating.work import list_settings, student_shape, student_tokens
from models.retrievers import AnyRetrieverConfig
from models.retrievers.dense import DenseConfig
from models.retrievers.faiss_index import HnswConfig
from models.students import AnyStudentConfig
from models.teachers.bm25 import Bm25TeacherConfig
from models.teachers.dual_encoder import DualEncoderConfig

BASE_BYTES = 1.5e9  # assumption: Python, torch and a small model
STRING_BYTES = 57  # head of a Python string of ASCII (49), and its pointer (8)
POSTINGS_PER_WORD = 0.6
BM25_TOKENS_PER_WORD = 0.7
POSTING_BYTES, BUILDING_POSTING_BYTES = 12, 28
LIST_BYTES = 64
HASH_BYTES = 16
HEAD_WIDTH = 64  # of an attention head, as usual
SPLADE_TERMS = 200  # assumption, where no budget is set


@dataclass(frozen=True)
class Peak:
    """Memory of a stage at its peak."""

    stage: str
    peak_bytes: float
    holds: str


def peaks(config: PipelineConfig, size: CollectionSize) -> list[Peak]:
    """Peak of every stage that holds something of the collection's size."""
    texts = text_bytes(size)
    mined = [index_bytes(miner, size) for miner in config.mine.miners]
    trip = index_bytes(config.generate.round_trip, size) if config.generate.round_trip_depth else Index()
    queries = counts.mined_queries(config, size)
    dual = [each for each in config.teachers if isinstance(each, DualEncoderConfig)]
    vectors = max((vector_bytes(shape_of(each.encoder.model).width, size) for each in dual), default=0.0)
    lexical = [each.retriever for each in config.teachers if isinstance(each, Bm25TeacherConfig)]
    asked = [vectors, *(each.kept + each.built for each in (index_bytes(one, size) for one in lexical))]
    hashes = HASH_BYTES * (size.passages + queries)
    embedded = vector_bytes(shape_of(config.embed.encoder.model).width, size)
    found = [
        Peak("generate_queries", texts + trip.kept + trip.built, "texts, index of the round trip"),
        # All miners are built before the first query is asked.
        Peak(
            "mine_candidates",
            texts + sum(each.kept for each in mined) + max(each.built for each in mined),
            "texts, indices of all miners",
        ),
        Peak("score_candidates", texts + hashes + max(asked), "texts, hashes; pairs in blocks"),
        Peak("embed_passages", 0.0, "one chunk"),
        Peak("cluster_passages", 2 * embedded, "vectors, twice"),
    ]
    judged = [index_bytes(each, size) for each in config.baselines]
    judged += [student_index(config, size, each) for each in config.students]
    if judged:
        most = max(each.kept + each.built for each in judged)
        found.append(Peak("evaluate_student", texts + most, "texts, one system's index"))
    return [Peak(each.stage, BASE_BYTES + each.peak_bytes, each.holds) for each in found]


@dataclass(frozen=True)
class Index:
    """Bytes that an index keeps, and that building it takes on top."""

    kept: float = 0.0
    built: float = 0.0


def text_bytes(size: CollectionSize) -> float:
    """All passages as a column and as strings."""
    return size.passages * (2 * size.passage_bytes + STRING_BYTES)


def vector_bytes(width: int, size: CollectionSize) -> float:
    """One vector of float32 for each passage."""
    return 4.0 * width * size.passages


def index_bytes(retriever: AnyRetrieverConfig, size: CollectionSize) -> Index:
    """Of a miner or baseline."""
    if isinstance(retriever, DenseConfig):
        vectors = vector_bytes(shape_of(retriever.encoder.model).width, size)
        links = retriever.index.links if isinstance(retriever.index, HnswConfig) else 0
        return Index(vectors + 8.0 * links * size.passages, vectors)
    words = size.passage_words * size.passages
    postings = POSTINGS_PER_WORD * words
    lists = 8 * BM25_TOKENS_PER_WORD * words + LIST_BYTES * size.passages
    return Index(POSTING_BYTES * postings, BUILDING_POSTING_BYTES * postings + lists)


def student_index(config: PipelineConfig, size: CollectionSize, student: AnyStudentConfig) -> Index:
    """Of a student: a vector of each passage, of each token in float16 (ColBERT), or words (SPLADE)."""
    if student.kind == "splade":
        terms = student.max_active_terms or SPLADE_TERMS
        return Index(8.0 * terms * size.passages, 8.0 * terms * size.passages)
    width: int = getattr(student, "width", None) or student_shape(config, student).width
    if student.kind == "colbert":
        return Index(2.0 * width * student_tokens(student, size)[0] * size.passages)
    return Index(vector_bytes(width, size), vector_bytes(width, size))


def gpu_bytes(config: PipelineConfig, size: CollectionSize) -> float:
    """What the largest training holds; at least 2 GB, for reading in batches of some thousand tokens."""
    return max([2e9, *(training_bytes(config, size, each) for each in config.students)])


def training_bytes(config: PipelineConfig, size: CollectionSize, student: AnyStudentConfig) -> float:
    """Weights with what AdamW keeps of them, and the activations of one step."""
    shape = student_shape(config, student)
    long, short = student_tokens(student, size)
    own = 1 + list_settings(student).negatives
    heads = max(1, shape.heads_width // HEAD_WIDTH)
    tokens = student.training.batch_size * (own * long + short)
    return 16.0 * shape.parameters + tokens * shape.layers * (34 * shape.width + 5 * heads * long)
