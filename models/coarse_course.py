"""GDR's course: where its model starts, its two trainings, and the index it searches.

1  the encoder of queries and the decoder learn; vectors of passages are frozen
2  if asked for, the encoder of passages learns with them; clusters stay those of the frozen vectors
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa
import torch
from jaxtyping import Float32, Int16

from data.errors import ArtifactMissing, ConfigError
from data.schemas import CURVE
from models import fitting
from models.cluster_lessons import Asks, asks_of, draw, plan
from models.clustering.cluster_tree import ClusterTree
from models.clustering.prefix_tree import PrefixTree
from models.coarse_student import CoarseStudentConfig
from models.coarse_training import CoarseTrainer, lists_of, pool_of, stored_paths
from models.embedding_targets import prompted
from models.encoders.asymmetric import QUERY, TwoTowers, joined
from models.encoders.coarse_model import CoarseModel, QueryReader, new_decoder
from models.encoders.encoder_part import match_depth, open_encoder
from models.encoders.text_encoder import Form, TextEncoder
from models.encoders.tower import tower, widened
from models.hardware import resolve_precision
from models.losses.coarse_to_fine import CoarseToFineLoss, Truth, Weights
from models.retriever import Retriever
from models.retrievers.coarse_to_fine import CoarseToFineRetriever, Places, Writing
from models.retrievers.dense import DenseRetriever
from models.student import Lesson, Need, Shelf
from models.teacher_vectors import stored_vectors
from models.weights import fetch


@dataclass(frozen=True)
class Ground:
    """The passages of a lesson by pid: their vectors and, where clusters are asked for, tree and paths."""

    vectors: Float32[np.ndarray, "passage dim"]
    tree: ClusterTree | None
    paths: Int16[np.ndarray, "passage level"] | None

    @staticmethod
    def of(lesson: Lesson, config: CoarseStudentConfig) -> "Ground":
        """Read the tables that the student asks for."""
        pids = lesson.passages.select("pid").collect()["pid"].sort()
        vectors = stored_vectors(lesson, pids)
        if Need.CLUSTERS not in config.needs:
            return Ground(vectors, None, None)
        assert lesson.centroids is not None  # noqa: S101  (whoever asks has declared Need.CLUSTERS)
        tree = ClusterTree.load(lesson.centroids)
        return Ground(vectors, tree, stored_paths(lesson, pids, int(tree.levels().max())))

    def prefixes(self) -> PrefixTree | None:
        """The paths of the tree."""
        return None if self.tree is None else PrefixTree.of(self.tree)


def query_model(config: CoarseStudentConfig, model: Any) -> CoarseModel:  # noqa: ANN401  (SentenceTransformer)
    """A cut copy of an encoder, for queries; it has no decoder yet."""
    return CoarseModel(_tower(config, model, config.layers))


def _tower(config: CoarseStudentConfig, model: Any, layers: tuple[int, ...] | None) -> Any:  # noqa: ANN401
    lengths = {"query_max_tokens": config.query_max_tokens, "passage_max_tokens": config.passage_max_tokens}
    found = tower(model, layers, "cosine", **lengths)
    match_depth(found)
    return found


def begin(
    config: CoarseStudentConfig, model: CoarseModel | None, ground: Ground, lesson: Lesson
) -> CoarseModel:
    """The model as it is before it learns: its vectors as long as the passages', its decoder random.

    Raises:
        ConfigError: the student that it builds on makes no vectors of single texts.
    """
    if model is None:
        model = query_model(config, _base_encoders(config, lesson)[0])
    model.queries = widened(model.queries, ground.vectors.shape[1], lesson.seed)
    prefixes = ground.prefixes()
    if not config.dense_only and prefixes is not None:
        sizes = config.decoder.model_dump(include={"layers", "adaptor_layers", "rank"})
        model.decoder = new_decoder(model.queries, prefixes, sizes, config.training.dropout, lesson.seed)
    if config.train_passages:
        named = config.passage_backbone
        start = open_encoder(fetch(named)) if named else _base_encoders(config, lesson)[1]
        passages = widened(_tower(config, start, None), ground.vectors.shape[1], lesson.seed)
        model.passages = passages
    return model


def _base_encoders(config: CoarseStudentConfig, lesson: Lesson) -> tuple[Any, Any]:
    """Models of queries and of passages of the student that this one builds on."""
    encoder = lesson.base.config.as_encoder(lesson.base.folder) if lesson.base else None
    if isinstance(encoder, TwoTowers):
        return encoder.queries.model, encoder.passages.model
    if isinstance(encoder, TextEncoder):
        return encoder.model, encoder.model
    raise ConfigError(
        where=f"students.{config.name}.documents",
        found=f"{config.documents!r}, which has no encoder of single texts",
        expected="a student that has one, such as a bi-encoder",
        advice="Name another student, or give a backbone.",
    )


def learn(
    config: CoarseStudentConfig, model: CoarseModel, ground: Ground, lesson: Lesson
) -> tuple[pa.Table, dict[str, float]]:
    """Train the model in one course or two; give the curve and what there was to learn from.

    Raises:
        ConfigError: no train query has an answer, or the named miner found nothing.
        StageFailed: the loss is no longer a number.
    """
    asks = asks_of(
        lesson,
        generated_share=config.generated_share,
        # Pieces that learn no match have nothing to learn without a decoder.
        spans=config.spans if config.match_spans or model.decoder else None,
        miner=config.miner if config.negatives == "bm25" else None,
    )
    passages, model.passages = model.passages, None
    curve, facts = _course(config, model, asks, ground, lesson)
    facts |= {
        "queries": float(asks.queries),
        "queries_generated": float(asks.generated),
        "spans": float(asks.texts.height - asks.queries),
        "parameters": float(model.query_parameters),
    }
    if config.train_passages and passages is not None:
        model.passages = passages
        further, more = _course(config, model, asks, ground, lesson)
        curve = _after(curve, further)
        facts |= {f"{name}_passages": value for name, value in more.items()}
        facts["parameters_passages"] = fitting.parameters(passages)
    return curve, facts


def _course(
    config: CoarseStudentConfig, model: CoarseModel, asks: Asks, ground: Ground, lesson: Lesson
) -> tuple[pa.Table, dict[str, float]]:
    """Teach what the model has: with an encoder of passages that one, too."""
    from sentence_transformers import SentenceTransformerTrainingArguments

    training = config.training
    if model.passages is not None and config.train_passages is not None:
        training = config.train_passages
    tree = ground.prefixes()
    chosen = plan(asks, training, lesson.seed)
    pool = pool_of(config.negatives, asks, chosen, tree, ground.paths)
    negatives = draw(chosen, pool, asks, intra=config.intra_negatives, seed=lesson.seed)
    lists = lists_of(asks, chosen, negatives, lesson, config.template if model.passages else None)
    whole = _both(config, model) if model.passages else model.queries
    weights = Weights(
        path=config.path_weight,
        intra=config.intra_weight,
        temperature=config.temperature,
        matched=asks.texts.height if config.match_spans else asks.queries,
        decoder_learning_rate=config.decoder.learning_rate,
        rdrop=config.rdrop_weight,
        rdrop_temperature=config.rdrop_temperature,
    )
    if model.decoder:
        fitting.set_dropout(model.decoder.train(), training.dropout)
    course = fitting.Course(
        model=whole,
        loss=CoarseToFineLoss(whole, model.decoder, truth_of(ground, tree, asks), weights),
        trainer=CoarseTrainer,
        arguments=SentenceTransformerTrainingArguments,
        label=lambda rows: rows,
    )
    curve = fitting.teach(course, prompted(lists, whole.prompts), training, lesson)
    counts = {"lists": len(chosen), "lists_short": lists.short, "steps": training.steps(len(chosen))}
    return curve, {name: float(count) for name, count in counts.items()}


def truth_of(ground: Ground, tree: PrefixTree | None, asks: Asks) -> Truth:
    """What the loss looks up."""
    none = np.zeros((len(ground.vectors), 1), dtype=np.int64)
    paths = none if tree is None or ground.paths is None else tree.targets(ground.paths)
    vectors, known = torch.from_numpy(ground.vectors), torch.from_numpy(asks.known)
    return Truth(vectors, torch.from_numpy(paths), known)


def _both(config: CoarseStudentConfig, model: CoarseModel) -> Any:  # noqa: ANN401  (SentenceTransformer)
    """One model with a route for queries and one for passages; it shares the weights."""
    assert model.passages is not None  # noqa: S101  (who asks has looked)
    query, passage = Form(max_tokens=config.query_max_tokens), Form(max_tokens=config.passage_max_tokens)
    return joined(
        TwoTowers(TextEncoder(model.queries, query=query), TextEncoder(model.passages, passage=passage))
    )


def _after(curve: pa.Table, further: pa.Table) -> pa.Table:
    """Two curves, the second of which goes on where the first ends."""
    first, second = pl.DataFrame(curve), pl.DataFrame(further)
    moved = second.with_columns(pl.col("step") + first["step"].max())
    return pl.concat([first, moved]).to_arrow().cast(CURVE.columns)


def index(
    config: CoarseStudentConfig, model: CoarseModel, tree: ClusterTree | None, shelf: Shelf, alpha: float
) -> Retriever:
    """Put each passage into the cluster whose centroids are nearest to its vector, and gather the vectors.

    Raises:
        ArtifactMissing: the shelf has no vectors.
    """
    if shelf.vectors is None:
        msg = f"{config.name}: found no vectors of passages; expected those of embed_passages. Run it."
        raise ArtifactMissing(msg)
    precision = resolve_precision(config.training.precision)
    vectors = shelf.vectors
    if model.passages:
        form = Form(model.passages.prompts.get("document") or "", config.passage_max_tokens)
        vectors = TextEncoder(model.passages, passage=form, precision=precision).encode_passages(
            shelf.texts(config.template)
        )
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = (vectors / np.maximum(lengths, np.finfo(np.float32).tiny)).astype(np.float32)
    form = Form(model.queries.prompts.get(QUERY) or "", config.query_max_tokens)
    if model.decoder is None or tree is None:
        return DenseRetriever(TextEncoder(model.queries, query=form, precision=precision), vectors)
    prefixes = PrefixTree.of(tree)
    return CoarseToFineRetriever(
        model,
        QueryReader(model.queries, form, precision),
        Places(prefixes, prefixes.nodes(tree.assign(shelf.vectors)), vectors),
        Writing(config.beams, config.length_penalty, alpha),
    )
