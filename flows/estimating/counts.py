"""How many queries are written and asked about, and how many pairs a teacher scores, at most and at least.

    generated   ≤  passages read · queries a passage          as many as the round trip keeps, at most all
    pairs       ≤  queries · min(miners · depth, passages)    no two miners name the same passage
    pairs       ≥  queries · min(depth, passages)             all miners name the same

Plans are made with the upper bounds. Known answers that no miner found come on top: at most as many as there
are judgements, under a hundredth of the pairs where the depth is 100.
"""

from dataclasses import dataclass

from flows.config import PipelineConfig
from flows.estimating.collection_size import CollectionSize
from models.teachers import AnyTeacherConfig


@dataclass(frozen=True)
class Pairs:
    """What one teacher is asked."""

    teacher: str
    queries: int
    most: int
    least: int


def passages_read(config: PipelineConfig, size: CollectionSize) -> int:
    """Passages that queries are written for: all, or ``generate.max_passages``."""
    return min(config.generate.max_passages or size.passages, size.passages)


def generated_queries(config: PipelineConfig, size: CollectionSize) -> int:
    """Queries that are written: passages read times ``per_passage``; as if the round trip kept all."""
    return passages_read(config, size) * config.generate.generator.per_passage


def mined_queries(config: PipelineConfig, size: CollectionSize) -> int:
    """Queries that get candidates: of train, dev and test, and the generated ones."""
    return size.learned_queries + size.test_queries + generated_queries(config, size)


def candidates_per_query(config: PipelineConfig, size: CollectionSize) -> int:
    """Rows of ``candidates`` of one query: each miner names ``depth`` passages, or all there are."""
    return len(config.mine.miners) * min(config.mine.depth, size.passages)


def pairs_of(config: PipelineConfig, size: CollectionSize, teacher: AnyTeacherConfig) -> Pairs:
    """Pairs of the answer key that ``teacher`` scores, of train and dev; generated queries if it is asked.

    Linear in the queries; ``most`` never exceeds queries · miners · depth.
    """
    depth = min(teacher.asked.depth or config.mine.depth, config.mine.depth)
    asked = generated_queries(config, size) if teacher.asked.generated else 0
    queries = size.learned_queries + asked
    most = min(len(config.mine.miners) * depth, size.passages)
    return Pairs(teacher.name, queries, queries * most, queries * min(depth, size.passages))


def judged_pairs(config: PipelineConfig, size: CollectionSize, teacher: AnyTeacherConfig) -> int:
    """Pairs that ``teacher`` scores to be judged: the mined candidates of the test queries, at most."""
    depth = min(teacher.asked.depth or config.mine.depth, config.mine.depth)
    return size.test_queries * min(len(config.mine.miners) * depth, size.passages)


def retention_pairs(config: PipelineConfig, size: CollectionSize) -> int:
    """Pairs that a teacher scores to judge one student: the best ``retention_depth`` of each test query."""
    return size.test_queries * min(config.evaluate.retention_depth, size.passages)
