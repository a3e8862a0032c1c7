"""How much a transformer computes for a token, from the numbers in its ``config.json``.

    FLOPs of a token, forward = Σ over layers of  2 · (A + F)  +  4 · n · a
    A = d · a · 2 + d · kv · 2      weights of attention: queries and output, keys and values
    F = m · d · f                   weights of the feed-forward part; m = 2, or 3 where it is gated

with d the width of states, a that of all heads together, kv that of keys and values, f the inner width and n
the tokens of the sequence: each weight multiplies and adds once, and attention compares each token with n
others, then sums them. Looking up embeddings is no arithmetic. Training takes three times as much: the
backward pass is two forward ones. Source: Kaplan et al. 2020, https://arxiv.org/abs/2001.08361, section 2.1.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from data.errors import ConfigError
from models.weights import locate

TRAINING = 3
GATED = ("silu", "gated-gelu", "gated-silu")


@dataclass(frozen=True)
class ModelShape:
    """What of a transformer decides its cost."""

    layers: int
    width: int
    inner: int
    vocabulary: int
    heads_width: int
    key_value_width: int
    decoder_layers: int = 0
    matrices: int = 2

    @property
    def layer_weights(self) -> int:
        """Weights of one layer, A + F; biases and norms are less than a hundredth."""
        attention = 2 * self.width * (self.heads_width + self.key_value_width)
        return attention + self.matrices * self.width * self.inner

    @property
    def parameters(self) -> int:
        """Weights of all layers and of the embeddings; a decoder's layer attends twice."""
        cross = 2 * self.width * (self.heads_width + self.key_value_width)
        layers = (self.layers + self.decoder_layers) * self.layer_weights + self.decoder_layers * cross
        return layers + self.vocabulary * self.width

    def flops_per_token(self, sequence_tokens: float) -> float:
        """Forward, through the layers of the encoder (or of a model that is all decoder).

        >>> shape = ModelShape(1, 2, 4, 10, heads_width=2, key_value_width=2)
        >>> shape.flops_per_token(3.0)  # 2 · (16 + 16) + 4 · 3 · 2
        88.0
        """
        return self.layers * (2 * self.layer_weights + 4 * sequence_tokens * self.heads_width)

    def flops_per_text(self, tokens: float) -> float:
        """Forward, one sequence of so many tokens."""
        return tokens * self.flops_per_token(tokens)

    def cut(self, layers: tuple[int, ...] | None) -> "ModelShape":
        """The same with some of its layers."""
        return self if layers is None else replace(self, layers=len(layers))


def _plain(layers: int, width: int, inner: int, vocabulary: int, decoder_layers: int = 0) -> ModelShape:
    return ModelShape(layers, width, inner, vocabulary, width, width, decoder_layers)


# What configs/ name, so that a plan needs no download. From the models' own config.json on the hub.
KNOWN = {
    "all-MiniLM-L6-v2": _plain(6, 384, 1536, 30_522),
    "ms-marco-MiniLM-L6-v2": _plain(6, 384, 1536, 30_522),
    "distilbert-base-uncased": _plain(6, 768, 3072, 30_522),
    "doc2query-t5-base-msmarco": _plain(12, 768, 3072, 32_128, decoder_layers=12),
}


def shape_of(model: str) -> ModelShape:
    """Shape of a model by name or folder.

    Raises:
        ConfigError: it is neither known nor on this machine, or its config.json does not tell.
    """
    known = KNOWN.get(model.rpartition("/")[2]) if not Path(model).is_dir() else None
    if known:
        return known
    folder = locate(model)
    # At the top, or in the first module of a model of sentence-transformers.
    places = [folder / "config.json", *folder.glob("0_*/config.json")] if folder else []
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        raise ConfigError(
            where=f"model {model!r}",
            found="no config.json on this machine",
            expected="one, for its layers and widths decide what it costs",
            advice="Fetch the model once, or give the path of a folder that holds its config.json.",
        )
    told: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return of_config(told.get("text_config", told), model)


def of_config(told: dict[str, Any], model: str) -> ModelShape:
    """Shape from a ``config.json`` of transformers, whatever it calls its numbers.

    Raises:
        ConfigError: a number is not there.
    """

    def number(*names: str, default: int | None = None) -> int:
        found = next((told[name] for name in names if told.get(name)), default)
        if found is None:
            raise ConfigError(
                where=f"config.json of {model!r}",
                found=f"none of {', '.join(names)}",
                expected="a transformer",
                advice="Only transformers can be estimated.",
            )
        return int(found)

    width = number("hidden_size", "d_model", "dim", "n_embd")
    heads = number("num_attention_heads", "num_heads", "encoder_attention_heads", "n_heads", "n_head")
    head_width = number("head_dim", "d_kv", default=width // heads)
    decoder = number("num_decoder_layers", "decoder_layers", default=0)
    acts = (told.get("feed_forward_proj"), told.get("hidden_act"))
    return ModelShape(
        layers=number("num_hidden_layers", "num_layers", "encoder_layers", "n_layers", "n_layer"),
        width=width,
        inner=number("intermediate_size", "d_ff", "encoder_ffn_dim", "hidden_dim", default=4 * width),
        vocabulary=number("vocab_size"),
        heads_width=heads * head_width,
        key_value_width=number("num_key_value_heads", default=heads) * head_width,
        decoder_layers=decoder or (number("num_layers", default=0) if told.get("model_type") == "t5" else 0),
        matrices=3 if any(act in GATED for act in acts) else 2,
    )
