import pytest
import torch
from torch import nn

from data.errors import ConfigError
from models.encoders.token_model import cut_copy, start_token_model
from models.self_distillation import SelfDistillation, check_tokens, open_deep_model
from models.teachers.bm25 import Bm25TeacherConfig
from models.token_repeats import EncodeTokensOnce

QUERIES, PASSAGES = ["yellow metal", "grey metal"], ["gold is a yellow metal.", "iron rusts", "bach lived"]


class Scores(nn.Module):
    """Stands for a loss of scores: it encodes all columns, and the loss is 3."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, features, labels):
        for place, each in enumerate(features):
            self.model(dict(each), task="document" if place else "query")
        return torch.tensor(3.0)


@pytest.fixture
def start(tiny_backbone):
    def made(width=16, layers=None):
        return start_token_model(
            tiny_backbone, layers, width, query_max_tokens=6, passage_max_tokens=20, skip_punctuation=True
        )

    return made


def distil(student, teacher, weight=1.0, passages=10, seed=0):
    encoder = EncodeTokensOnce(student)
    loss = SelfDistillation(Scores(encoder), encoder, teacher, weight=weight, passages=passages, seed=seed)
    columns = (QUERIES, "query"), (PASSAGES[:2], "document")
    features = [dict(student.preprocess(texts, task=task)) for texts, task in columns]
    return loss, loss(features)


def distances(student, teacher):
    """Of every scored token, by the library's own encoding."""
    pairs = zip(
        student.encode_query(QUERIES) + student.encode_document(PASSAGES[:2]),
        teacher.encode_query(QUERIES) + teacher.encode_document(PASSAGES[:2]),
        strict=True,
    )
    return torch.cat([(own - theirs).norm(dim=-1) for own, theirs in pairs])


def test_the_term_is_the_mean_distance_of_the_scored_tokens_of_queries_and_passages(start):
    student, teacher = start(layers=(0,)), start()
    _, parts = distil(student, teacher, weight=0.5)
    assert parts["score"].item() == 3
    assert parts["token_matching"].item() == pytest.approx(
        0.5 * distances(student, teacher).mean().item(), abs=1e-5
    )


def test_a_copy_of_the_teacher_has_nothing_to_match(start):
    teacher = start()
    loss, parts = distil(cut_copy(teacher, None, 6, 20), teacher)
    assert parts["token_matching"].item() == pytest.approx(0, abs=1e-4)
    assert isinstance(loss.projection, nn.Identity)


def test_a_narrower_student_is_projected_by_weights_that_are_trained(start):
    loss, parts = distil(start(width=8), start())
    parts["token_matching"].backward()
    assert loss.projection.weight.shape == (16, 8)
    assert loss.projection.weight.grad.any()


def test_the_gradient_reaches_the_student_and_not_the_teacher_which_is_no_part_of_the_loss(start):
    student, teacher = start(layers=(0,)), start()
    teacher.train()
    loss, parts = distil(student, teacher)
    parts["token_matching"].backward()
    assert any(each.grad is not None and each.grad.any() for each in student.parameters())
    assert all(each.grad is None for each in teacher.parameters())
    assert not teacher.training
    owned = {id(each) for each in loss.parameters()}
    assert owned.isdisjoint(id(each) for each in teacher.parameters())


def test_so_many_passages_are_matched_and_the_seed_says_which(start):
    student, teacher = start(layers=(0,)), start()
    found = [distil(student, teacher, passages=1, seed=seed)[1]["token_matching"].item() for seed in range(8)]
    assert len(set(found)) == 2  # one passage or the other
    assert found[0] == distil(student, teacher, passages=1, seed=0)[1]["token_matching"].item()


def test_models_of_one_tokenizer_agree(start):
    check_tokens(start(), start(layers=(0,)), QUERIES + PASSAGES)


def test_a_teacher_with_another_vocabulary_is_refused(start):
    teacher = start()
    teacher.tokenizer.add_tokens(["zinc"])
    with pytest.raises(ConfigError, match="which do not cut texts alike; expected one tokenizer"):
        check_tokens(start(), teacher, QUERIES)


def test_a_teacher_that_cuts_texts_otherwise_is_refused(start):
    teacher = start()
    teacher.tokenizer.backend_tokenizer.normalizer.lowercase = False
    with pytest.raises(ConfigError, match="do not cut texts alike"):
        check_tokens(start(), teacher, ["Gold"])


def test_a_teacher_that_is_no_late_interaction_model_is_refused(make_lesson):
    from dataclasses import replace

    lesson = replace(make_lesson(), teacher=Bm25TeacherConfig(name="lexical"))
    with pytest.raises(ConfigError):
        open_deep_model(lesson)
    with pytest.raises(ConfigError, match="the teacher none"):
        open_deep_model(make_lesson())
