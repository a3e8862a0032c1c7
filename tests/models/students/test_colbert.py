from dataclasses import replace

import polars as pl
import pytest
import torch
from pydantic import ValidationError
from sentence_transformers import MultiVectorEncoder

from data.errors import ConfigError, InputError
from data.schemas import PASSAGES
from data.tables import from_rows
from models.batches import ListSettings
from models.contracts import check_targets
from models.student import Need, Shelf
from models.students.bi_encoder import BiEncoderConfig
from models.students.colbert import ColbertConfig, labelled, loss_of
from models.targets import Factor
from models.teachers.taught import TaughtConfig
from models.training import TrainingConfig
from tests.models.students.library_scores import library_scores

SHORT = TrainingConfig(max_steps=2, batch_size=2, precision="float32")
TEXTS = ["gold is a yellow metal", "iron rusts.", "bach lived"]


@pytest.fixture
def config(tiny_backbone):
    def made(loss="kl", **settings):
        common = {"name": "c", "backbone": str(tiny_backbone), "width": 16, "training": SHORT}
        return ColbertConfig(loss=loss, **(common | settings))

    return made


@pytest.fixture
def deep(config, make_lesson, tmp_path):
    """A lesson whose teacher is a trained ColBERT."""
    settings = config(name="deep", targets=Factor(by=4.0))
    student = settings.build(0)
    student.train(make_lesson())
    student.save(tmp_path / "deep")
    teacher = TaughtConfig(name="deep", student=settings)
    return replace(make_lesson(), teacher=teacher, teacher_weights=tmp_path / "deep")


def loss_on(config, labels, model):
    texts = [("query", ["yellow metal"]), *(("document", [text]) for text in TEXTS)]
    features = [{**model.preprocess(text, task=task), "task": task} for task, text in texts]
    return loss_of(config, model)(features, None if labels is None else torch.tensor([labels]))


def scores_of(model):
    return model.similarity(model.encode_query(["yellow metal"]), model.encode_document(TEXTS))[0]


def test_kl_has_a_temperature_for_each_side(config):
    chosen = config(student_temperature=0.5, teacher_temperature=4.0)
    model = chosen.build(0).model
    teacher = torch.tensor([8.0, 4.0, 0.0])
    shares, own = (teacher / 4).softmax(0), (scores_of(model) / 0.5).log_softmax(0)
    expected = 0.5**2 * (shares * (shares.log() - own)).sum()
    assert loss_on(chosen, teacher.tolist(), model).item() == pytest.approx(expected.item(), abs=1e-5)


def test_pairwise_compares_all_gaps_of_the_scores(config):
    chosen = config("pairwise")
    model = chosen.build(0).model
    s, t = scores_of(model), torch.tensor([8.0, 4.0, 0.0])
    gaps = [((s[i] - s[j]) - (t[i] - t[j])) ** 2 for i, j in ((0, 1), (0, 2), (1, 2))]
    assert loss_on(chosen, t.tolist(), model).item() == pytest.approx((sum(gaps) / 3).item(), rel=1e-4)


def test_infonce_reads_no_scores_of_a_teacher(config):
    chosen = config("infonce", student_temperature=2.0)
    model = chosen.build(0).model
    expected = -(scores_of(model) / 2).log_softmax(0)[0]
    assert loss_on(chosen, None, model).item() == pytest.approx(expected.item(), abs=1e-5)


@pytest.mark.parametrize("loss", ["kl", "pairwise"])
def test_a_student_that_scores_as_its_teacher_has_no_loss(loss, config):
    model = config(loss).build(0).model
    assert loss_on(config(loss), (scores_of(model) + 7).tolist(), model).item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("loss", ["kl", "pairwise", "infonce"])
def test_the_gradient_reaches_every_layer_and_the_projection(loss, config):
    model = config(loss).build(0).model
    loss_on(config(loss), None if loss == "infonce" else [8.0, 4.0, 0.0], model).backward()
    reached = {name for name, each in model.named_parameters() if each.grad is not None and each.grad.any()}
    for part in ("layer.0.attention", "layer.1.attention", "word_embeddings", "1.linear"):
        assert any(part in name for name in reached), part


def test_the_saved_folder_scores_as_the_student_in_the_library_in_a_new_process(
    config, make_lesson, tmp_path
):
    student = config(targets=Factor(by=4.0)).build(0)
    student.train(make_lesson())
    student.save(tmp_path / "model")
    query = "yellow metal that never rusts"
    rows = [(str(place), "", text) for place, text in enumerate(TEXTS)]
    retriever = student.retriever(Shelf(from_rows(rows, PASSAGES)))
    hits = retriever.search(retriever.encode([query]), 3)
    scores = torch.tensor(library_scores("MultiVectorEncoder", tmp_path / "model", query, TEXTS))
    # the index holds sixteen bits of each number, and 32 tokens are added up
    assert hits.scores[0].tolist() == pytest.approx(scores[hits.rows[0]].tolist(), abs=1e-2)
    model = student.model.eval()
    own = model.similarity(model.encode_query([query]), model.encode_document(TEXTS))[0]
    assert scores.tolist() == pytest.approx(own.tolist(), abs=1e-5)


