"""The model of a SPLADE: a transformer with a head over the vocabulary, its own or one begun from nothing.

    x_iv = γ · norm(h_i + c) · e_v + b_v

SPLADE starts from a masked language model. A model of sentence vectors such as all-MiniLM-L6-v2 has lost its
head; the libraries would fill the gap with random numbers. Here the dense layer becomes the identity with the
bias c, far enough above 0 that the activation after it changes nothing, and the norm takes c away again. The
decoder is tied to the word embeddings: a term's logit then is how much a state still resembles the word that
it began as, which holds as long as few layers have moved it. No number is random, and a tensor for which this
says nothing is refused.
"""

import json
import math
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from data.errors import InputError
from models.encoders.layers import cut_layers
from models.hardware import device

# GELU(x) = x up to 3e-5 · x from here on; states after a norm hardly reach -4.
FAR_ABOVE_0 = 8.0
# Logit of a state that is its word: |γ · norm(h)| times the mean length of a word's embedding.
OWN_WORD = 7.0


def start_term_model(
    folder: Path, layers: Sequence[int] | None, *, query_max_tokens: int, passage_max_tokens: int
) -> tuple[Any, bool]:
    """Make a SparseEncoder of a backbone; also say whether its head had to be begun.

    Args:
        folder: of the backbone.
        layers: to keep, counted from 0; None keeps all.
        query_max_tokens: queries are cut here.
        passage_max_tokens: passages are cut here.

    Raises:
        InputError: a layer is named that is not there, or weights are missing that are not those of a head
            of the usual form.
    """
    from sentence_transformers import SparseEncoder
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sparse_encoder.modules import SpladePooling

    folder = _transformer_folder(folder)
    missing = missing_weights(folder)
    with _quiet():
        transformer = Transformer(
            str(folder),
            transformer_task="fill-mask",
            model_kwargs={"use_safetensors": True, "local_files_only": True},
        )
    with torch.no_grad():
        for name in sorted(missing):
            _begin(transformer.model, name)
    if layers is not None:
        cut_layers(transformer.model, layers)
    transformer.query_length, transformer.document_length = query_max_tokens, passage_max_tokens
    pooling = SpladePooling("max", embedding_dimension=transformer.model.config.vocab_size)
    model = SparseEncoder(modules=[transformer, pooling], device=device())
    model.max_seq_length = max(query_max_tokens, passage_max_tokens)
    return model, bool(missing)


def open_term_model(folder: Path) -> Any:  # noqa: ANN401  (SparseEncoder)
    """Open what was trained before."""
    from sentence_transformers import SparseEncoder

    options = {"use_safetensors": True}
    return SparseEncoder(str(folder), device=device(), local_files_only=True, model_kwargs=options)


def missing_weights(folder: Path) -> frozenset[str]:
    """Names of the tensors of a masked language model that the folder does not hold."""
    from transformers import AutoModelForMaskedLM

    with _quiet():
        _, found = AutoModelForMaskedLM.from_pretrained(
            str(folder), use_safetensors=True, local_files_only=True, output_loading_info=True
        )
    return frozenset(found["missing_keys"])


@contextmanager
def _quiet() -> Generator[None]:
    """Keep transformers from warning of the missing weights, which are handled here."""
    from transformers import logging

    before = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


def _transformer_folder(folder: Path) -> Path:
    """Where the transformer lies in a folder of sentence-transformers, which names its modules."""
    listed = folder / "modules.json"
    return folder / json.loads(listed.read_text(encoding="utf-8"))[0]["path"] if listed.is_file() else folder


def _begin(model: Any, name: str) -> None:  # noqa: ANN401  (a masked language model of transformers)
    """Set one missing tensor of the head."""
    tensor: Tensor = model.get_parameter(name)
    width, vocabulary = model.config.hidden_size, model.config.vocab_size
    in_body = name.startswith(f"{model.base_model_prefix}.")
    layer, _, part = name.rpartition(".")
    square = getattr(model.get_submodule(layer), "weight", tensor).shape == (width, width)
    match part, tuple(tensor.shape):
        case "weight", (rows, columns) if not in_body and rows == columns == width:
            tensor.copy_(torch.eye(width))
        case "weight", (size,) if not in_body and size == width:
            words = model.get_output_embeddings().weight.norm(dim=1).mean()
            tensor.fill_(OWN_WORD / math.sqrt(width) / words)
        case "bias", (size,) if not in_body and size == width:
            tensor.fill_(FAR_ABOVE_0 if square else 0.0)
        case "bias", (size,) if not in_body and size == vocabulary:
            tensor.zero_()
        case _:
            raise InputError(
                where=f"backbone {model.name_or_path}",
                found=f"no weights for {name}, {list(tensor.shape)}",
                expected="a masked language model, or one that lacks no more than its head: a dense layer, a "
                "norm and the bias of a decoder that is tied to the word embeddings",
                advice="Take a backbone that has them, such as all-MiniLM-L6-v2 or distilbert-base-uncased.",
            )
