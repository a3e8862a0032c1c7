"""Texts in, one vector per token out: a MultiVectorEncoder, run fast.

Passages of like length run together, and on a CPU without padding where the model is a BERT (``packed``).
Equal texts are encoded once, so that they tie. Queries are short and run through the model itself.
"""

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from sentence_transformers import MultiVectorEncoder
from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask
from torch import Tensor

from data.progress import meter
from models.encoders.engines import AGREEMENT, DTYPES, PROBES, Features
from models.encoders.inference import BATCH_TOKENS, WINDOW, batch_slices
from models.encoders.packed import PackedBert
from models.encoders.token_vectors import TokenVectors, Vectors
from models.repeats import read_tokens, take_rows

Run = Callable[[Features, str], Features]


class TokenEncoder:
    """A MultiVectorEncoder with its modules as they are (projection, mask, normalisation), run fast.

    Passages are encoded with the weights that the model has when the first of them is.
    """

    def __init__(self, model: MultiVectorEncoder, precision: str = "float32") -> None:
        self.model = model
        self.precision = precision

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(weights.numel() for weights in self.model.parameters())

    def encode_queries(self, texts: Sequence[str]) -> TokenVectors:
        """Vectors of the tokens of queries and of what they are padded with, in float32."""
        return self._encode(texts, "query", self._plainly, np.float32)

    def encode_passages(self, texts: Sequence[str]) -> TokenVectors:
        """Vectors of the tokens of passages but for those that are not scored, in float16."""
        return self._encode(texts, "document", self._forward, np.float16)

    def facts(self) -> dict[str, str]:
        """How passages are encoded: precision and engine."""
        return {"precision": self.precision, "engine": "padded" if self._packed is None else "packed"}

    @cached_property
    def _packed(self) -> PackedBert | None:
        """The layers without padding, where they give what the model gives."""
        bert = self.model.transformers_model
        if self.model.device.type != "cpu" or bert is None:
            return None
        probe: Features = dict(self.model.preprocess(sorted(PROBES, key=len, reverse=True), task="document"))
        with torch.inference_mode():
            expected = self.model[0](dict(probe))["token_embeddings"][probe["attention_mask"].bool()]
            try:
                found = _packed_states(PackedBert(bert.base_model), probe)
                agree = torch.allclose(found, expected.float(), atol=AGREEMENT)
            except (AttributeError, TypeError, IndexError, RuntimeError):
                return None
        if not agree:
            return None
        return PackedBert(bert.base_model, DTYPES[self.precision])

    def _encode(
        self,
        texts: Sequence[str],
        task: str,
        run: Callable[[Features, str], Features],
        dtype: type[np.floating],
    ) -> TokenVectors:
        width = int(self.model.get_embedding_dimension() or 0)
        distinct = sorted(set(texts), key=lambda text: (-len(text), text))
        found: dict[str, Vectors] = {}
        was_training = self.model.training
        self.model.eval()
        with torch.inference_mode(), meter("running", "text", len(distinct)) as bar:
            for start in range(0, len(distinct), WINDOW):
                window = distinct[start : start + WINDOW]
                features: Features = dict(self.model.preprocess(window, task=task))
                for rows in self._batches(features):
                    vectors = _scored(run(self._place(features, rows), task))
                    found |= {
                        window[row]: each.astype(dtype) for row, each in zip(rows, vectors, strict=True)
                    }
                    bar.update(len(rows))
        self.model.train(was_training)
        return TokenVectors.of([found[text] for text in texts], np.zeros((0, width), dtype))

    def _batches(self, features: Features) -> list[list[int]]:
        lengths = read_tokens(features).sum(dim=1)
        order = lengths.argsort(descending=True, stable=True)
        most = BATCH_TOKENS.get(self.model.device.type, BATCH_TOKENS["cuda"])
        return [order[some].tolist() for some in batch_slices(lengths[order].numpy(), most)]

    def _place(self, features: Features, rows: list[int]) -> Features:
        some = take_rows(features, torch.tensor(rows))
        device = self.model.device
        return {name: each.to(device) if isinstance(each, Tensor) else each for name, each in some.items()}

    def _plainly(self, features: Features, task: str) -> Features:
        return self.model(features, task=task)

    def _forward(self, features: Features, task: str) -> Features:
        if self._packed is None:
            with torch.autocast(self.model.device.type, DTYPES["bfloat16"], self.precision == "bfloat16"):
                return self._plainly(features, task)
        mask = features["attention_mask"].bool()
        states = _packed_states(self._packed, features)
        padded = states.new_zeros(*mask.shape, states.shape[1])
        padded[mask] = states
        features["token_embeddings"] = padded
        for module in list(self.model)[1:]:
            features = (
                module(features, task=task) if isinstance(module, MultiVectorMask) else module(features)
            )
        return features


def _packed_states(bert: PackedBert, features: Features) -> Float[Tensor, "packed dim"]:
    return bert(features["input_ids"], features.get("token_type_ids"), features["attention_mask"])


def _scored(features: Features) -> list[Vectors]:
    """The vectors of the tokens that are scored, text by text."""
    vectors = features["token_embeddings"].float().cpu().numpy()
    is_scored = features["attention_mask"].bool().cpu().numpy()
    return [each[scored] for each, scored in zip(vectors, is_scored, strict=True)]
