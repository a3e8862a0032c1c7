"""Dual encoder as a teacher: the inner product of two vectors, each text encoded once.

    t(q, p) = E(q) · E(p)

with vectors as the model makes them: of unit length where it normalises, so that the score is a cosine.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt

from models.encoders.text_encoder import EncoderConfig, Vectors
from models.retriever import Rows, Scores
from models.scales import ScaleName
from models.teacher import TeacherConfig
from models.weights import locate

if TYPE_CHECKING:
    from models.encoders.asymmetric import TwoTowers
    from models.encoders.text_encoder import TextEncoder

PAIRS_AT_ONCE = 65_536
NEIGHBOURS = 256


class DualEncoderConfig(TeacherConfig):
    """Any encoder, as it comes."""

    kind: Literal["dual_encoder"] = "dual_encoder"
    encoder: EncoderConfig = EncoderConfig()

    @property
    def scale(self) -> ScaleName:
        """A cosine where the model ends by normalising; not known before the model is on this machine."""
        folder = locate(self.encoder.model)
        if folder is None:
            return "unknown"
        path = folder / "modules.json"
        modules = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
        normalises = any(module["type"].endswith("Normalize") for module in modules)
        return "cosine" if normalises else "inner_product"

    @property
    def scored_by(self) -> tuple[str, ...]:
        """What encodes."""
        return ("models.encoders.text_encoder",)

    def model_of(self, weights: Path | None) -> "TextEncoder":
        """The encoder.

        Raises:
            ModelUnavailable: it is not to be had.
        """
        del weights
        return self.encoder.load()

    def load(
        self, weights: Path | None, queries: Sequence[str], passages: Sequence[str]
    ) -> "DualEncoderTeacher":
        """Load the encoder.

        Raises:
            ModelUnavailable: the encoder is not to be had.
        """
        del weights  # It is given, never trained here.
        return DualEncoderTeacher(self.encoder.load(), queries, passages)


class DualEncoderTeacher:
    """An encoder and the texts of a collection, whose vectors are made when a pair first asks for them."""

    def __init__(
        self, encoder: "TextEncoder | TwoTowers", queries: Sequence[str], passages: Sequence[str]
    ) -> None:
        self.encoder = encoder
        self.queries = LazyVectors(queries, encoder.encode_queries, encoder.width)
        self.passages = LazyVectors(passages, encoder.encode_passages, encoder.width)

    def score(self, query_rows: Rows, passage_rows: Rows) -> Scores:
        """Inner product of each pair's vectors."""
        queries, passages = self.queries.of(query_rows), self.passages.of(passage_rows)
        scores = np.empty(len(query_rows), dtype=np.float32)
        for start in range(0, len(scores), PAIRS_AT_ONCE):
            some = slice(start, start + PAIRS_AT_ONCE)
            # Row by row, so that a pair's score does not depend on the pairs beside it.
            scores[some] = np.einsum("ij,ij->i", queries[query_rows[some]], passages[passage_rows[some]])
        return scores

    def facts(self) -> dict[str, str]:
        """How texts were encoded."""
        return self.encoder.facts()

    def work_as(self, facts: Mapping[str, str]) -> None:
        """Use the attention that was measured to be faster before."""
        self.encoder.work_as(facts)


class LazyVectors:
    """Vectors of texts, each made once. Memory that no vector was written to is not taken.

    Neighbours are encoded together, so that the last digits of a vector, which depend on its batch, do not
    depend on which pairs were asked about before.
    """

    def __init__(self, texts: Sequence[str], encode: Callable[[Sequence[str]], Vectors], width: int) -> None:
        self.texts = texts
        self._encode = encode
        self._vectors = np.zeros((len(texts), width), dtype=np.float32)
        self._made: npt.NDArray[np.bool_] = np.zeros(len(texts), dtype=np.bool_)

    def of(self, rows: Rows) -> Vectors:
        """Vectors of all texts, [text, width], of which those in ``rows`` are made."""
        for group in np.unique(rows[~self._made[rows]] // NEIGHBOURS).tolist():
            some = slice(group * NEIGHBOURS, min((group + 1) * NEIGHBOURS, len(self.texts)))
            self._vectors[some] = self._encode(self.texts[some])
            self._made[some] = True
        return self._vectors
