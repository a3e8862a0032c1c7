"""Degeneration: whether the two vectors of a pair still are those of its two texts.

    from_other = within / (within + between)              spread = (within + between) / mean || e ||²

    within  = mean over own texts of the variance of e(own | other) over other texts
    between = variance over own texts of the mean of e(own | other) over other texts

and within + between is the whole variance, summed over dimensions. A sound side has ``from_other`` below 0.5:
its vectors differ more between texts than between what one text was read with. A ``spread`` near 0 says that
the side is constant but for crumbs, so that nothing could be found by it; below 0.05 it is worth a look.
A body whose score is an inner product of two vectors (``models.encoders.dual_pooling``) can put all that it
knows of a pair into one of them; what is taught by such vectors learns nothing from the other.
"""

from dataclasses import asdict, dataclass

import numpy as np
from jaxtyping import Float


@dataclass(frozen=True)
class Degeneration:
    """The two numbers of one side, both between 0 and 1."""

    from_other: float
    spread: float


def degeneration(vectors: Float[np.ndarray, "own other dim"]) -> Degeneration:
    """Measure one side; a side that is constant has ``from_other`` 1.

    Args:
        vectors: every own text read with every other.

    >>> constant_but_for_the_other = np.float32([[[1, 0], [3, 0]], [[1, 0], [3, 0]]])
    >>> degeneration(constant_but_for_the_other)
    Degeneration(from_other=1.0, spread=0.2)
    """
    exact = vectors.astype(np.float64)
    within = float(exact.var(axis=1).sum(axis=-1).mean())
    between = float(exact.mean(axis=1).var(axis=0).sum())
    length = float(np.square(exact).sum(axis=-1).mean())
    whole = within + between
    return Degeneration(within / whole if whole else 1.0, whole / length if length else 0.0)


def degeneration_facts(
    queries: Float[np.ndarray, "query passage dim"], passages: Float[np.ndarray, "query passage dim"]
) -> dict[str, float]:
    """The numbers of both sides, by name, from the vectors of every query read with every passage."""
    sides = {"query": queries, "passage": passages.swapaxes(0, 1)}
    return {
        f"{side}_{name}": round(value, 4)
        for side, vectors in sides.items()
        for name, value in asdict(degeneration(vectors)).items()
    }
