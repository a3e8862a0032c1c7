"""A teacher with vectors, the lesson it gives, and small settings of the student that learns from it."""

from dataclasses import replace

import polars as pl
import pytest
import torch

from models.batches import ListSettings
from models.encoders.text_encoder import EncoderConfig
from models.students.embed_distill import EmbedDistillConfig
from models.targets import Factor
from models.teachers.dual_encoder import DualEncoderConfig
from models.texts import passage_texts
from models.training import TrainingConfig

SHORT = TrainingConfig(
    epochs=20, max_steps=12, batch_size=4, learning_rate=3e-3, warmup_share=0.0, precision="float32"
)
LISTS = ListSettings(negatives=3, generated_share=1.0)
TEXTS = ["where does the rhine rise", "yellow metal"]


def encoder_of(backbone, **settings):
    return EncoderConfig(model=str(backbone), precision="float32", max_tokens=32, **settings)


@pytest.fixture
def teacher(tiny_backbone):
    return DualEncoderConfig(name="teacher", encoder=encoder_of(tiny_backbone))


@pytest.fixture
def vectors(tiny_collection, teacher):
    """What the stage embed_passages makes with the teacher's encoder."""
    return teacher.encoder.load().encode_passages(passage_texts(tiny_collection["passages"]))


def table_of(tiny_collection, vectors):
    width = vectors.shape[1]
    columns = {"pid": tiny_collection["passages"]["pid"].to_pylist(), "vector": vectors}
    return pl.DataFrame(columns, schema={"pid": pl.String, "vector": pl.Array(pl.Float32, width)})


@pytest.fixture
def lesson(make_lesson, teacher, tiny_collection, vectors):
    """A lesson with a teacher and its vectors; half of the queries are generated."""
    made = make_lesson()
    written = pl.col("qid").is_in(["q01", "q03"])
    queries = made.queries.with_columns(
        origin=pl.when(written).then(pl.lit("generated")).otherwise("origin"),
        source_pid=pl.when(written).then(pl.lit("rhine-1")).otherwise("source_pid"),
    )
    table = table_of(tiny_collection, vectors).lazy()
    return replace(made, teacher=teacher, embeddings=table, queries=queries)


def settings(**changes):
    given = {"name": "e", "targets": Factor(by=20.0), "lists": LISTS, "training": SHORT}
    return EmbedDistillConfig(**given | {"layers": (0,)} | changes)


def small(tmp_path, tiny_backbone, width=16):
    """A backbone of half the teacher's width, with its tokenizer."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Pooling, Transformer
    from transformers import AutoTokenizer, BertConfig, BertModel

    torch.manual_seed(3)
    config = BertConfig.from_pretrained(tiny_backbone, hidden_size=width, intermediate_size=32)
    BertModel(config).save_pretrained(tmp_path / "bare")
    AutoTokenizer.from_pretrained(tiny_backbone).save_pretrained(tmp_path / "bare")
    transformer = Transformer(str(tmp_path / "bare"), max_seq_length=64)
    pooling = Pooling(transformer.get_embedding_dimension(), pooling_mode="mean")
    SentenceTransformer(modules=[transformer, pooling], device="cpu").save(str(tmp_path / "small"))
    return tmp_path / "small"
