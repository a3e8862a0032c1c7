"""What the tables take on the disk: rows times bytes of a row.

A row's bytes are MEASURED, if the store holds the table with at least a hundredth as many rows: files of
Parquet over rows. Else they are the SCHEMA's width, which is an upper bound, for columns are compressed: an
id as 12 bytes (8 characters and their length), numbers as they are. In small tables ids repeat and compress
far better than they would among millions, so that what is measured there is not carried over.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from data.artifacts import ArtifactStore
from data.manifests import Manifest
from data.score_store.pairs import HASH_BYTES
from data.score_store.shards import ScoreShards
from flows.config import PipelineConfig
from flows.estimating import counts
from flows.estimating.collection_size import CollectionSize
from flows.estimating.model_shapes import shape_of
from flows.estimating.work import student_shape
from models.teachers.cross_encoder import CrossEncoderConfig
from models.teachers.llm_reranker import LlmRerankerConfig

ID_BYTES = 12
NUMBER_BYTES = 4  # rank, score, one value of a vector
# A name that repeats from row to row: an index into a dictionary.
NAME_BYTES = 1
TREC_ROW_BYTES = 52  # measured on the bundled collection: 41 to 54, by the length of the system's name
MEASURED_SHARE = 0.01
STORED_TEACHERS = (CrossEncoderConfig, LlmRerankerConfig)


@dataclass(frozen=True)
class Table:
    """Rows of a table, all its parts together, and what they take."""

    name: str
    rows: int
    row_bytes: float
    measured: bool = False

    @property
    def disk_bytes(self) -> float:
        """On the disk."""
        return self.rows * self.row_bytes


@dataclass(frozen=True)
class Measured:
    """Bytes of a row of a table as it was written, and of how many rows that was measured."""

    row_bytes: float
    rows: int


def measured_rows(manifests: Iterable[Manifest]) -> dict[str, Measured]:
    """Bytes of a row of each table, over all artifacts that hold it."""
    size: dict[str, int] = {}
    rows: dict[str, int] = {}
    for manifest in manifests:
        for name, part in manifest.parts.items():
            if name.endswith(".parquet") and part.rows:
                table = name.removesuffix(".parquet")
                size[table] = size.get(table, 0) + sum(entry.size_bytes for entry in part.files)
                rows[table] = rows.get(table, 0) + part.rows
    return {table: Measured(size[table] / rows[table], rows[table]) for table in rows}


def measured_scores(store: ArtifactStore) -> Measured | None:
    """Bytes of a stored score, over the shards of all teachers; None where there are none."""
    folders = [path for path in (store.root / "scores").glob("*") if path.is_dir()]
    shards = [shard for folder in folders for shard in ScoreShards(folder, store.digests).manifest().shards]
    rows = sum(shard.rows for shard in shards)
    return Measured(sum(shard.size_bytes for shard in shards) / rows, rows) if rows else None


def tables(
    config: PipelineConfig, size: CollectionSize, measured: Mapping[str, Measured] | None = None
) -> list[Table]:
    """Every table of a run that grows with the collection, and the models.

    scores        every pair that a model scored, as the score store keeps it: two hashes of 16 bytes, a score
    embeddings    passages · (id + 4 · width)
    run           queries · depth for each system, as Parquet and again as TREC's text
    """
    found = [_table(row, measured or {}) for row in _schema_rows(config, size)]
    models = _models(config)
    return [*found, models] if models.rows else found


def _schema_rows(config: PipelineConfig, size: CollectionSize) -> list[Table]:
    generated = counts.generated_queries(config, size)
    judged = size.learned_queries + size.test_queries
    query_bytes = 6.0 * size.query_words + 2 * ID_BYTES + 2 * NAME_BYTES
    mined = counts.mined_queries(config, size) * counts.candidates_per_query(config, size)
    asked = [counts.pairs_of(config, size, teacher).most for teacher in config.teachers]
    width = shape_of(config.embed.encoder.model).width
    systems = len(config.baselines) + sum(len(config.seeds_of(each)) for each in config.students)
    found = size.test_queries * min(config.evaluate.depth, size.passages) * systems
    found += sum(counts.judged_pairs(config, size, teacher) for teacher in config.teachers)
    pair = 2 * ID_BYTES + NUMBER_BYTES
    return [
        Table("passages", size.passages, size.passage_bytes + ID_BYTES),
        Table("queries", judged + generated, query_bytes),
        Table("qrels", judged, 2.0 * ID_BYTES + 2),
        Table("candidates", mined, pair + NAME_BYTES + NUMBER_BYTES),
        Table("answers", sum(asked), pair + NAME_BYTES),
        Table("scores", stored_pairs(config, size), 2.0 * HASH_BYTES + NUMBER_BYTES),
        Table("embeddings", size.passages, ID_BYTES + NUMBER_BYTES * width),
        Table("clusters", size.passages, 2.0 * ID_BYTES),
        Table("run", found, pair + NUMBER_BYTES),
        Table("run.trec", found, TREC_ROW_BYTES),
    ]


def stored_pairs(config: PipelineConfig, size: CollectionSize) -> int:
    """Pairs in the score store: of the key, of the teacher's own line, and of each student's retention."""
    pairs = 0
    for teacher in config.teachers:
        if isinstance(teacher, STORED_TEACHERS):
            pairs += counts.pairs_of(config, size, teacher).most + counts.judged_pairs(config, size, teacher)
    for student in config.students:
        if isinstance(config.teacher_of(student), STORED_TEACHERS):
            pairs += counts.retention_pairs(config, size) * len(config.seeds_of(student))
    return pairs


def _table(row: Table, measured: Mapping[str, Measured]) -> Table:
    found = measured.get(row.name)
    if found is None or found.rows < MEASURED_SHARE * row.rows:
        return row
    return Table(row.name, row.rows, found.row_bytes, measured=True)


def _models(config: PipelineConfig) -> Table:
    """Trained students, in float32: a row is a weight."""
    weights = sum(
        student_shape(config, student).parameters * len(config.seeds_of(student))
        for student in config.students
    )
    return Table("models", weights, NUMBER_BYTES)
