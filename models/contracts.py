"""What a loss takes of a teacher: a contract that is read before anything is trained.

    loss              scores as they are                                        or after
    margin_mse        logit, inner_product, bm25, log_probability, standard     any transform
    pairwise          as margin_mse
    score_mse         as margin_mse: it fits unit and zero itself, but not a bounded scale
    kl                logit                                     factor, affine_to, temperature_for_entropy
    infonce, constant_margin: they learn from no teacher and take anything
    filtered_infonce: it compares a list's scores by their order, which no transform changes

A softmax turns gaps into ratios, so ``kl`` needs scores whose gaps have the size of logits: those of cosines
are too small by a factor of about 20, and a list in [0, 1] gives its best passage at most e times the share
of its worst, whatever the teacher knew. A margin may be of any size, but not one that a bounded scale cuts
off near the top, nor one between ranks. A transform that is named says that its maker knows; none is made
silently. Factor 1 says that inner products are logits, as they are for a model trained with a softmax.
"""

from dataclasses import dataclass
from typing import get_args

from data.errors import ConfigError
from models.scales import MEANING, ScaleName
from models.targets import KINDS, AnyTarget


@dataclass(frozen=True)
class Contract:
    """What a loss takes: scores of some scales as they are, and any after some transforms."""

    as_they_are: frozenset[ScaleName]
    after: frozenset[str]


ANYTHING = Contract(frozenset(get_args(ScaleName)), frozenset(KINDS))
MARGINS = Contract(
    frozenset(("logit", "inner_product", "bm25", "log_probability", "standard")),
    frozenset(KINDS) - {"identity"},
)
CONTRACTS: dict[str, Contract] = {
    "margin_mse": MARGINS,
    "pairwise": MARGINS,
    "score_mse": MARGINS,
    "kl": Contract(frozenset(("logit",)), frozenset(("factor", "affine_to", "temperature_for_entropy"))),
    "infonce": ANYTHING,
    "constant_margin": ANYTHING,
    "filtered_infonce": ANYTHING,
}


def check_targets(loss: str, scale: ScaleName, target: AnyTarget, where: str) -> None:
    """Refuse a loss that would learn from scores it does not understand.

    Args:
        loss: a name in ``CONTRACTS``.
        scale: of the teacher's raw scores.
        target: what is made of them.
        where: the section of the configuration, for the message.

    Raises:
        ConfigError: the loss takes neither the scale as it is nor what the transform makes of it.
    """
    contract = CONTRACTS[loss]
    if target.kind in contract.after or (target.kind == "identity" and scale in contract.as_they_are):
        return
    known = [kind for kind in KINDS if kind in contract.after]
    raise ConfigError(
        where=where,
        found=f"scores of the scale {scale} ({MEANING[scale]}) with targets.kind = {target.kind!r}",
        expected=f"for the loss {loss} the scale {' or '.join(sorted(contract.as_they_are))} as it is, "
        f"or any scale after {', '.join(known)}",
        advice='Name a transform that fits, such as targets = { kind = "factor", by = 20.0 } for cosines.',
    )
