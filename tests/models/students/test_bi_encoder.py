import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from sentence_transformers import SentenceTransformer
from torch import nn

from data.errors import InputError
from data.schemas import PASSAGES
from data.tables import from_rows
from models.batches import ListSettings, draw_lists
from models.student import Need, Shelf
from models.students.bi_encoder import BiEncoderConfig, labelled, loss_of
from models.targets import Factor
from models.training import TrainingConfig

LOSSES = ("kl", "margin_mse", "infonce", "constant_margin")
LISTS = ListSettings(negatives=2)
SHORT = TrainingConfig(max_steps=2, batch_size=2, precision="float32")


class Given(nn.Module):
    """Stands for a model: its vectors are the tokens it is given."""

    def forward(self, features):
        return {"sentence_embedding": features["vectors"]}


def loss_on(config, vectors, labels=None):
    """The loss of one query and its passages, all given as vectors."""
    features = [{"vectors": torch.tensor([vector])} for vector in vectors]
    return loss_of(config, Given())(features, labels).item()


def config(loss, **settings):
    return BiEncoderConfig(
        name="b", loss=loss, similarity="dot", lists=LISTS, **{"score_scale": 1.0} | settings
    )


# One query and three passages whose inner products with it are 3, 1 and 0.
VECTORS = [[1.0, 0.0], [3.0, 1.0], [1.0, 5.0], [0.0, 2.0]]


def test_margin_mse_worked_by_hand():
    # student margins 3-1=2 and 3-0=3; teacher margins 9-6=3 and 9-8=1; squares 1 and 4; mean 2.5
    assert loss_on(config("margin_mse"), VECTORS, torch.tensor([[9.0, 6.0, 8.0]])) == pytest.approx(2.5)


def test_constant_margin_is_margin_mse_with_ones():
    # student margins 2 and 3, less 1: squares 1 and 4; mean 2.5. The ones are labels of our making.
    labels = labelled(
        config("constant_margin"), pl.DataFrame({"query_id": ["q"], "document_ids": [["a", "b", "c"]]})
    )
    ones = torch.tensor(labels["label"].to_list())
    assert ones.tolist() == [[1.0, 1.0]]
    assert loss_on(config("constant_margin"), VECTORS, ones) == pytest.approx(2.5)
    assert loss_on(config("margin_mse"), VECTORS, ones) == pytest.approx(2.5)


def test_kl_worked_by_hand():
    # student scores 3·ln2, ln2, 0 at scale ln2: odds 8:2:1 of 11. Teacher equal thirds:
    # sum of 1/3·ln((1/3)/(odds/11)) = 1/3·(ln(11/24) + ln(11/6) + ln(11/3)) = 1/3·ln(1331/432) = 0.37508
    found = loss_on(config("kl", score_scale=0.6931472), VECTORS, torch.tensor([[5.0, 5.0, 5.0]]))
    assert found == pytest.approx(0.37508, abs=1e-4)


def test_infonce_worked_by_hand():
    # odds 8:2:1 as above; the positive's share is 8/11
    found = loss_on(config("infonce", score_scale=0.6931472), VECTORS)
    assert found == pytest.approx(torch.tensor(11 / 8).log().item(), abs=1e-5)


@given(st.lists(st.floats(-10, 10), min_size=3, max_size=3), st.floats(-100, 100))
def test_a_constant_added_to_the_teacher_changes_nothing(scores, constant):
    for loss in ("kl", "margin_mse"):
        plain, moved = (
            loss_on(config(loss), VECTORS, torch.tensor([scores]) + each) for each in (0, constant)
        )
        assert moved == pytest.approx(plain, rel=1e-3, abs=1e-3)


def test_a_student_that_scores_as_its_teacher_has_no_loss():
    same = torch.tensor([[3.0, 1.0, 0.0]])
    assert loss_on(config("margin_mse"), VECTORS, same) == pytest.approx(0)
    assert loss_on(config("kl"), VECTORS, same) == pytest.approx(0, abs=1e-6)


def test_a_cosine_is_scaled_to_the_range_of_logits():
    # cosines 1 and -1 at scale 20: a margin of 40, which is what this teacher says
    chosen = BiEncoderConfig(name="b", loss="margin_mse", score_scale=20.0)
    assert loss_on(chosen, [[2.0], [3.0], [-0.5]], torch.tensor([[41.0, 1.0]])) == pytest.approx(0)


def test_scaled_logits_are_labels_and_controls_never_see_any():
    rows = pl.DataFrame({"query_id": ["q"], "document_ids": [["a", "b", "c"]], "label": [[4.0, 1.0, -2.0]]})
    assert labelled(config("kl", targets=Factor(by=0.5)), rows)["label"].to_list() == [[2.0, 0.5, -1.0]]
    assert labelled(config("margin_mse"), rows)["label"].to_list() == [[4.0, 1.0, -2.0]]
    assert "label" not in labelled(config("infonce"), rows).columns


