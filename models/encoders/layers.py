"""Keep some layers of a transformer: a smaller model that starts from what the larger one knows.

A model of six layers cut to [0, 5] has a third of the work and its embeddings whole. Which layers
to keep is a choice; first and last are a usual one.
"""

from collections.abc import Sequence

from torch import nn
from transformers import PreTrainedModel

from data.errors import InputError


def cut_layers(model: PreTrainedModel, layers: Sequence[int]) -> None:
    """Keep the named layers of ``model``, counted from 0, in the order of the model; it changes in place.

    The configuration is changed too, so that the cut model is saved and loaded as what it is.

    Raises:
        InputError: a layer is not there or named twice, or the model's layers cannot be found.
    """
    stack = _stack(model)
    kept = sorted(set(layers))
    if not kept or len(kept) < len(layers) or kept[0] < 0 or kept[-1] >= len(stack):
        raise InputError(
            where="layers",
            found=str(list(layers)),
            expected=f"some of 0 to {len(stack) - 1}, each once (the model has {len(stack)} layers)",
            advice="Name the layers to keep, such as [0, 5] of a model with 6.",
        )
    config = model.config
    # Some architectures give each layer a type; the list belongs to the layers.
    types = getattr(config, "layer_types", None)
    if types is not None:
        config.layer_types = [types[layer] for layer in kept]
    for layer in reversed(range(len(stack))):
        if layer not in kept:
            del stack[layer]
    config.num_hidden_layers = len(kept)


def _stack(model: PreTrainedModel) -> nn.ModuleList:
    """Find the list of layers: the one list that has as many modules as the configuration says."""
    depth = model.config.num_hidden_layers
    lists = [module for module in model.modules() if isinstance(module, nn.ModuleList)]
    found = [stack for stack in lists if len(stack) == depth]
    # With one layer, short lists of something else may have the same length; the outermost comes first.
    if not found:
        raise InputError(
            where="layers",
            found=f"{type(model).__name__}, which has no list of {depth} layers",
            expected="a transformer with a list of layers, as BERT, RoBERTa, DistilBERT, MPNet have",
            advice="Leave layers out, or take another model.",
        )
    return found[0]
