"""Two ways to run one batch: packed, where the model is a BERT on a CPU, and padded, for every other model.

Both give what the model itself would give, but for rounding. Whether packing fits a model is not
guessed from its name: it is tried on two texts, in float32, against the model's own forward pass.
"""

import copy
from typing import Any

import torch
from jaxtyping import Float
from sentence_transformers import CrossEncoder, SentenceTransformer
from torch import Tensor, nn

from models.encoders.packed import ATTENTIONS, Foreign, PackedBert

# What the tokenizer gives: input_ids, attention_mask and more, a row per text, the longest first.
Features = dict[str, Any]
Model = SentenceTransformer | CrossEncoder
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
PROBES = ("where does it rise", "it rises in the mountains and ends in the sea")
# Two orders of the same float32 sums differ by less.
AGREEMENT = 1e-3


class PackedEngine:
    """Tokens without padding (see ``packed``), then the model's own head or pooling in float32.

    Raises:
        AttributeError: the model is not built as a BERT.
    """

    name = "packed"
    attentions = tuple(ATTENTIONS)

    def __init__(self, model: Model, dtype: torch.dtype) -> None:
        self.model = model
        self.transformer: Foreign = model.transformers_model
        self.bert = PackedBert(self.transformer.base_model, dtype)

    def attend_by(self, attention: str) -> None:
        """Use ``eager`` or ``sdpa`` attention."""
        self.bert.attention = attention

    def __call__(self, features: Features) -> Float[Tensor, "text width"]:
        """Vectors of texts, or logits of pairs, in float32."""
        mask = features["attention_mask"]
        inputs = features["input_ids"], features.get("token_type_ids"), mask
        if isinstance(self.model, CrossEncoder):
            return self._logits(self.bert.first(*inputs)[:, None])
        hidden = self.bert(*inputs)
        padded = hidden.new_zeros(*mask.shape, hidden.shape[1])
        padded[mask.bool()] = hidden
        return _tail(self.model, {**features, "token_embeddings": padded})

    def _logits(self, first: Float[Tensor, "text 1 dim"]) -> Float[Tensor, "text label"]:
        pooler = self.transformer.base_model.pooler
        return self.transformer.classifier(first if pooler is None else pooler(first))


class PaddedEngine:
    """The model's own forward pass. Layers run in ``dtype``, heads and pooling in float32."""

    name = "padded"

    def __init__(self, model: Model, dtype: torch.dtype) -> None:
        self.model: Model = copy.deepcopy(model)
        self.transformer: Foreign = self.model.transformers_model
        if dtype != torch.float32:
            _lower(self.transformer, dtype)

    @property
    def attentions(self) -> tuple[str, ...]:
        """``eager``, and ``sdpa`` where the architecture has it."""
        return ("eager", "sdpa") if getattr(self.transformer, "_supports_sdpa", False) else ("eager",)

    def attend_by(self, attention: str) -> None:
        """Use ``eager`` or ``sdpa`` attention."""
        self.transformer.set_attn_implementation(attention)

    def __call__(self, features: Features) -> Float[Tensor, "text width"]:
        """Vectors of texts, or logits of pairs, in float32."""
        return _tail(self.model, self.model[0](dict(features)))


Engine = PackedEngine | PaddedEngine


def engine_for(model: Model, precision: str) -> Engine:
    """Make the faster engine that fits the model; the model stays as it is."""
    if model.device.type == "cpu" and _fits(model):
        return PackedEngine(model, DTYPES[precision])
    return PaddedEngine(model, DTYPES[precision])


def _fits(model: Model) -> bool:
    texts = [PROBES] * 2 if isinstance(model, CrossEncoder) else sorted(PROBES, key=len, reverse=True)
    probe: Features = dict(model.preprocess(texts))
    try:
        found = PackedEngine(model, torch.float32)(dict(probe))
    except (AttributeError, TypeError, IndexError, RuntimeError):
        return False
    return torch.allclose(found, _output(model, model(dict(probe))), atol=AGREEMENT)


def _output(model: Model, features: Features) -> Tensor:
    found = features["scores" if isinstance(model, CrossEncoder) else "sentence_embedding"]
    return found.float().reshape(len(found), -1)


def _tail(model: Model, features: Features) -> Tensor:
    """Run the modules after the transformer (pooling, normalisation, a head) in float32."""
    for name, value in features.items():
        if isinstance(value, Tensor) and value.is_floating_point():
            features[name] = value.float()
    for module in list(model)[1:]:
        features = module(features)
    return _output(model, features)


def _lower(transformer: Foreign, dtype: torch.dtype) -> None:
    """Convert the layers; pooler and classification head stay, and take what comes as float32."""
    base = transformer.base_model
    heads = (
        [child for child in transformer.children() if child is not base] if base is not transformer else []
    )
    for name, child in base.named_children():
        if name == "pooler":
            heads.append(child)
        else:
            child.to(dtype)
    for head in heads:
        head.register_forward_pre_hook(_as_float32)


def _as_float32(_head: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(value.float() if isinstance(value, Tensor) else value for value in inputs)
