import os

# Before anything imports them: no hub, no telemetry, no home outside the test.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # threads that spin while waiting starve the other processes
os.environ["DO_NOT_TRACK"] = "1"
os.environ["PREFECT_SERVER_ANALYTICS_ENABLED"] = "false"

import pytest
from hypothesis import HealthCheck, settings

from data.artifacts import ArtifactStore
from data.digests import FileDigests
from data.schemas import PASSAGES, QRELS, QUERIES
from data.tables import from_rows

settings.register_profile(
    "house",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("house")

# Twelve passages that anyone can rank by eye: three subjects, four aspects.
FACTS = {
    "rhine": ("Rhine", "The Rhine rises in the Swiss Alps.", "Barges carry coal on the Rhine."),
    "danube": ("Danube", "The Danube rises in the Black Forest.", "Ships carry grain on the Danube."),
    "gold": ("Gold", "Gold is a yellow metal that never rusts.", "Gold coins paid for wars."),
    "iron": ("Iron", "Iron is a grey metal that rusts.", "Iron rails carry trains."),
    "bach": ("Bach", "Bach wrote fugues for the organ.", "Bach lived in Leipzig."),
    "mozart": ("Mozart", "Mozart wrote operas in Vienna.", "Mozart was born in Salzburg."),
}
QUESTIONS = [
    ("q01", "where does the rhine rise", "rhine-1", "train"),
    ("q02", "what do barges carry", "rhine-2", "train"),
    ("q03", "source of the danube", "danube-1", "train"),
    ("q04", "yellow metal", "gold-1", "train"),
    ("q05", "what did gold pay for", "gold-2", "dev"),
    ("q06", "grey metal that rusts", "iron-1", "dev"),
    ("q07", "who wrote fugues", "bach-1", "test"),
    ("q08", "where was mozart born", "mozart-2", "test"),
    ("q09", "operas in vienna", "mozart-1", "test"),
]


@pytest.fixture
def store(tmp_path):
    return ArtifactStore(tmp_path / "artifacts")


@pytest.fixture
def digests(tmp_path):
    return FileDigests(tmp_path / "digests.json")


@pytest.fixture(scope="session")
def tiny_collection():
    """Twelve passages, nine judged questions, by table name."""
    passages = [
        (f"{name}-{n}", title, text)
        for name, (title, *texts) in FACTS.items()
        for n, text in enumerate(texts, start=1)
    ]
    queries = [(qid, text, "human", None, split) for qid, text, _, split in QUESTIONS]
    qrels = [(qid, pid, 3) for qid, _, pid, _ in QUESTIONS] + [("q07", "bach-2", 1), ("q08", "bach-2", 0)]
    return {
        "passages": from_rows(sorted(passages), PASSAGES),
        "queries": from_rows(queries, QUERIES),
        "qrels": from_rows(sorted(qrels), QRELS),
    }


@pytest.fixture(scope="session")
def tiny_backbone(tmp_path_factory, tiny_collection):
    """A random two-layer BERT with a word-level vocabulary, in the layout of sentence-transformers."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    folder = tmp_path_factory.mktemp("tiny-backbone")
    texts = tiny_collection["passages"]["text"].to_pylist() + tiny_collection["queries"]["text"].to_pylist()
    words = sorted({word.strip(".") for text in texts for word in text.lower().split()} | {"."})
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    tokenizer = BertTokenizerFast(vocab=str(folder / "vocab.txt"), model_max_length=64)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    bare = folder / "bare"
    BertModel(config).save_pretrained(bare)
    tokenizer.save_pretrained(bare)
    transformer = Transformer(str(bare), max_seq_length=64)
    whole = folder / "model"
    pooling = Pooling(transformer.get_embedding_dimension(), pooling_mode="mean")
    SentenceTransformer(modules=[transformer, pooling, Normalize()], device="cpu").save(str(whole))
    return whole
