"""What GDR learns: an encoder of queries, a decoder of clusters that reads its tokens, one of passages.

As a folder: ``queries`` and, where it has learned, ``passages`` as models of sentence-transformers, and the
decoder as safetensors beside its sizes. Without a decoder it is an encoder that learns from clusters.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from safetensors.torch import load_file, save_file
from sentence_transformers import SentenceTransformer
from torch import Tensor, nn
from torch.nn.functional import normalize

from models.clustering.prefix_tree import PrefixTree
from models.encoders.cluster_decoder import ClusterDecoder, DecoderShape
from models.encoders.encoder_part import open_encoder
from models.encoders.text_encoder import Form
from models.hardware import device

QUERIES, PASSAGES, DECODER, SHAPE = "queries", "passages", "decoder.safetensors", "decoder.json"
# Queries read at a time; with ten beams these are 640 rows of the decoder.
BATCH = 64


class CoarseModel(nn.Module):
    """The parts; ``decoder`` and ``passages`` may be missing."""

    def __init__(
        self,
        queries: SentenceTransformer,
        decoder: ClusterDecoder | None = None,
        passages: SentenceTransformer | None = None,
    ) -> None:
        super().__init__()
        self.queries = queries
        self.decoder = decoder
        self.passages = passages

    @property
    def query_parameters(self) -> int:
        """Number of weights that a query passes."""
        parts = [part for part in (self.queries, self.decoder) if part is not None]
        return sum(weights.numel() for part in parts for weights in part.parameters())

    @property
    def decoder_bytes(self) -> int:
        """Size of the decoder's weights."""
        weights = self.decoder.parameters() if self.decoder else ()
        return sum(each.numel() * each.element_size() for each in weights)

    def save(self, folder: Path) -> None:
        """Write what ``load`` opens."""
        self.queries.save(str(folder / QUERIES), create_model_card=False)
        if self.passages:
            self.passages.save(str(folder / PASSAGES), create_model_card=False)
        if self.decoder:
            weights = {name: each.contiguous() for name, each in self.decoder.state_dict().items()}
            save_file(weights, folder / DECODER)
            (folder / SHAPE).write_text(json.dumps(asdict(self.decoder.shape)), encoding="utf-8")

    @staticmethod
    def load(folder: Path) -> "CoarseModel":
        """Open a folder that ``save`` wrote."""
        passages = open_encoder(folder / PASSAGES) if (folder / PASSAGES).is_dir() else None
        return CoarseModel(open_encoder(folder / QUERIES), _load_decoder(folder), passages)


def _load_decoder(folder: Path) -> ClusterDecoder | None:
    if not (folder / DECODER).is_file():
        return None
    weights = load_file(folder / DECODER)
    shape = DecoderShape(**json.loads((folder / SHAPE).read_text(encoding="utf-8")))
    decoder = ClusterDecoder(weights["used"], shape, dropout=0.0)
    decoder.load_state_dict(weights)
    return decoder.to(device())


def new_decoder(
    queries: SentenceTransformer, tree: PrefixTree, sizes: dict[str, int], dropout: float, seed: int
) -> ClusterDecoder:
    """A decoder with random weights for the paths of a tree, as wide as the tokens of the encoder.

    Args:
        queries: the encoder whose tokens it reads.
        tree: what it may write.
        sizes: layers, adaptor_layers and rank.
        dropout: while it learns.
        seed: of the weights.
    """
    first: Any = queries[0]
    shape = DecoderShape(width=int(first.get_embedding_dimension()), **sizes)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return ClusterDecoder(torch.from_numpy(tree.used()), shape, dropout).to(device())


@dataclass(frozen=True)
class Read:
    """What was read of some queries: their rows, unit vectors, and the states of their tokens."""

    rows: Int64[np.ndarray, " query"]
    vectors: Float[np.ndarray, "query dim"]
    tokens: Float[Tensor, "query token state"]
    is_token: Bool[Tensor, "query token"]


@dataclass(frozen=True)
class QueryReader:
    """Reads queries, those of like length together, in the precision it was made with."""

    model: SentenceTransformer
    form: Form
    precision: str

    def autocast(self) -> AbstractContextManager[object]:
        """The precision of matrix products, here and in the decoder."""
        low = self.precision == "bfloat16"
        return torch.autocast(self.model.device.type, dtype=torch.bfloat16, enabled=low)

    def read(self, texts: Sequence[str]) -> Iterator[Read]:
        """Give batches of queries, the longest first."""
        self.model.eval()
        order = np.argsort([-len(text) for text in texts], kind="stable")
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            some = [self.form.prompt + str(texts[row]) for row in rows]
            features = self.model.preprocess(some, max_length=self.form.max_tokens)
            moved: dict[str, Any] = {
                name: value.to(self.model.device) if isinstance(value, Tensor) else value
                for name, value in features.items()
            }
            with torch.inference_mode(), self.autocast():
                found = self.model(moved)
                vectors = normalize(found["sentence_embedding"].float(), dim=-1).cpu().numpy()
            yield Read(rows, vectors, found["token_embeddings"], moved["attention_mask"].bool())
