import numpy as np
import pytest
import torch

from models.encoders.dual_pooling import DualPooling, PairReader, SegmentPooling, segment_mean

PAIRS = [
    ("yellow metal", "gold is a yellow metal that never rusts ."),
    ("where does the rhine rise", "bach lived in leipzig ."),
    ("rhine", "iron ."),
]


@pytest.fixture(scope="module")
def dual(tiny_backbone):
    return DualPooling(tiny_backbone, max_tokens=32)


@pytest.fixture(scope="module")
def reader(dual):
    return PairReader(dual, "float32", 32, None)


def test_a_segments_mean_is_that_of_its_own_tokens():
    # tokens [CLS] 7 8 [SEP] 9 [SEP] [PAD], states 0 … 6: the query's are 1 and 2, the passage's is 4
    pooling = SegmentPooling(1, special=[0, 1, 2], separator=2)
    features = {
        "input_ids": torch.tensor([[1, 7, 8, 2, 9, 2, 0]]),
        "attention_mask": torch.tensor([[1, 1, 1, 1, 1, 1, 0]]),
        "token_embeddings": torch.arange(7.0).reshape(1, 7, 1),
    }
    assert pooling(features)["sentence_embedding"].tolist() == [[1.5, 4.0]]


def test_two_separators_between_texts_are_one():
    # as RoBERTa: <s> 7 </s></s> 9 8 </s>; the passage's states are 4 and 5
    pooling = SegmentPooling(1, special=[0, 1, 2], separator=2)
    features = {
        "input_ids": torch.tensor([[1, 7, 2, 2, 9, 8, 2]]),
        "attention_mask": torch.ones(1, 7, dtype=torch.int64),
        "token_embeddings": torch.arange(7.0).reshape(1, 7, 1),
    }
    assert pooling(features)["sentence_embedding"].tolist() == [[1.0, 4.5]]


def test_a_segment_without_a_token_is_zero():
    found = segment_mean(torch.full((1, 2, 3), float("nan")), torch.zeros(1, 2, dtype=torch.bool))
    assert found.tolist() == [[0.0, 0.0, 0.0]]


@pytest.mark.reference
def test_vectors_are_means_of_the_bodys_states_as_transformers_gives_them(dual, reader, tiny_backbone):
    from transformers import AutoModel, AutoTokenizer

    model = AutoModel.from_pretrained(tiny_backbone).eval()
    tokenizer = AutoTokenizer.from_pretrained(tiny_backbone)
    queries, passages = reader.embed_pairs(*map(list, zip(*PAIRS, strict=True)))
    for row, pair in enumerate(PAIRS):
        tokens = tokenizer(*pair, return_tensors="pt")
        with torch.no_grad():
            states = model(**tokens).last_hidden_state[0]
        of = tokens.sequence_ids(0)
        for side, found in enumerate((queries, passages)):
            own = [place for place, segment in enumerate(of) if segment == side]
            assert found[row] == pytest.approx(states[own].mean(dim=0).numpy(), abs=1e-5)


def test_a_score_is_the_inner_product_of_the_two_vectors(reader):
    queries, passages = map(list, zip(*PAIRS, strict=True))
    vectors = reader.embed_pairs(queries, passages)
    assert reader.score(queries, passages) == pytest.approx((vectors[0] * vectors[1]).sum(1), abs=1e-5)


def test_a_querys_vector_depends_on_the_passage(reader):
    found, _ = reader.embed_pairs(["yellow metal"] * 2, [PAIRS[0][1], PAIRS[1][1]])
    assert np.abs(found[0] - found[1]).max() > 1e-4


def test_what_is_read_alone_has_no_gradient_and_what_is_read_together_has(dual):
    queries, passages = dual.read_pairs(PAIRS)
    assert queries.requires_grad
    assert passages.requires_grad
    assert not dual.read_alone(["yellow metal"]).requires_grad


def test_a_saved_body_reads_as_before(dual, reader, tmp_path):
    dual.save(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} <= {".json", ".safetensors", ".txt"}
    again = PairReader(DualPooling(tmp_path, 32), "float32", 32, None)
    queries, passages = map(list, zip(*PAIRS, strict=True))
    assert again.score(queries, passages).tolist() == reader.score(queries, passages).tolist()


def test_no_pairs_have_no_vectors(reader):
    assert [each.shape for each in reader.embed_pairs([], [])] == [(0, 32), (0, 32)]
