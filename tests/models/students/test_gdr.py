import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from data.errors import ArtifactMissing, ConfigError
from data.schemas import PASSAGES
from data.tables import from_rows
from models.clustering.cluster_tree import ClusterTree
from models.clustering.prefix_tree import PrefixTree
from models.retrievers.coarse_to_fine import CoarseToFineRetriever
from models.retrievers.dense import DenseRetriever
from models.student import Shelf, Trained
from models.students.bi_encoder import BiEncoderConfig
from models.students.gdr import GdrConfig
from models.training import TrainingConfig

SHORT = TrainingConfig(
    epochs=20, max_steps=6, batch_size=4, learning_rate=3e-3, warmup_share=0.0, precision="float32"
)
QUERIES = ["where does the rhine rise", "yellow metal", "grey metal"]


def config(backbone=None, **settings):
    chosen = {
        "name": "g",
        "backbone": None if backbone is None else str(backbone),
        "documents": None if backbone else "kl",
        "spans": {"per_passage": 1, "span_words": 4, "sentence_share": 0},
        "decoder": {"layers": 1, "adaptor_layers": 1, "rank": 8, "learning_rate": 3e-3},
        "beams": 3,
        "training": SHORT,
    }
    return GdrConfig(**chosen | settings)


@pytest.fixture
def shelf(tiny_collection, tiny_vectors):
    return Shelf(tiny_collection["passages"], tiny_vectors)


@pytest.fixture
def base(tiny_backbone, tmp_path):
    """A bi-encoder as its training left it."""
    settings = BiEncoderConfig(name="kl", backbone=str(tiny_backbone), training=SHORT)
    settings.build(0).save(tmp_path / "base")
    return Trained(settings, tmp_path / "base")


def taught(settings, lesson):
    student = settings.build(0)
    curve = student.train(lesson)
    return student, pl.DataFrame(curve)


def test_it_starts_from_the_student_it_builds_on_and_leaves_that_as_it_is(base, make_lesson):
    lesson = replace(make_lesson(), base=base)
    still = config(training=SHORT.model_copy(update={"learning_rate": 1e-12}), alpha=1.0)
    student, _ = taught(still, lesson)
    before = base.config.as_encoder(base.folder).encode_queries(QUERIES)
    found = student.model.queries.encode(QUERIES)
    np.testing.assert_allclose(found, before, atol=1e-4)


def test_a_base_without_an_encoder_is_refused(make_lesson):
    with pytest.raises(ConfigError, match=r"students\.g\.documents: found 'kl', which has no encoder"):
        config().build(0).train(make_lesson())


def test_the_curve_holds_both_losses_rate_and_gradient(tiny_backbone, make_lesson):
    student, curve = taught(config(tiny_backbone), make_lesson())
    assert {"loss", "path_loss", "match_loss", "learning_rate", "gradient_norm"} <= set(curve["measure"])
    assert curve["step"].max() == 6
    facts = student.facts
    assert facts["queries"] == 4
    assert facts["spans"] == 12
    assert facts["steps"] == 6
    assert facts["alpha"] in config(tiny_backbone).alphas
    assert 0 <= facts["cluster_recall_dev"] <= 1
    assert 0 <= facts["valid_identifiers"] <= 1
    assert 0 <= facts["nDCG@10_dev"] <= 1


def test_with_rdrop_each_path_is_read_twice_and_the_loss_says_so(tiny_backbone, make_lesson):
    shaken = SHORT.model_copy(update={"dropout": 0.1})
    _, curve = taught(config(tiny_backbone, rdrop_weight=0.15, training=shaken), make_lesson())
    found = curve.filter(measure="rdrop_loss")["value"]
    assert len(found) == 6
    assert (found > 0).all()


def test_rdrop_without_dropout_is_refused(tiny_backbone):
    still = SHORT.model_copy(update={"dropout": 0.0})
    with pytest.raises(ValueError, match="rdrop_weight: found a training without dropout"):
        config(tiny_backbone, rdrop_weight=0.15, training=still)


def test_a_passage_that_was_never_learned_from_is_found(
    tiny_backbone, make_lesson, tiny_collection, tiny_vectors
):
    """A new passage lies where the vector of the learned answer lies, and is found right behind it.

    Every cluster is written: which three of them six steps of training prefer depends on the processor.
    """
    student, _ = taught(config(tiny_backbone, alpha=1.0, beams=12), make_lesson())
    rows = [
        *tiny_collection["passages"].to_pylist(),
        {"pid": "zinc-1", "title": "Zinc", "text": "A new text."},
    ]
    passages = from_rows([tuple(row.values()) for row in rows], PASSAGES)
    place = tiny_collection["passages"]["pid"].to_pylist().index("rhine-1")
    shelf = Shelf(passages, np.concatenate([tiny_vectors, tiny_vectors[[place]] + np.float32(1e-4)]))
    retriever = student.retriever(shelf)
    hits = retriever.search(retriever.encode(QUERIES[:1]), 13).rows[0].tolist()
    assert 12 in hits
    assert abs(hits.index(12) - hits.index(place)) == 1


