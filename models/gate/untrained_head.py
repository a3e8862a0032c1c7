"""A head that was random when it was saved: the file has every tensor, and nobody trained the last layer.

    t(q, p) = w · h(q, p) + b        the library draws w from a distribution of its own and sets b to 0

A head is untrained where nothing speaks against it:

    bias      every bias of the head is exactly 0; one step by a loss on single scores moves it
    weights   w is a sample of what the library draws: two-sample Kolmogorov-Smirnov, and its spread
    scores    w · h spreads over pairs no more than it does for other draws of w with the same h

The third is there because a loss on the difference of two scores (RankNet, Burges et al. 2005) has no
gradient by b: such a head keeps b = 0 for ever, and its weights hardly leave what was drawn. But w and h come
to fit each other, while a draw that knows nothing of h spreads its scores as other draws do. (A loss on lists
has no gradient by b either, but rounding errors move it.) What a fresh head looks like is asked of the
library, which draws it anew, for architectures differ: normal or truncated, of size 0.02 or 1/√dim.
An untrained head is missed in at most 0.2 % of cases: by each test at its level.
"""

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import nn

from models.gate.verdicts import Finding

LEVEL = 0.001
# Standard errors that the spread of w may lie from that of the draws: beyond them are 0.006 % of normal ones.
ERRORS = 4.0
# With so many, the smallest share that can be found, 1 in 2000, is below the level.
DRAWS = 1999
SEED = 0


def untrained_head(model: Any, pairs: Sequence[tuple[str, str]], max_tokens: int) -> Finding:  # noqa: ANN401
    """The finding ``untrained_head``: 1 where nothing tells the head from a fresh one, else 0.

    Args:
        model: a CrossEncoder of sentence-transformers whose score is one number.
        pairs: query and passage, some of those that it scored; fewer than two leave the third test out.
        max_tokens: pairs are cut here.
    """
    transformer = model.transformers_model
    name = last_layer(transformer)
    if name is None:
        return Finding(None, "no linear layer after its body gives the score")
    weights, biases = _numbers(transformer.get_submodule(name).weight)[0], head_biases(transformer, name)
    draws, bias_is_drawn = drawn(transformer, name)
    if not biases or bias_is_drawn:
        return Finding(None, f"{name} has no bias that starts at 0, by which a fresh head is told")
    p_value, errors = _alike(weights, draws)
    largest = max(biases, key=lambda each: np.abs(biases[each]).max())
    size = np.abs(biases[largest]).max()
    said = "is 0" if size == 0 else f"is not 0 but {size:.2g}"
    note = f"{largest} {said}; weights as drawn: KS p {p_value:.2g}"
    if size > 0 or p_value < LEVEL or errors > ERRORS:
        return Finding(0.0, note)
    states = _states(model, name, pairs, max_tokens)
    if states is None:
        return Finding(1.0, note)
    share = share_as_wide(states, weights, draws)
    return Finding(float(share >= LEVEL), f"{note}; scores spread as much for {100 * share:.2g} % of draws")


def last_layer(transformer: Any) -> str | None:  # noqa: ANN401  (a model of transformers)
    """Name of the linear layer after the body that gives one number."""
    body = f"{transformer.base_model_prefix}."
    found = [
        name
        for name, module in transformer.named_modules()
        if isinstance(module, nn.Linear) and module.out_features == 1 and not name.startswith(body)
    ]
    return found[-1] if found else None


def head_biases(transformer: Any, layer: str) -> dict[str, np.ndarray]:  # noqa: ANN401
    """The biases beside the layer, in the part of the model that holds it."""
    part = layer.split(".", maxsplit=1)[0]
    return {
        name: _numbers(bias)
        for name, bias in transformer.named_parameters()
        if name.startswith(f"{part}.") and name.endswith("bias")
    }


def drawn(transformer: Any, layer: str) -> tuple[Float[np.ndarray, "draw dim"], bool]:  # noqa: ANN401
    """Weights of the layer as the library draws them, and whether it draws the bias too.

    A twin of the model holds shapes only; of it nothing but this layer is filled.
    """
    with torch.device("meta"):
        twin = type(transformer)(copy.deepcopy(transformer.config))
    module = twin.get_submodule(layer).to_empty(device="cpu")
    parts = layer.split(".")
    # As the library does: what holds a layer comes after it, and some architectures fill it then.
    owners = [twin.get_submodule(".".join(parts[:length])) for length in range(len(parts), -1, -1)]
    draws: list[np.ndarray] = []
    biases: list[np.ndarray] = []
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(SEED)
        module.reset_parameters()
        for _ in range(DRAWS):
            for owner in owners:
                twin._init_weights(owner)
            draws.append(_numbers(module.weight)[0])
            biases += [] if module.bias is None else [_numbers(module.bias)]
    return np.stack(draws), any(bias.any() for bias in biases)


def share_as_wide(
    states: Float[np.ndarray, "pair dim"],
    weights: Float[np.ndarray, " dim"],
    draws: Float[np.ndarray, "draw dim"],
) -> float:
    """The share of draws, the weights among them, whose scores of these states spread as much or more.

    >>> share_as_wide(np.float32([[0, 1], [0, 3]]), np.float32([9, 2]), np.float32([[5, 1], [1, -4]]))
    0.6666666666666666
    """
    centred = states - states.mean(axis=0)
    own = float(np.square(centred @ weights).sum())
    others = np.square(centred @ draws.T).sum(axis=0)
    return float(1 + (others >= own).sum()) / (1 + len(draws))


def _alike(weights: np.ndarray, draws: np.ndarray) -> tuple[float, float]:
    """P-value that weights and draws have one distribution, and how many errors their spreads lie apart."""
    from scipy.stats import ks_2samp

    found: Any = ks_2samp(weights, draws.ravel(), method="asymp")
    spreads = draws.std(axis=1)
    error = float(spreads.std())
    return float(found.pvalue), abs(float(weights.std() - spreads.mean())) / error if error else 0.0


def _states(model: Any, layer: str, pairs: Sequence[tuple[str, str]], max_tokens: int) -> np.ndarray | None:  # noqa: ANN401
    """What the layer is given for each pair, [pair, dim]; None where it is not one vector a pair."""
    if len(pairs) < 2:
        return None
    caught: list[np.ndarray] = []
    hook = model.transformers_model.get_submodule(layer).register_forward_pre_hook(
        lambda _, inputs: caught.append(_numbers(inputs[0]))
    )
    limit = min(filter(None, (max_tokens, model.max_seq_length)))
    try:
        with torch.inference_mode():
            features = model.preprocess(list(pairs), max_length=limit)
            model({name: _on(model.device, value) for name, value in features.items()})
    finally:
        hook.remove()
    found = np.concatenate(caught)
    return found if found.ndim == 2 and len(found) == len(pairs) else None


def _on(device: torch.device, value: Any) -> Any:  # noqa: ANN401  (some are no tensors)
    return value.to(device) if isinstance(value, torch.Tensor) else value


def _numbers(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().float().cpu().numpy().copy()
