"""Texts in, vectors out: a sentence-transformers model, run fast."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from pydantic import Field, PositiveInt

from models.hardware import Precision, device, resolve_precision
from models.settings import Settings, runtime
from models.weights import ModelName, fetch

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

    from models.encoders.inference import Inference

Vectors = npt.NDArray[np.float32]


class EncoderConfig(Settings):
    """An encoder of queries and passages."""

    model: ModelName = Field(
        default="all-MiniLM-L6-v2", description="A model of sentence-transformers, or any transformer."
    )
    layers: tuple[int, ...] | None = Field(
        default=None, description="Layers to keep, counted from 0; None keeps all."
    )
    precision: Precision = Field(
        default="auto", description="bfloat16 where the hardware has it, else float32; vectors are float32."
    )
    max_tokens: PositiveInt = Field(
        default=256, description="Longer texts are cut; 256 as in sentence-transformers' all-MiniLM-L6-v2."
    )
    query_prompt: str = Field(default="", description="Put before each query, as E5's 'query: '.")
    passage_prompt: str = Field(default="", description="Put before each passage.")
    batch_tokens: PositiveInt | None = runtime(None, "Tokens at once; None: what suits the device.")

    def load(self) -> "TextEncoder":
        """Load the model, cut its layers, and make it ready.

        Raises:
            ModelUnavailable: the model is not to be had.
            InputError: a layer is named that the model does not have.
        """
        from sentence_transformers import SentenceTransformer

        from models.encoders.layers import cut_layers

        model = SentenceTransformer(
            str(fetch(self.model)), device=device(), model_kwargs={"use_safetensors": True}
        )
        if self.layers is not None and model.transformers_model is not None:
            cut_layers(model.transformers_model, self.layers)
        return TextEncoder(
            model,
            query=Form(self.query_prompt, self.max_tokens),
            passage=Form(self.passage_prompt, self.max_tokens),
            precision=resolve_precision(self.precision),
            batch_tokens=self.batch_tokens,
        )


@dataclass(frozen=True)
class Form:
    """How a text becomes tokens: what is put before it, and where it is cut (None: the model's limit)."""

    prompt: str = ""
    max_tokens: int | None = None


class TextEncoder:
    """A SentenceTransformer with its modules as they are (pooling, normalisation), run fast.

    It encodes with the weights that the model has at the first call; the model itself stays as it is.
    """

    def __init__(
        self,
        model: "SentenceTransformer",
        *,
        query: Form = Form(),
        passage: Form = Form(),
        precision: str = "float32",
        batch_tokens: int | None = None,
    ) -> None:
        self.model = model
        self.query = query
        self.passage = passage
        self.precision = precision
        self.batch_tokens = batch_tokens

    @property
    def width(self) -> int:
        """Length of a vector."""
        return int(self.model.get_embedding_dimension() or 0)

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(weights.numel() for weights in self.model.parameters())

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """One vector per query, [query, width]."""
        return self._encode(texts, self.query, self.model.encode_query)

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """One vector per passage, [passage, width]."""
        return self._encode(texts, self.passage, self.model.encode_document)

    def facts(self) -> dict[str, str]:
        """How texts are encoded: precision, engine, attention."""
        if self._inference is None:
            return {"precision": "float32", "engine": "sentence-transformers"}
        return self._inference.facts()

    def work_as(self, facts: Mapping[str, str]) -> None:
        """Encode as ``facts`` of an earlier process say."""
        if self._inference is not None:
            self._inference.work_as(facts)

    @cached_property
    def _inference(self) -> "Inference | None":
        from sentence_transformers.base.modules import Transformer

        from models.encoders.inference import Inference

        # Static embeddings and routers of two towers begin with something else.
        if not isinstance(self.model[0], Transformer):
            return None
        return Inference(self.model, self.precision, self.batch_tokens)

    def _encode(self, texts: Sequence[str], form: Form, plainly: Callable[..., Any]) -> Vectors:
        if not texts:
            return np.zeros((0, self.width), dtype=np.float32)
        if self._inference is None:
            return np.asarray(plainly(list(texts), prompt=form.prompt, show_progress_bar=False), np.float32)
        return self._inference.run(texts, form.prompt, form.max_tokens)
