"""A student that makes one vector per token: the transformer of a model, cut, projected, masked, normalised.

    e_i = norm(W h_i),    W = the directions in which the tokens of some texts lie most

An untrained W that is drawn at random costs much in a short training. The first right singular vectors of
[norm(h_1), norm(h_2), …] are the projection to their number that changes all inner products of these tokens
least (Eckart, Young 1936), and they are to be had from the collection itself.
"""

import copy
import string
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from sentence_transformers import MultiVectorEncoder, SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize
from sentence_transformers.base.modules.transformer import Transformer
from sentence_transformers.multi_vector_encoder.modules import MultiVectorMask
from torch import Tensor, nn

from data.errors import InputError
from models.encoders.layers import cut_layers
from models.hardware import device

TOKENS = "token_embeddings"
AT_ONCE = 16


def open_token_model(folder: Path) -> MultiVectorEncoder:
    """Open a folder of this machine; weights that are no safetensors are refused."""
    return MultiVectorEncoder(
        str(folder), device=device(), local_files_only=True, model_kwargs={"use_safetensors": True}
    )


def start_token_model(  # noqa: PLR0913  (what a model is made of)
    folder: Path,
    layers: Sequence[int] | None,
    width: int | None,
    *,
    query_max_tokens: int,
    passage_max_tokens: int,
    skip_punctuation: bool,
) -> MultiVectorEncoder:
    """Make a model of a backbone in ``folder``; ``width`` None keeps that of its states.

    Queries are padded with [MASK] to their length. Tokens do not attend to these, which attend to the query
    and are scored as its tokens are. Tokens of passages that are one mark of punctuation are not scored.

    Raises:
        InputError: the backbone does not have a named layer, or states as wide as ``width``.
    """
    backbone = SentenceTransformer(
        str(folder), device=device(), local_files_only=True, model_kwargs={"use_safetensors": True}
    )
    transformer: Any = backbone[0]
    if layers is not None:
        cut_layers(transformer.model, layers)
    shape_queries(transformer, query_max_tokens, passage_max_tokens)
    known = backbone.tokenizer.get_vocab()
    marks = [mark for mark in string.punctuation if mark in known] if skip_punctuation else []
    projection = () if width is None else (_projection(transformer, width),)
    modules: list[nn.Module] = [
        transformer,
        *projection,
        MultiVectorMask(marks),
        Normalize(module_input_name=TOKENS),
    ]
    return MultiVectorEncoder(modules=modules, device=device(), similarity_fn_name="maxsim")


def cut_copy(
    model: MultiVectorEncoder, layers: Sequence[int] | None, query_max_tokens: int, passage_max_tokens: int
) -> MultiVectorEncoder:
    """Copy a model, weights and all, and keep the named layers of the copy; None keeps all.

    Raises:
        InputError: a layer is named that the model does not have.
    """
    copied = copy.deepcopy(model)
    transformer: Any = copied[0]
    if layers is not None:
        cut_layers(transformer.model, layers)
    shape_queries(transformer, query_max_tokens, passage_max_tokens)
    return copied.requires_grad_(requires_grad=True)


def shape_queries(transformer: Transformer, query_max_tokens: int, passage_max_tokens: int) -> None:
    """Say where texts are cut and how far queries are padded."""
    # Of the length before, queries may not be longer than their padding.
    transformer.query_expansion = None
    transformer.query_length, transformer.document_length = query_max_tokens, passage_max_tokens
    transformer.query_expansion = {"strategy": "fixed", "attend": False, "length": query_max_tokens}
    transformer.max_seq_length = max(query_max_tokens, passage_max_tokens)


def _projection(transformer: Transformer, width: int) -> Dense:
    states = transformer.get_embedding_dimension()
    if width > states:
        raise InputError(
            where="width",
            found=str(width),
            expected=f"at most {states}, which is that of the backbone's states",
            advice="Lower width, or leave it out.",
        )
    dense = Dense(
        in_features=states,
        out_features=width,
        bias=False,
        activation_function=nn.Identity(),
        module_input_name=TOKENS,
    )
    nn.init.orthogonal_(dense.linear.weight, generator=torch.Generator().manual_seed(0))
    return dense


def fit_projection(model: MultiVectorEncoder, queries: Sequence[str], passages: Sequence[str]) -> None:
    """Project to the directions in which the tokens of these texts lie most; nothing where none is."""
    dense = next((module for module in model if isinstance(module, Dense)), None)
    if dense is None:
        return
    model.eval()
    states = torch.cat([*_states(model, queries, "query"), *_states(model, passages, "document")])
    weight = principal_directions(states, dense.out_features)
    dense.linear.weight.data.copy_(weight)


@torch.no_grad()
def _states(model: MultiVectorEncoder, texts: Sequence[str], task: str) -> Iterable[Tensor]:
    for start in range(0, len(texts), AT_ONCE):
        features = model.preprocess(list(texts[start : start + AT_ONCE]), task=task)
        features = {
            name: each.to(model.device) if isinstance(each, Tensor) else each
            for name, each in features.items()
        }
        output = model[0](features)
        yield output[TOKENS][output["attention_mask"].bool()].float()


def principal_directions(vectors: Float[Tensor, "token dim"], width: int) -> Float[Tensor, "width dim"]:
    """Orthogonal directions, ``width`` of them, in which vectors of whatever length lie most.

    >>> principal_directions(torch.tensor([[5.0, 0.0], [1.0, 0.0], [0.0, 1.0]]), 1).abs()
    tensor([[1., 0.]])
    """
    units = nn.functional.normalize(vectors.double(), dim=-1)
    # Not of the centred vectors: scores are inner products, and their mean is a direction as any other.
    _, directions = torch.linalg.eigh(units.T @ units)
    return directions.flip(1)[:, :width].T.to(vectors.dtype)
