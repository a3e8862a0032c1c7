"""How healthy a clustering is: sizes, depth, balance, and what went wrong, level by level.

    balance = − Σ_i p_i log p_i / log n        p_i = share of the passages in cluster i of the n clusters

1 where all clusters are equally large, near 0 where one holds nearly everything. Level l looks at the
clusters whose path has l digits; level 0 at the whole tree: it counts all clusters, and sizes and
balance are those of the leaves.
"""

import numpy as np
import pyarrow as pa
from jaxtyping import Int64

from data.schemas import CLUSTER_HEALTH
from data.tables import from_rows
from models.clustering.cluster_tree import END
from models.clustering.hierarchical_kmeans import Clustering

Sizes = Int64[np.ndarray, " cluster"]


def health(clustering: Clustering, c: int) -> pa.Table:
    """Describe a clustering whose leaves should hold ``c`` passages at most (table ``cluster_health``).

    ``oversized`` counts leaves that hold more, ``empty`` the clusters that were dropped because no
    passage was nearest to them, ``collisions`` the passages whose vector another passage has as well.
    """
    tree, levels = clustering.tree, clustering.tree.levels()
    sizes = _sizes(clustering)
    rows: list[tuple[int, str, float]] = []
    for level in range(int(levels.max()) + 1):
        here = tree.is_leaf if level == 0 else levels == level
        measures = {
            "clusters": float(len(levels) - 1 if level == 0 else here.sum()),
            "leaves": float((here & tree.is_leaf).sum()),
            **_spread(sizes[here]),
            "oversized": float((here & tree.is_leaf & (sizes > c)).sum()),
            "empty": float(sum(clustering.empty.values()) if level == 0 else clustering.empty.get(level, 0)),
        }
        if level == 0:
            collisions = len(clustering.paths) - clustering.distinct
            measures |= {"depth": float(levels.max()), "collisions": float(collisions)}
        rows += [(level, measure, value) for measure, value in measures.items()]
    return from_rows(rows, CLUSTER_HEALTH)


def _sizes(clustering: Clustering) -> Int64[np.ndarray, " node"]:
    """Passages below each node."""
    sizes = np.zeros(len(clustering.tree.spans), dtype=np.int64)
    at = np.zeros(len(clustering.paths), dtype=np.int64)
    sizes[0] = len(at)
    for digits in clustering.paths.T:
        goes_on = digits != END
        at = np.where(goes_on, clustering.tree.spans[at, 0] + digits, at)
        sizes += np.bincount(at[goes_on], minlength=len(sizes))
    return sizes


def _spread(sizes: Sizes) -> dict[str, float]:
    return {
        "passages": float(sizes.sum()),
        "size_min": float(sizes.min()),
        "size_median": float(np.median(sizes)),
        "size_max": float(sizes.max()),
        "balance": balance(sizes),
    }


def balance(sizes: Sizes) -> float:
    """Entropy of the shares over its maximum; 1 for a single cluster.

    >>> balance(np.array([5, 5])), round(balance(np.array([9, 1])), 3)
    (1.0, 0.469)
    """
    if len(sizes) == 1:
        return 1.0
    shares = sizes / sizes.sum()
    return float(-(shares * np.log(shares)).sum() / np.log(len(sizes)))
