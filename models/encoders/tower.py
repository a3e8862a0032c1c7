"""An encoder that is to be trained: some layers of a model, and an end that fits its scores.

    transformer (cut)  →  pooling  →  [linear layer to another width]  →  [unit length]

All of it is in the model, so that whoever opens its folder scores as the student does.
"""

import copy
from collections.abc import Sequence
from typing import Any

import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense
from sentence_transformers.sentence_transformer.modules import Normalize
from torch import nn

from models.encoders.asymmetric import DOCUMENT, QUERY, modules_of
from models.encoders.layers import cut_layers
from models.encoders.sentence_model import Similarity
from models.hardware import device


def tower(
    model: SentenceTransformer,
    layers: Sequence[int] | None,
    similarity: Similarity,
    *,
    query_max_tokens: int,
    passage_max_tokens: int,
) -> SentenceTransformer:
    """A copy of ``model`` with these layers that makes unit vectors for ``cosine`` and others for ``dot``.

    Raises:
        InputError: a layer is named that the model does not have.
    """
    modules = [module for module in modules_of(copy.deepcopy(model)) if not isinstance(module, Normalize)]
    if similarity == "cosine":
        modules.append(Normalize())
    modules[0].query_length, modules[0].document_length = query_max_tokens, passage_max_tokens
    found = _model(modules, model, similarity)
    if layers is not None and found.transformers_model is not None:
        cut_layers(found.transformers_model, layers)
    found.max_seq_length = max(query_max_tokens, passage_max_tokens)
    return found


def widened(model: SentenceTransformer, width: int | None, seed: int) -> SentenceTransformer:
    """The model with vectors of ``width``: by a new linear layer before its end, if they have another now.

    Args:
        model: as ``tower`` makes it.
        width: wanted; None keeps what there is.
        seed: of the new layer.
    """
    own = model.get_embedding_dimension()
    if own is None or width is None or width == own:
        return model
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        linear = Dense(own, width, activation_function=nn.Identity())
    modules = modules_of(model)
    place = next((n for n, each in enumerate(modules) if isinstance(each, Normalize)), len(modules))
    return _model([*modules[:place], linear, *modules[place:]], model, model.similarity_fn_name)


def _model(modules: list[Any], like: SentenceTransformer, similarity: Any) -> SentenceTransformer:  # noqa: ANN401
    prompts = {name: like.prompts.get(name) or "" for name in (QUERY, DOCUMENT)}
    return SentenceTransformer(
        modules=modules, device=device(), prompts=prompts, similarity_fn_name=similarity
    )
