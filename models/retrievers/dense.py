"""Dense retrieval: texts become vectors, and near vectors answer each other.

s(q, p) = E_q(q) · E_p(p)
"""

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32

from models.encoders.text_encoder import EncoderConfig
from models.retriever import Hits, RetrieverConfig
from models.retrievers.faiss_index import FLAT, AnyIndexConfig, FaissIndex, IndexChoice
from models.settings import Name


class DenseConfig(RetrieverConfig):
    """Any encoder over a FAISS index."""

    kind: Literal["dense"] = "dense"
    name: Name = "dense"
    encoder: EncoderConfig = EncoderConfig()
    index: IndexChoice = FLAT

    def build(self, passages: Sequence[str]) -> "DenseRetriever":
        """Encode and index the passages' texts, given in the order of their rows.

        Raises:
            ModelUnavailable: the encoder is not to be had.
            InputError: the encoder gives a vector that is not finite.
        """
        encoder = self.encoder.load()
        return DenseRetriever(encoder, encoder.encode_passages(passages), self.index)


@runtime_checkable
class QueryEncoder(Protocol):
    """What a dense retriever asks of an encoder once the passages are vectors."""

    @property
    def parameters(self) -> int:
        """Number of weights."""
        ...

    def encode_queries(self, texts: Sequence[str]) -> Float32[np.ndarray, "query dim"]:
        """One vector per query."""
        ...


class DenseRetriever:
    """An index over vectors of passages, which need not come from the encoder of the queries."""

    def __init__(
        self,
        encoder: QueryEncoder,
        vectors: Float32[np.ndarray, "passage dim"],
        index: AnyIndexConfig = FLAT,
    ) -> None:
        self._encoder = encoder
        self._index = FaissIndex(vectors, index)
        size, width = vectors.shape
        self.description = f"faiss {index.describe(size)} dim={width}"

    @property
    def index_bytes(self) -> int:
        """Size of the FAISS index."""
        return self._index.bytes

    @property
    def parameters(self) -> int:
        """Number of weights of the query encoder."""
        return self._encoder.parameters

    def encode(self, queries: Sequence[str]) -> Float32[np.ndarray, "query dim"]:
        """One vector per query."""
        return self._encoder.encode_queries(queries)

    def search(self, encoded: Float32[np.ndarray, "query dim"], depth: int) -> Hits:
        """Give the ``depth`` nearest passages of each query.

        Raises:
            InputError: a query's vector is not finite.
        """
        return self._index.search(encoded, depth)
