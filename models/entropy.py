"""How undecided targets are, and the temperature that makes them as undecided as is wanted.

    share(β) = mean over lists of  H(softmax(β · t)) / ln n          in (0, 1], 1 for equal odds

falls as β grows, for dH/dβ = -β · Var(t) ≤ 0 under the softmax, so that bisection finds the β of a share.
Lists of one passage say nothing and do not count.
"""

import numpy as np
import numpy.typing as npt
import polars as pl

from data.errors import ConfigError

TOLERANCE = 1e-6
# Halvings of the logarithm of β, over the sixty powers of ten that float32 scores can need.
STEPS = 200
SHARPEST = 1e30


def sharpness_for_entropy(labels: pl.Series, entropy: float) -> float:
    """The β, 1 / temperature, at which the mean entropy of softmax(β · labels) is ``entropy`` · ln n.

    Args:
        labels: lists of scores.
        entropy: a share of the entropy of equal odds, within (0, 1); reached within 1e-6.

    Raises:
        ConfigError: no β gives it, because too many lists have several best passages.

    >>> ln2 = 0.6931472  # odds of 3 : 1 have 0.8113 bits
    >>> round(sharpness_for_entropy(pl.Series([[ln2, 0.0]]), 0.811278), 3)  # 2 ** β = 3
    1.585
    """
    lists = Softened(labels)
    lowest = lists.share(SHARPEST)
    if lowest >= entropy:
        raise ConfigError(
            where=f"targets.entropy = {entropy:g}",
            found=f"{lists.sizes.size} lists whose softmax has at least {lowest:.4g} of the entropy of equal "
            "odds, for some have several best passages",
            expected="lists that a temperature makes that decided",
            advice="Raise targets.entropy, or take a teacher that tells the passages apart.",
        )
    low, middle, high = np.log(1 / SHARPEST), 0.0, np.log(SHARPEST)
    for _ in range(STEPS):
        found = lists.share(np.exp(middle))
        if abs(found - entropy) < TOLERANCE:
            break
        low, high = (middle, high) if found > entropy else (low, middle)
        middle = (low + high) / 2
    return float(np.exp(middle))


class Softened:
    """Lists laid end to end, each less its best score, so that many softmaxes are a few array operations."""

    def __init__(self, labels: pl.Series) -> None:
        lists = labels.filter(labels.list.len() > 1)
        self.sizes: npt.NDArray[np.int64] = lists.list.len().to_numpy().astype(np.int64)
        self.starts = np.cumsum(self.sizes) - self.sizes
        scores = lists.explode().cast(pl.Float64).to_numpy()
        best = np.maximum.reduceat(scores, self.starts) if self.sizes.size else scores
        self.below = scores - np.repeat(best, self.sizes)

    def share(self, sharpness: float) -> float:
        """Mean entropy of the softmax of ``sharpness`` times the scores, each over ln n; 1 without lists."""
        if not self.sizes.size:
            return 1.0
        # A weight that underflows has no entropy: x · exp(x) is then 0, and must not be infinity times 0.
        scaled = np.maximum(sharpness * self.below, -700.0)
        weights = np.exp(scaled)
        total = np.add.reduceat(weights, self.starts)
        # H = ln Z - Σ (x · exp(x)) / Z
        entropy = np.log(total) - np.add.reduceat(weights * scaled, self.starts) / total
        return float((entropy / np.log(self.sizes)).mean())
