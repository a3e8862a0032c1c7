"""Cluster: passages with near vectors get paths with equal beginnings, by hierarchical k-means."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, NonNegativeInt, PositiveInt

from data.artifacts import ArtifactStore
from data.drafts import Draft
from data.manifests import ArtifactRef
from data.schemas import CLUSTER_HEALTH, CLUSTERS, embeddings_schema
from models.clustering.cluster_tree import END
from models.clustering.health import health
from models.clustering.hierarchical_kmeans import Splitting, hierarchical_kmeans
from models.parts import CENTROIDS
from models.settings import Settings
from tasks.stage import stage


class ClusterConfig(Settings):
    """When a cluster is split, and how."""

    k: int = Field(
        default=Splitting.k,
        ge=2,
        le=np.iinfo(np.int16).max,
        description="Clusters of a split; 30 in GDR's code.",
    )
    c: PositiveInt = Field(
        default=Splitting.c, description="Passages above which a cluster is split again; 30 in GDR's code."
    )
    max_depth: int = Field(
        default=Splitting.max_depth,
        ge=1,
        le=64,
        description="Digits of the longest path; GDR's code sets no limit.",
    )
    seed: NonNegativeInt = Field(default=Splitting.seed, le=2**31 - 1, description="Of the first centroids.")
    iterations: PositiveInt = Field(
        default=Splitting.iterations, description="Of each k-means; FAISS' default."
    )

    def splitting(self) -> Splitting:
        """Give the values to the mathematics."""
        return Splitting(**self.model_dump())


@stage(reads={"embeddings": ("embeddings.parquet",)})
def cluster_passages(
    draft: Draft, store: ArtifactStore, config: ClusterConfig, *, embeddings: ArtifactRef
) -> None:
    """Write ``clusters``, ``cluster_health`` and the centroids that place new passages."""
    # The width is not known before the file is seen; the name of the table does not depend on it.
    path = store.table_path(embeddings, embeddings_schema(1))
    schema = embeddings_schema(pq.read_schema(path).field("vector").type.list_size)
    table = store.read(schema, embeddings)
    clustering = hierarchical_kmeans(vectors_of(table), config.splitting())
    report = health(clustering, config.c)
    draft.write(clusters_of(table["pid"], clustering.paths), CLUSTERS)
    draft.write(report, CLUSTER_HEALTH)
    clustering.tree.save(draft.folder(CENTROIDS))
    whole = {row["measure"]: row["value"] for row in report.to_pylist() if row["level"] == 0}
    counted = ("passages", "leaves", "depth", "size_max", "oversized", "empty", "collisions")
    draft.note(**{name: int(whole[name]) for name in counted}, balance=round(whole["balance"], 3))


def vectors_of(embeddings: pa.Table) -> np.ndarray:
    """The vectors as one matrix, [passage, dim].

    >>> column = pa.array([[1.0, 2.0], [3.0, 4.0]], pa.list_(pa.float32(), 2))
    >>> vectors_of(pa.table({"vector": column}))
    array([[1., 2.],
           [3., 4.]], dtype=float32)
    """
    column = embeddings["vector"]
    parts = [chunk.flatten().to_numpy() for chunk in column.chunks]
    return np.concatenate(parts).reshape(-1, column.type.list_size)


def clusters_of(pids: pa.ChunkedArray, paths: np.ndarray) -> pa.Table:
    """The table ``clusters`` of paths that are filled up with ``END``.

    >>> clusters_of(pa.chunked_array([["a", "b"]]), np.int16([[3, END], [1, 0]]))["path"].to_pylist()
    [[3], [1, 0]]
    """
    is_digit = paths != END
    offsets = np.concatenate([[0], np.cumsum(is_digit.sum(axis=1))]).astype(np.int32)
    kind = CLUSTERS.columns.field("path").type
    column = pa.ListArray.from_arrays(offsets, pa.array(paths[is_digit], kind.value_type), type=kind)
    return pa.Table.from_arrays([pids.combine_chunks(), column], schema=CLUSTERS.columns)
