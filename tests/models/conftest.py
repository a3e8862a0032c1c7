import polars as pl
import pytest

from models.student import Lesson


def overlap(query, passage):
    """The share of the query's words that the passage has."""
    words = set(query.split())
    return len(words & set(passage.lower().replace(".", "").split())) / len(words)


@pytest.fixture
def make_lesson(tiny_collection, tmp_path):
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
        tables |= {"answers": answers} | changes
        lazy = {name: table if table is None else table.lazy() for name, table in tables.items()}
        return Lesson(
            **lazy,
            embeddings=None,
            clusters=None,
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
