"""First the clusters, then the passages in them: a decoder writes paths, and vectors are compared inside.

    score(q, p) = E_q(q) · E_p(p) + α · P(cluster of p | q),     for the passages of the written clusters
    P = softmax over the written paths of  log p(path | q) / length^λ

Only paths of the tree can be written, for the beam sees no other token. A passage lies in the cluster whose
centroids are nearest to its vector, so that one that was never learned from is found like the others.

Source: https://arxiv.org/abs/2401.10487 (GDR). Differs: its code does not apply the tree that it builds, and
takes tanh of inner products of unbounded length, so that near passages tie.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64

from models.clustering.prefix_tree import PrefixTree
from models.encoders.cluster_decoder import ClusterSteps, greedy
from models.encoders.coarse_model import CoarseModel, QueryReader, Read
from models.retriever import Hits, top_hits
from models.retrievers.constrained_beam import Written, constrained_beam

# Pairs of query and passage compared at a time; of 384 numbers they take 2 × 50 MB.
PAIRS = 32_768
NONE = -1


@dataclass(frozen=True)
class Places:
    """The passages of an index: the leaf of each, and its vector of unit length."""

    tree: PrefixTree
    leaves: Int64[np.ndarray, " passage"]
    vectors: Float32[np.ndarray, "passage dim"]


@dataclass(frozen=True)
class Writing:
    """How many paths are written for a query, and what their probability counts."""

    beams: int
    length_penalty: float
    alpha: float


@dataclass(frozen=True)
class Asked:
    """Queries as unit vectors, with the leaves written for them (``NONE``: no more) and their shares."""

    vectors: Float32[np.ndarray, "query dim"]
    leaves: Int64[np.ndarray, "query beam"]
    shares: Float32[np.ndarray, "query beam"]


class CoarseToFineRetriever:
    """An index of the passages of each leaf. To encode a query is to write its clusters."""

    def __init__(self, model: CoarseModel, reader: QueryReader, places: Places, writing: Writing) -> None:
        self._model = model
        self._reader = reader
        self._places = places
        self._writing = writing
        nodes = len(places.tree.spans)
        self._members = np.argsort(places.leaves, kind="stable")
        self._starts = np.concatenate([[0], np.cumsum(np.bincount(places.leaves, minlength=nodes))])
        self._queries = self._candidates = 0

    @property
    def leaves(self) -> Int64[np.ndarray, " passage"]:
        """Node that each passage lies in."""
        return self._places.leaves

    @property
    def index_bytes(self) -> int:
        """Size of the vectors, the tree and its passages."""
        tree, vectors = self._places.tree, self._places.vectors
        parts = (vectors, self._members, self._starts, tree.spans, tree.levels)
        return sum(part.nbytes for part in parts)

    @property
    def parameters(self) -> int:
        """Number of weights of the query encoder and the decoder."""
        return self._model.query_parameters

    def costs(self) -> dict[str, float]:
        """Passages compared with a query so far; leaves of the tree; size of the decoder's weights."""
        return {
            "candidates_per_query": self._candidates / max(1, self._queries),
            "leaves": float(self._places.tree.leaves),
            "decoder_bytes": float(self._model.decoder_bytes),
        }

    def weighing(self, alpha: float) -> "CoarseToFineRetriever":
        """The same with another weight of the clusters' probability."""
        writing = replace(self._writing, alpha=alpha)
        return CoarseToFineRetriever(self._model, self._reader, self._places, writing)

    @torch.inference_mode()
    def encode(self, queries: Sequence[str]) -> Asked:
        """One vector per query, and the clusters that are written for it."""
        width, beams = self._places.vectors.shape[1], self._writing.beams
        found = Asked(
            vectors=np.zeros((len(queries), width), dtype=np.float32),
            leaves=np.full((len(queries), beams), NONE, dtype=np.int64),
            shares=np.zeros((len(queries), beams), dtype=np.float32),
        )
        tree = self._places.tree
        for read in self._reader.read(queries):
            found.vectors[read.rows] = read.vectors
            with self._reader.autocast():
                steps = self._steps(read)
                written = constrained_beam(steps, tree, beams=beams, max_tokens=tree.max_tokens)
            for row, paths in zip(read.rows, written, strict=True):
                found.leaves[row, : len(paths)] = [tree.leaf(path.tokens) for path in paths]
                found.shares[row, : len(paths)] = shares(paths, self._writing.length_penalty)
        return found

    @torch.inference_mode()
    def valid_share(self, queries: Sequence[str]) -> float:
        """Share of the queries whose path is one of the tree when nothing constrains it."""
        tree, valid = self._places.tree, 0
        for read in self._reader.read(queries):
            with self._reader.autocast():
                paths = greedy(self._steps(read), len(read.rows), tree.end, tree.max_tokens)
            valid += sum(tree.leaf(path) is not None for path in paths)
        return valid / max(1, len(queries))

    def _steps(self, read: Read) -> ClusterSteps:
        decoder = self._model.decoder
        assert decoder is not None  # noqa: S101  (without one there are no clusters to search by)
        return ClusterSteps(decoder.eval(), read.tokens, read.is_token)

    def search(self, encoded: Asked, depth: int) -> Hits:
        """Give the ``depth`` best passages of each query's clusters."""
        sizes = np.where(encoded.leaves == NONE, 0, np.diff(self._starts)[encoded.leaves])
        totals = sizes.sum(axis=1)
        self._queries += len(totals)
        self._candidates += int(totals.sum())
        rows = np.full((len(totals), depth), -1, dtype=np.int64)
        scores = np.full((len(totals), depth), -np.inf, dtype=np.float32)
        for start, stop in blocks(totals):
            hits = self._block(encoded, slice(start, stop), sizes[start:stop], depth)
            rows[start:stop, : hits.rows.shape[1]] = hits.rows
            scores[start:stop, : hits.rows.shape[1]] = hits.scores
        return Hits(rows, scores)

    def _block(self, encoded: Asked, some: slice, sizes: Int64[np.ndarray, "query beam"], depth: int) -> Hits:
        """Score every passage of some queries' clusters: pairs in one row, then a line per query."""
        totals, flat = sizes.sum(axis=1), sizes.ravel()
        query = np.repeat(np.arange(len(totals)), totals)
        # Where each pair stands in its cluster, and in its query's line.
        within = np.arange(totals.sum()) - np.repeat(np.cumsum(flat) - flat, flat)
        column = np.arange(totals.sum()) - np.repeat(np.cumsum(totals) - totals, totals)
        passage = self._members[np.repeat(self._starts[encoded.leaves[some].ravel()], flat) + within]
        near = np.vecdot(encoded.vectors[some][query], self._places.vectors[passage])
        likely = np.repeat(encoded.shares[some].ravel(), flat)
        rows = np.full((len(totals), int(totals.max(initial=0))), -1, dtype=np.int64)
        scores = np.full(rows.shape, -np.inf, dtype=np.float32)
        rows[query, column] = passage
        scores[query, column] = near + np.float32(self._writing.alpha) * likely
        return top_hits(scores, rows, depth)


def shares(paths: Sequence[Written], length_penalty: float) -> Float64[np.ndarray, " path"]:
    """Softmax over the log-probabilities of paths, each divided by a power of its length.

    >>> shares([Written((1, 2), -2.0), Written((0, 2), -2.0)], 0.8)
    array([0.5, 0.5])
    """
    logits = np.array([path.log_probability / len(path.tokens) ** length_penalty for path in paths])
    odds = np.exp(logits - logits.max(initial=-np.inf))
    return odds / odds.sum()


def blocks(totals: Int64[np.ndarray, " query"], pairs: int = PAIRS) -> list[tuple[int, int]]:
    """Cut queries into runs of at most ``pairs`` candidates; one that has more is a run of its own.

    >>> blocks(np.array([3, 4, 9, 1]), pairs=7)
    [(0, 2), (2, 3), (3, 4)]
    """
    found: list[tuple[int, int]] = []
    start = held = 0
    for place, total in enumerate(totals.tolist()):
        if held and held + total > pairs:
            found.append((start, place))
            start, held = place, 0
        held += total
    return [*found, (start, len(totals))] if len(totals) else found