def test_infonce_has_no_passage_twice_for_being_shared():
    rows = pl.DataFrame({"query_id": ["q"], "document_ids": [["a", "b", "c", "d"]]})
    shared = config("infonce").model_copy(update={"lists": ListSettings(negatives=1, shared=2)})
    assert labelled(shared, rows)["document_ids"].to_list() == [["a", "b"]]


def test_every_loss_learns_from_identical_lists(make_lesson):
    drawn = []
    for loss in LOSSES:
        chosen = config(loss)
        answers = {} if Need.ANSWERS in chosen.needs else {"answers": None}
        lists = draw_lists(make_lesson(seed=3, **answers), chosen.lists, chosen.training, chosen.template)
        drawn.append(lists.rows.select("query_id", "document_ids"))
    assert all(rows.equals(drawn[0]) for rows in drawn)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_gradient_reaches_every_layer_of_the_student_and_nothing_else(loss, tiny_backbone):
    model = BiEncoderConfig(name="b", loss=loss, backbone=str(tiny_backbone)).build(0).model
    texts = ["yellow metal", "gold is a yellow metal", "iron rusts", "bach lived in leipzig"]
    labels = {"infonce": None, "constant_margin": torch.ones(1, 2)}.get(loss, torch.tensor([[3.0, 1.0, 0.0]]))
    if labels is not None:
        labels.requires_grad_()
    loss_of(BiEncoderConfig(name="b", loss=loss), model)(
        [model.preprocess([text]) for text in texts], labels
    ).backward()
    reached = {name for name, each in model.named_parameters() if each.grad is not None and each.grad.any()}
    for layer in (0, 1):
        assert any(f"layer.{layer}.attention" in name for name in reached)
    assert any("word_embeddings" in name for name in reached)
    assert labels is None or labels.grad is None


def test_the_saved_folder_scores_as_the_student_in_sentence_transformers(
    tiny_backbone, make_lesson, tmp_path
):
    chosen = BiEncoderConfig(name="b", backbone=str(tiny_backbone), training=SHORT, query_max_tokens=4)
    student = chosen.build(0)
    student.train(make_lesson())
    student.save(tmp_path / "model")
    passages, query = ["gold is a yellow metal", "iron rusts"], "yellow metal that never rusts"
    retriever = student.retriever(
        Shelf(from_rows([("1", "", passages[0]), ("2", "", passages[1])], PASSAGES))
    )
    hits = retriever.search(retriever.encode([query]), 2)
    opened = SentenceTransformer(str(tmp_path / "model"), device="cpu")
    scores = opened.similarity(opened.encode_query([query]), opened.encode_document(passages))[0]
    assert hits.scores[0].tolist() == pytest.approx(scores[hits.rows[0]].tolist(), abs=1e-6)
    assert opened.similarity_fn_name == "cosine"


@pytest.mark.parametrize(("similarity", "is_unit"), [("cosine", True), ("dot", False)])
def test_only_cosine_students_make_unit_vectors(similarity, is_unit, tiny_backbone):
    model = BiEncoderConfig(name="b", similarity=similarity, backbone=str(tiny_backbone)).build(0).model
    length = float((model.encode(["gold"])[0] ** 2).sum())
    assert (abs(length - 1) < 1e-5) == is_unit
    assert model.similarity_fn_name == similarity


def test_layers_are_cut(tiny_backbone):
    model = BiEncoderConfig(name="b", backbone=str(tiny_backbone), layers=(1,)).build(0).model
    assert model.transformers_model.config.num_hidden_layers == 1


def test_a_layer_that_is_not_there_is_refused(tiny_backbone):
    with pytest.raises(InputError, match="the model has 2 layers"):
        BiEncoderConfig(name="b", backbone=str(tiny_backbone), layers=(0, 5)).build(0)


def test_an_unknown_loss_is_refused_by_naming_the_known():
    with pytest.raises(ValidationError, match="'margin_mse', 'kl', 'infonce' or 'constant_margin'"):
        BiEncoderConfig(name="b", loss="mse")


def test_facts_tell_what_there_was_to_learn_from(tiny_backbone, make_lesson):
    student = BiEncoderConfig(name="b", backbone=str(tiny_backbone), training=SHORT).build(0)
    student.train(make_lesson())
    parameters = float(sum(each.numel() for each in student.model.parameters()))
    assert student.facts == {
        "queries": 4.0,
        "queries_dropped": 0.0,
        "lists": 4.0,
        "steps": 2.0,
        "negatives_dropped": 0.0,
        "negatives_relabelled": 0.0,
        "lists_short": 0.0,
        "parameters": parameters,
    }
