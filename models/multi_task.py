"""Multi-task: beside the distillation, a student learns from the texts themselves, with the same encoder.

    L = L_distillation + a · L_mlm + b · L_simcse

with the terms of ``models.text_tasks``, a = ``mlm_weight`` and b = ``simcse_weight``.

Tasks that share an encoder may pull it apart. Every so many steps

    cos(∇L_distillation, ∇L_task)        over the encoder's weights

is measured, at the price of another backward pass for each: 1 where both want the same, 0 where they do not
meet, below 0 where what helps one harms the other.
"""

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from models.encoders.shared_encoder import shared_encoder
from models.hardware import resolve_precision
from models.repeats import Features
from models.text_tasks import HiddenTokens, TwoPasses
from models.training import MultiTaskSettings, TrainingConfig


def with_tasks(loss: nn.Module, model: nn.Module, training: TrainingConfig, seed: int) -> nn.Module:
    """Give the loss of a training: the student's own, or with other tasks beside it.

    Raises:
        ConfigError: the model cannot learn one of them.
    """
    if training.multi_task is None:
        return loss
    return MultiTask(
        loss, model, training.multi_task, seed=seed, precision=resolve_precision(training.precision)
    )


class MultiTask(nn.Module):
    """A student's loss with other tasks beside it: its parts, by name, for the library's trainer to sum."""

    def __init__(
        self, loss: nn.Module, model: nn.Module, settings: MultiTaskSettings, *, seed: int, precision: str
    ) -> None:
        super().__init__()
        # First, so that weights keep the names by which the student's own loss knows them.
        self.loss = loss
        # So named, the library's trainer puts the model here that it has wrapped.
        self.model = model
        self._draws = torch.Generator().manual_seed(seed)
        self._weights = {"mlm": settings.mlm_weight, "simcse": settings.simcse_weight}
        self._weights = {name: weight for name, weight in self._weights.items() if weight > 0}
        self.tasks = nn.ModuleDict()
        if "mlm" in self._weights:
            self.tasks["mlm"] = HiddenTokens(model, settings, self._draws, precision)
        if "simcse" in self._weights:
            self.tasks["simcse"] = TwoPasses(model, settings)
        self._one_per_step = settings.one_per_step
        self._cosines_every = settings.cosines_every
        self._steps = 0
        self._cosines: dict[str, list[Tensor]] = {}

    def forward(self, features: Iterable[Features], labels: Tensor | None) -> dict[str, Tensor]:
        """Give the parts of the loss, weighed.

        Args:
            features: one for each column of the step: queries, then passages.
            labels: of the student's own loss.
        """
        columns = list(features)
        # The library's modules write into what they are given.
        found = self.loss([dict(column) for column in columns], labels)
        own: dict[str, Tensor] = found if isinstance(found, dict) else {"distillation": found}
        weights = self._weights_now()
        beside = {name: weight * self.tasks[name](columns) for name, weight in weights.items()}
        if self._cosines_every and self._steps % self._cosines_every == 0:
            self._compare(torch.stack(list(own.values())).sum(), beside)
        self._steps += 1
        none = next(iter(own.values())).new_zeros(())
        return {**own, **dict.fromkeys(self._weights, none), **beside}

    def memory(self) -> dict[str, Tensor]:
        """What was drawn, and how many steps there were (``models.resuming``)."""
        return {"draws": self._draws.get_state(), "steps": torch.tensor(self._steps)}

    def recall(self, memory: Mapping[str, Tensor]) -> None:
        """Draw on."""
        self._draws.set_state(memory["draws"])
        self._steps = int(memory["steps"])

    def measures(self) -> dict[str, float]:
        """Mean cosines of gradients since the last report, and what the student's own loss measured."""
        cosines = {
            f"gradient_cosine_{name}": float(torch.stack(found).mean())
            for name, found in self._cosines.items()
        }
        self._cosines = {}
        return getattr(self.loss, "measures", dict)() | cosines

    def _weights_now(self) -> dict[str, float]:
        """Tasks of this step: all, or one by lot that weighs for all, so that the mean is the same."""
        if not self._one_per_step or not self._weights:
            return self._weights
        names = list(self._weights)
        name = names[int(torch.randint(len(names), (), generator=self._draws))]
        return {name: len(names) * self._weights[name]}

    def _compare(self, own: Tensor, beside: dict[str, Tensor]) -> None:
        """Keep the cosine of each task's gradient with that of the student's own loss."""
        if not beside:
            return
        weights = [each for each in shared_encoder(self.model).parameters() if each.requires_grad]
        wanted = _gradient(own, weights)
        for name, loss in beside.items():
            self._cosines.setdefault(name, []).append(gradient_cosine(wanted, _gradient(loss, weights)))


def gradient_cosine(one: Sequence[Tensor], other: Sequence[Tensor]) -> Tensor:
    """Cosine of two gradients over the same weights; 0 where one of them is 0.

    >>> gradient_cosine([torch.tensor([3.0, 4.0])], [torch.tensor([0.0, 2.0])])
    tensor(0.8000)
    """
    flat = [torch.cat([each.flatten() for each in gradient]).float() for gradient in (one, other)]
    return F.cosine_similarity(*flat, dim=0)


def _gradient(loss: Tensor, weights: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Gradient of the weights, 0 for those that the loss does not reach; the graph is kept."""
    return torch.autograd.grad(loss, weights, retain_graph=True, allow_unused=True, materialize_grads=True)
