import numpy as np
import polars as pl
import pytest

from data.ngrams.build import build
from models.clustering.cluster_tree import END
from models.clustering.hierarchical_kmeans import Splitting, hierarchical_kmeans
from models.generative_settings import GenerativeSettings
from models.identifier_tokens import IdentifierTokens
from models.identifiers import VIEWS, IdentifierConfig
from models.student import Lesson, Trained
from models.students.minder import MinderConfig
from models.training import TrainingConfig


def overlap(query, passage):
    """The share of the query's words that the passage has."""
    words = set(query.split())
    return len(words & set(passage.lower().replace(".", "").split())) / len(words)


@pytest.fixture(scope="session")
def tiny_vectors(tiny_collection):
    """A vector of each passage: near where the words are the same."""
    passages = tiny_collection["passages"]
    words = [set(text.lower().strip(".").split()) for text in passages["text"].to_pylist()]
    known = sorted(set.union(*words))
    counts = np.array([[word in each for word in known] for each in words], dtype=np.float32)
    mixed = counts @ np.random.default_rng(0).normal(size=(len(known), 32)).astype(np.float32)
    return mixed / np.linalg.norm(mixed, axis=1, keepdims=True)


@pytest.fixture(scope="session")
def tiny_clusters(tiny_collection, tiny_vectors, tmp_path_factory):
    """What a lesson has of vectors and clusters: the tables, and the folder of the centroids."""
    folder = tmp_path_factory.mktemp("centroids")
    clustering = hierarchical_kmeans(tiny_vectors, Splitting(k=3, c=2, seed=1))
    clustering.tree.save(folder)
    pids = tiny_collection["passages"]["pid"].to_pylist()
    paths = [[int(digit) for digit in path if digit != END] for path in clustering.paths]
    vectors = pl.Series(tiny_vectors, dtype=pl.Array(pl.Float32, tiny_vectors.shape[1]))
    return {
        "embeddings": pl.DataFrame({"pid": pids, "vector": vectors}),
        "clusters": pl.DataFrame({"pid": pids, "path": pl.Series(paths, dtype=pl.List(pl.Int16))}),
        "centroids": folder,
    }


@pytest.fixture(scope="session")
def tiny_identifiers(tiny_collection, tiny_backbone, tmp_path_factory):
    """Folder of the index of identifiers: titles, n-grams of four tokens, and a question of each passage."""
    folder = tmp_path_factory.mktemp("identifiers")
    config = IdentifierConfig(tokenizer=str(tiny_backbone), body_ngram=4)
    tokens = IdentifierTokens.of_model(config.tokenizer)
    tokens.save(folder)
    passages = tiny_collection["passages"]
    titles, bodies = passages["title"].to_pylist(), passages["text"].to_pylist()
    # What a generator might have asked: the first words of the text.
    questions = [" ".join(body.lower().split()[:3]) for body in bodies]
    for view, texts in zip(VIEWS, (titles, bodies, questions), strict=True):
        (folder / view).mkdir()
        build(
            folder / view,
            [config.sequences(view, texts, np.arange(len(texts)), tokens)],
            longest=config.longest(view),
            vocabulary=tokens.size,
            vocabulary_digest=tokens.digest,
        )
    return folder


@pytest.fixture(scope="session")
def tiny_minder(tiny_collection, tiny_backbone, tiny_identifiers, tmp_path_factory):
    """A student that writes identifiers of the tiny collection, taught by judgements alone."""
    training = TrainingConfig(
        epochs=40, max_steps=120, batch_size=16, learning_rate=1e-2, precision="float32", dropout=0.0
    )
    search = GenerativeSettings(beams=4, single_tokens=0, query_offset=2.0)
    config = MinderConfig(
        name="tiny-minder",
        backbone=str(tiny_backbone),
        decoder_layers=1,
        smoothing=0.0,
        search=search,
        training=training,
    )
    tables = {name: pl.LazyFrame(tiny_collection[name]) for name in ("passages", "queries", "qrels")}
    none = dict.fromkeys(("answers", "embeddings", "clusters", "teacher_weights"))
    folder = tmp_path_factory.mktemp("tiny-minder")
    lesson = Lesson(
        **tables,
        **none,
        candidates=pl.LazyFrame(),
        seed=0,
        scratch=tmp_path_factory.mktemp("scratch"),
        identifiers=tiny_identifiers,
    )
    student = config.build(seed=0)
    student.train(lesson)
    student.save(folder / "model")
    return Trained(config, folder / "model")


@pytest.fixture
def make_lesson(tiny_collection, tiny_clusters, tiny_identifiers, tmp_path):
    """A lesson on the tiny collection; every passage is a candidate, the teacher knows the judged ones."""
    passages, queries, qrels = (
        pl.DataFrame(tiny_collection[name]) for name in ("passages", "queries", "qrels")
    )
    pairs = queries.filter(pl.col("split") != "test").join(passages, how="cross", suffix="_passage")
    pairs = pairs.join(qrels, on=["qid", "pid"], how="left")
    score = [
        4 * overlap(query, passage) + (grade or 0)
        for query, passage, grade in pairs.select("text", "text_passage", "grade").iter_rows()
    ]
    pairs = pairs.with_columns(score=pl.Series(score, dtype=pl.Float32))
    rank = pl.col("score").rank("ordinal", descending=True).over("qid").cast(pl.Int32)
    candidates = pairs.select("qid", "pid", miner=pl.lit("words"), rank=rank, score="score")
    answers = pairs.select("qid", "pid", teacher=pl.lit("words"), score="score")

    def make(seed=0, **changes):
        tables = {"passages": passages, "queries": queries, "qrels": qrels, "candidates": candidates}
        tables |= {"answers": answers} | {name: tiny_clusters[name] for name in ("embeddings", "clusters")}
        tables |= changes
        lazy = {name: table if table is None else table.lazy() for name, table in tables.items()}
        return Lesson(
            **lazy,
            centroids=tiny_clusters["centroids"],
            identifiers=tiny_identifiers,
            teacher_weights=None,
            seed=seed,
            scratch=tmp_path / "scratch",
        )

    return make


@pytest.fixture(scope="session")
def tiny_ranker_folder(tiny_backbone, tmp_path_factory):
    """A cross-encoder for the tiny collection: two random layers, eager attention, a head of one label."""
    import torch
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    folder = tmp_path_factory.mktemp("tiny-ranker")
    torch.manual_seed(1)
    # Wider than the tiny backbone, and with larger weights, so that attention is not uniform.
    config = BertConfig.from_pretrained(
        tiny_backbone, num_labels=1, hidden_size=48, num_attention_heads=4, initializer_range=0.3
    )
    BertForSequenceClassification(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_backbone).save_pretrained(folder)
    return folder
