"""Splits by a hash of the identifier: what is added later never moves what was there.

    u(id) = blake2b(salt · id) / 2⁶⁴  ∈ [0, 1)        carve: u < fraction        sample: the n smallest u

A random permutation would give every query another place as soon as one is added; u depends on
nothing but the identifier. Different salts make independent choices of the same identifiers.
"""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Literal

import numpy as np
import numpy.typing as npt

Split = Literal["train", "dev", "test"]
UNJUDGED = "unjudged"
CARVE = "carve dev from train"
SAMPLE = "sample queries"


def places(ids: Sequence[str], salt: str) -> npt.NDArray[np.uint64]:
    """The place of each identifier on a circle of 2⁶⁴ points."""
    start = blake2b(salt.encode() + b"\0", digest_size=8)
    digests = bytearray()
    for identifier in ids:
        hashed = start.copy()
        hashed.update(identifier.encode())
        digests += hashed.digest()
    return np.frombuffer(bytes(digests), dtype=">u8").astype(np.uint64)


def carve(ids: Sequence[str], fraction: float) -> npt.NDArray[np.bool_]:
    """Mark about ``fraction`` of the identifiers, each by itself.

    >>> carve(["q1", "q2", "q3"], 0.0).any()
    np.False_
    """
    return places(ids, CARVE).astype(np.float64) < fraction * 2.0**64


def sample(ids: Sequence[str], limit: int | None) -> npt.NDArray[np.bool_]:
    """Mark ``limit`` of the identifiers, those with the smallest hash; None marks all.

    A smaller limit marks a part of what a larger one marks, and an identifier that is added
    pushes out at most one other.

    >>> sample(["q1", "q2", "q3"], 2).sum()
    np.int64(2)
    """
    if limit is None or limit >= len(ids):
        return np.ones(len(ids), dtype=np.bool_)
    chosen = np.zeros(len(ids), dtype=np.bool_)
    # Equal hashes are as good as impossible; the identifier itself makes the order total.
    order = np.lexsort((np.array(ids, dtype=object), places(ids, SAMPLE)))
    chosen[order[:limit]] = True
    return chosen