def test_only_passages_of_written_clusters_are_found(
    tiny_backbone, make_lesson, shelf, tiny_clusters, tiny_vectors
):
    student, _ = taught(config(tiny_backbone, beams=1), make_lesson())
    retriever = student.retriever(shelf)
    hits = retriever.search(retriever.encode(QUERIES), 12)
    tree = ClusterTree.load(tiny_clusters["centroids"])
    leaves = PrefixTree.of(tree).nodes(tree.assign(tiny_vectors))
    for rows in hits.rows:
        found = rows[rows >= 0]
        assert len(set(leaves[found].tolist())) == 1
        assert len(found) == (leaves == leaves[found[0]]).sum()


def test_the_control_searches_everything(tiny_backbone, make_lesson, shelf):
    student, curve = taught(
        config(tiny_backbone, dense_only=True, negatives="random"), make_lesson(clusters=None)
    )
    retriever = student.retriever(shelf)
    assert isinstance(retriever, DenseRetriever)
    assert "path_loss" not in set(curve["measure"])
    assert (retriever.search(retriever.encode(QUERIES), 12).rows >= 0).all()
    assert student.model.decoder is None


@pytest.mark.parametrize("negatives", ["cluster", "bm25", "random"])
def test_each_kind_of_negatives_teaches(tiny_backbone, make_lesson, negatives):
    student, curve = taught(config(tiny_backbone, negatives=negatives, miner="words"), make_lesson())
    assert curve.filter(measure="loss").height == 6
    assert (student.facts["lists_short"] > 0) == (negatives != "random")


def test_lists_without_own_negatives_learn_from_the_others(tiny_backbone, make_lesson):
    _, curve = taught(config(tiny_backbone, intra_negatives=0), make_lesson())
    assert curve.filter(measure="match_loss")["value"].min() > 0


def test_the_passages_encoder_learns_after_the_frozen_part(base, make_lesson, shelf, tmp_path):
    settings = config(train_passages=SHORT.model_copy(update={"max_steps": 3}), intra_negatives=2)
    student, curve = taught(settings, replace(make_lesson(), base=base))
    assert curve["step"].max() == 9
    assert student.facts["steps_passages"] == 3
    before = base.config.as_encoder(base.folder).model.state_dict()
    after = student.model.passages.state_dict()
    assert any(not torch.equal(each, after[name]) for name, each in before.items())
    # Clusters stay those of the vectors that are given, the match takes the learned ones.
    retriever = student.retriever(shelf)
    assert isinstance(retriever, CoarseToFineRetriever)
    texts = shelf.texts(settings.template)
    np.testing.assert_allclose(
        retriever._places.vectors, student.model.passages.encode_document(texts), atol=1e-5
    )
    tree = student.tree
    assert retriever.leaves.tolist() == PrefixTree.of(tree).nodes(tree.assign(shelf.vectors)).tolist()
    student.save(tmp_path / "saved")
    again = settings.load(tmp_path / "saved").retriever(shelf)
    hits = [each.search(each.encode(QUERIES), 5) for each in (retriever, again)]
    assert hits[0].rows.tolist() == hits[1].rows.tolist()
    assert hits[0].scores.tolist() == hits[1].scores.tolist()


def test_vectors_of_another_width_are_met_by_a_projection(
    tiny_backbone, make_lesson, tiny_collection, tmp_path
):
    rng = np.random.default_rng(0)
    wide = rng.normal(size=(12, 48)).astype(np.float32)
    tree = ClusterTree(
        np.zeros((3, 48), np.float32) + np.arange(3, dtype=np.float32)[:, None],
        np.array([[1, 3], [0, 0], [0, 0]]),
    )
    tree.save(tmp_path)
    pids = tiny_collection["passages"]["pid"].to_pylist()
    lesson = make_lesson(
        embeddings=pl.DataFrame({"pid": pids, "vector": pl.Series(wide, dtype=pl.Array(pl.Float32, 48))}),
        clusters=pl.DataFrame(
            {"pid": pids, "path": pl.Series(tree.assign(wide).tolist(), dtype=pl.List(pl.Int16))}
        ),
    )
    student, _ = taught(config(tiny_backbone), replace(lesson, centroids=tmp_path))
    assert student.model.queries.get_embedding_dimension() == 48
    retriever = student.retriever(Shelf(tiny_collection["passages"], wide))
    assert retriever.encode(QUERIES).vectors.shape == (3, 48)


def test_the_chosen_alpha_is_saved(tiny_backbone, make_lesson, tmp_path):
    settings = config(tiny_backbone, alphas=(2.5,))
    student, _ = taught(settings, make_lesson())
    student.save(tmp_path / "saved")
    assert json.loads((tmp_path / "saved" / "gdr.json").read_text()) == {"alpha": 2.5}
    assert settings.load(tmp_path / "saved").alpha == 2.5


def test_a_shelf_without_vectors_is_refused(tiny_backbone, make_lesson, tiny_collection):
    student, _ = taught(config(tiny_backbone), make_lesson())
    with pytest.raises(
        ArtifactMissing, match="g: found no vectors of passages; expected those of embed_passages"
    ):
        student.retriever(Shelf(tiny_collection["passages"]))
