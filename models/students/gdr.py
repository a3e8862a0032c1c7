"""GDR: write the cluster of the answer, then find the answer in it by vectors.

    L = w · L_path + L_match + r · L_rdrop,       score(q, p) = E_q(q) · E_p(p) + α · P(cluster of p | q)

One encoder of queries serves a decoder, which writes paths of the tree of clusters, and the match of vectors,
which learns from **cluster-adaptive negatives**: passages of the answer's own cluster, weighted by β. The
passages' vectors are those of another student (``documents``) or of section ``embed``, and frozen; their
encoder may learn afterwards, while the clusters stay. α is chosen on the split dev.

Controls: ``dense_only`` learns the match alone and searches everything; without ``documents`` clusters and
vectors are those of an untrained encoder; ``negatives`` come from BM25 or at random; section ``cluster`` sets
the number of clusters. Source: Yuan et al. 2024, https://arxiv.org/abs/2401.10487; defaults from its code,
but r (``rdrop_weight``) is 0.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from models.coarse_student import CoarseStudentConfig
from models.student import Lesson, Shelf
from models.weights import fetch

if TYPE_CHECKING:
    from models.coarse_course import Ground
    from models.encoders.coarse_model import CoarseModel
    from models.retriever import Retriever

STATE = "gdr.json"


class GdrConfig(CoarseStudentConfig):
    """Settings of GDR (``models.coarse_student``)."""

    kind: Literal["gdr"] = "gdr"

    def build(self, seed: int) -> "Gdr":
        """Cut the backbone, if one is named; else the student starts when it meets the other student.

        Raises:
            ModelUnavailable: the backbone is not to be had.
            InputError: a layer is named that the backbone does not have.
        """
        from models.coarse_course import query_model
        from models.encoders.encoder_part import open_encoder

        del seed
        return Gdr(self, query_model(self, open_encoder(fetch(self.backbone))) if self.backbone else None)

    def load(self, folder: Path) -> "Gdr":
        """Open a student that ``save`` wrote."""
        from models.clustering.cluster_tree import FILE, ClusterTree
        from models.encoders.coarse_model import CoarseModel

        alpha = json.loads((folder / STATE).read_text(encoding="utf-8"))["alpha"]
        tree = ClusterTree.load(folder) if (folder / FILE).is_file() else None
        return Gdr(self, CoarseModel.load(folder), tree, alpha)


class Gdr:
    """The student; ``tree`` is a copy of the clusters that it learned, ``alpha`` what was chosen."""

    def __init__(
        self,
        config: GdrConfig,
        model: "CoarseModel | None" = None,
        tree: Any = None,  # noqa: ANN401  (ClusterTree)
        alpha: float = 0.0,
    ) -> None:
        self.config = config
        # Typed loosely: whoever asks for weights has a student that has begun.
        self.model: Any = model
        self.tree = tree
        self.alpha = alpha
        self.facts: dict[str, float] = {}

    def train(self, lesson: Lesson) -> pa.Table:
        """Learn from queries and pieces of passages, choose α, and give the curve.

        Raises:
            ConfigError: no train query has an answer; the named student makes no vectors; the miner found
                nothing; α is to be chosen, and no query of the split dev has an answer.
            StageFailed: the loss is no longer a number.
        """
        from models.coarse_course import Ground, begin, learn

        ground = Ground.of(lesson, self.config)
        self.model, self.tree = begin(self.config, self.model, ground, lesson), ground.tree
        curve, self.facts = learn(self.config, self.model, ground, lesson)
        if not self.config.dense_only:
            self._choose(ground, lesson)
        return curve

    def _choose(self, ground: "Ground", lesson: Lesson) -> None:
        """Set α, and put into the facts how well clusters are written."""
        from models.cluster_tuning import Exam, tune, written
        from models.retrievers.coarse_to_fine import CoarseToFineRetriever

        config, exam = self.config, Exam.of(lesson, self.config.dev_queries)
        shelf = Shelf(lesson.passages.collect().sort("pid").to_arrow(), ground.vectors)
        retriever = self.retriever(shelf)
        assert isinstance(retriever, CoarseToFineRetriever)  # noqa: S101  (there is a decoder)
        if config.alpha == "dev":
            self.alpha, value = tune(retriever, exam, shelf.pids, config.alphas, config.alpha_measure)
            self.facts[f"{config.alpha_measure}_dev"] = value
        else:
            self.alpha = config.alpha
        self.facts |= {"alpha": self.alpha} | written(retriever, exam, shelf.pids)

    def retriever(self, shelf: Shelf) -> "Retriever":
        """Put each passage into the cluster whose centroids are nearest to its vector.

        Raises:
            ArtifactMissing: the shelf has no vectors.
        """
        from models.coarse_course import index

        return index(self.config, self.model, self.tree, shelf, self.alpha)

    def save(self, folder: Path) -> None:
        """Write the encoders, the decoder, the tree and α."""
        folder.mkdir(parents=True, exist_ok=True)
        self.model.save(folder)
        if self.tree is not None:
            self.tree.save(folder)
        (folder / STATE).write_text(json.dumps({"alpha": self.alpha}), encoding="utf-8")
