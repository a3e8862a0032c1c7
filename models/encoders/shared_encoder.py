"""The transformer that is trained inside a model of the library, and which texts it reads.

A bi-encoder, a late-interaction model and a sparse one have one transformer for queries and passages. A
model with routes may have one on each, or one on a single route, and what is frozen is not trained.
"""

from collections.abc import Generator
from contextlib import contextmanager

from sentence_transformers.base.modules import Router, Transformer
from torch import nn

from data.errors import ConfigError


def shared_encoder(model: nn.Module) -> Transformer:
    """Give the first transformer of which a weight is trained.

    Raises:
        ConfigError: there is none.
    """
    for module in model.modules():
        if isinstance(module, Transformer) and any(each.requires_grad for each in module.parameters()):
            return module
    raise ConfigError(
        where="training.multi_task",
        found=f"a {type(model).__name__} without a transformer that is trained",
        expected="one, to learn from the texts themselves",
        advice="Leave multi_task out, or choose another backbone.",
    )


def reads(model: nn.Module, encoder: Transformer, task: str | None) -> bool:
    """Whether texts of a task, ``query`` or ``document``, pass through the encoder."""
    for router in model.modules():
        if isinstance(router, Router) and any(each is encoder for each in router.modules()):
            routes = dict(router.sub_modules.items())
            route = routes.get(task or "") or routes.get(router.default_route or "")
            return route is not None and any(each is encoder for each in route.modules())
    return True


@contextmanager
def dropping(model: nn.Module, share: float) -> Generator[None]:
    """Zero this share of activations for a while, wherever the model has a dropout."""
    found = [each for each in model.modules() if isinstance(each, nn.Dropout)]
    before = [each.p for each in found]
    for each in found:
        each.p = share
    try:
        yield
    finally:
        for each, usual in zip(found, before, strict=True):
            each.p = usual
