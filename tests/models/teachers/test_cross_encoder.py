import json

import numpy as np
import pytest
import torch
from sentence_transformers import CrossEncoder

from data.errors import ModelUnavailable
from models.teachers.cross_encoder import CrossEncoderConfig
from models.teachers.cross_encoder_training import CrossEncoderTraining
from models.texts import passage_texts


@pytest.fixture(scope="module")
def tiny_cross_encoder(tiny_backbone, tmp_path_factory):
    """The tiny BERT with a random head of one label."""
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    folder = tmp_path_factory.mktemp("tiny-cross-encoder")
    torch.manual_seed(0)
    config = BertConfig.from_pretrained(tiny_backbone, num_labels=1)
    BertForSequenceClassification(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(tiny_backbone).save_pretrained(folder)
    return folder


@pytest.fixture
def texts(tiny_collection):
    return tiny_collection["queries"]["text"].to_pylist(), passage_texts(tiny_collection["passages"])


def all_pairs(queries, passages):
    return np.array([(q, p) for q in range(len(queries)) for p in range(len(passages))])


@pytest.mark.reference
def test_scores_are_the_librarys_logits_before_the_sigmoid(tiny_cross_encoder, texts):
    config = CrossEncoderConfig(name="tiny", model=str(tiny_cross_encoder), precision="float32")
    rows = all_pairs(*texts)
    found = config.load(None, *texts).score(*rows.T)
    model = CrossEncoder(str(tiny_cross_encoder), device="cpu")
    pairs = [(texts[0][q], texts[1][p]) for q, p in rows]
    expected = model.predict(pairs, activation_fn=torch.nn.Identity())
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert not np.allclose(found, model.predict(pairs))  # whose default is a sigmoid


def test_a_score_does_not_depend_on_the_pairs_beside_it(tiny_cross_encoder, texts):
    config = CrossEncoderConfig(name="tiny", model=str(tiny_cross_encoder), precision="float32")
    rows = all_pairs(*texts)
    teacher = config.load(None, *texts)
    together = teacher.score(*rows.T)
    shuffled = np.random.default_rng(0).permutation(len(rows))
    np.testing.assert_allclose(teacher.score(*rows[shuffled].T), together[shuffled], atol=1e-5)
    alone = [teacher.score(*rows[place : place + 1].T)[0] for place in (0, 40)]
    np.testing.assert_allclose(alone, together[[0, 40]], atol=1e-5)


def test_no_pairs_score_nothing(tiny_cross_encoder, texts):
    nothing = np.array([], dtype=np.int64)
    teacher = CrossEncoderConfig(name="tiny", model=str(tiny_cross_encoder)).load(None, *texts)
    assert teacher.score(nothing, nothing).shape == (0,)


def test_one_with_a_training_is_trained_here_and_one_without_is_given():
    given = CrossEncoderConfig(name="a", model="x")
    trained = CrossEncoderConfig(name="b", model="x", training=CrossEncoderTraining())
    assert [given.is_trained, trained.is_trained] == [False, True]


def test_a_checkpoint_without_a_head_is_refused_rather_than_given_a_random_one(tiny_backbone, texts):
    with pytest.raises(ModelUnavailable, match=r"a checkpoint of BertModel .* add a \[teachers.training\]"):
        CrossEncoderConfig(name="headless", model=str(tiny_backbone)).load(None, *texts)


def test_a_head_of_several_labels_is_refused(tiny_cross_encoder, tmp_path, texts):
    settings = json.loads((tiny_cross_encoder / "config.json").read_text())
    settings["id2label"] = {"0": "no", "1": "maybe", "2": "yes"}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(ModelUnavailable, match=r"with 3 labels; expected .* one label"):
        CrossEncoderConfig(name="nli", model=str(tmp_path)).load(None, *texts)