def test_it_teaches_with_its_own_scores(deep):
    assert deep.teacher.scale == "inner_product"
    teacher = deep.teacher.load(deep.teacher_weights, ["yellow metal"], TEXTS)
    found = teacher.score(torch.zeros(3, dtype=torch.int64).numpy(), torch.arange(3).numpy())
    model = MultiVectorEncoder(str(deep.teacher_weights), device="cpu")
    assert found == pytest.approx(scores_of(model).numpy(), abs=1e-2)


def test_a_shallow_student_is_cut_from_its_teacher_and_matches_its_tokens(config, deep):
    student = config(start_from_teacher=True, layers=(1,), token_matching=0.5, targets=Factor(by=1.0)).build(
        0
    )
    curve = pl.DataFrame(student.train(deep))
    assert {"loss", "score", "token_matching"} <= set(curve["measure"])
    first = curve.filter(step=1).to_dicts()
    by_name = {row["measure"]: row["value"] for row in first}
    assert by_name["loss"] == pytest.approx(by_name["score"] + by_name["token_matching"], rel=1e-3)
    assert student.model.transformers_model.config.num_hidden_layers == 1
    teacher = deep.teacher.model_of(deep.teacher_weights).model
    assert teacher.transformers_model.config.num_hidden_layers == 2
    # two steps of 2e-4 move no weight further than that: it did start there
    own, theirs = (
        m.transformers_model.encoder.layer[-1].output.dense.weight for m in (student.model, teacher)
    )
    assert 0 < (own - theirs).abs().max() < 1e-3


def test_a_student_that_needs_its_teacher_refuses_another_kind(config, deep, tiny_backbone, tmp_path):
    other = BiEncoderConfig(name="other", backbone=str(tiny_backbone))
    other.build(0).save(tmp_path / "other")
    lesson = replace(
        deep, teacher=TaughtConfig(name="other", student=other), teacher_weights=tmp_path / "other"
    )
    with pytest.raises(
        ConfigError, match="the teacher other, which opens as BiEncoder; expected a teacher of"
    ):
        config(token_matching=1.0).build(0).train(lesson)


def test_it_asks_for_what_its_losses_read(config):
    assert config("infonce").needs == frozenset()
    assert config("kl").needs == config("pairwise").needs == {Need.ANSWERS}
    assert config("kl", token_matching=1.0).needs == {Need.ANSWERS, Need.TEACHER}
    assert config("infonce", start_from_teacher=True).needs == {Need.TEACHER}


def test_its_losses_have_contracts(config):
    for loss, scale in (("pairwise", "inner_product"), ("infonce", "rank")):
        ((name, target),) = config(loss).takes
        check_targets(name, scale, target, "students.c")
    with pytest.raises(ConfigError, match="for the loss kl"):
        check_targets("kl", "inner_product", config("kl").targets, "students.c")
    with pytest.raises(ConfigError, match="for the loss pairwise"):
        check_targets("pairwise", "cosine", config("pairwise").targets, "students.c")


def test_infonce_has_no_passage_twice_for_being_shared(config):
    rows = pl.DataFrame({"query_id": ["q"], "document_ids": [["a", "b", "c", "d"]]})
    shared = config("infonce", lists=ListSettings(negatives=1, shared=2))
    assert labelled(shared, rows)["document_ids"].to_list() == [["a", "b"]]


def test_scaled_scores_are_labels(config):
    rows = pl.DataFrame({"query_id": ["q"], "document_ids": [["a", "b"]], "label": [[4.0, 1.0]]})
    assert labelled(config(targets=Factor(by=0.5)), rows)["label"].to_list() == [[2.0, 0.5]]


def test_a_large_collection_is_searched_with_faiss(config):
    student = config(search={"exact_up_to_tokens": 3, "near_tokens": 100, "index": {"kind": "flat"}}).build(0)
    shelf = Shelf(from_rows([(str(place), "", text) for place, text in enumerate(TEXTS)], PASSAGES))
    near, exact = student.retriever(shelf), config().build(0).retriever(shelf)
    found = [each.search(each.encode(["yellow metal", "bach"]), 3).rows.tolist() for each in (near, exact)]
    assert found[0] == found[1]
    assert near.index_bytes > 2 * exact.index_bytes


def test_a_layer_that_the_teacher_lacks_is_refused(config, deep):
    with pytest.raises(InputError, match="the model has 2 layers"):
        config(start_from_teacher=True, layers=(0, 5)).build(0).train(deep)


def test_an_unknown_loss_is_refused_by_naming_the_known():
    with pytest.raises(ValidationError, match="'pairwise', 'kl' or 'infonce'"):
        ColbertConfig(name="c", loss="mse")
