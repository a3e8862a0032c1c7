import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import ConfigError
from flows.estimating.model_shapes import KNOWN, ModelShape, of_config, shape_of

MINILM = {
    "hidden_size": 384,
    "intermediate_size": 1536,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "vocab_size": 30_522,
    "hidden_act": "gelu",
}


@given(layers=st.integers(1, 20), tokens=st.integers(1, 512))
def test_flops_grow_linearly_with_layers(layers, tokens):
    one, many = (ModelShape(n, 8, 32, 10, 8, 8).flops_per_token(tokens) for n in (1, layers))
    assert many == layers * one


def test_a_token_of_minilm_worked_by_hand():
    # A layer: 4·384² + 2·384·1536 = 1,769,472 weights, twice that in FLOPs; attention 4·100·384 = 153,600.
    # Six layers: 6 · (3,538,944 + 153,600) = 22,155,264.
    assert KNOWN["all-MiniLM-L6-v2"].flops_per_token(100) == 22_155_264
    assert KNOWN["all-MiniLM-L6-v2"].parameters == 6 * 1_769_472 + 30_522 * 384  # 22.3 of 22.7 million


def test_the_table_agrees_with_the_model_that_is_installed():
    from models.weights import locate

    told = json.loads((locate("all-MiniLM-L6-v2") / "config.json").read_text())
    assert of_config(told, "it") == shape_of("sentence-transformers/all-MiniLM-L6-v2")


def test_names_of_numbers_differ_between_families():
    distil = {"dim": 768, "hidden_dim": 3072, "n_layers": 6, "n_heads": 12, "vocab_size": 30_522}
    t5 = {
        "model_type": "t5",
        "d_model": 768,
        "d_ff": 3072,
        "d_kv": 64,
        "num_layers": 12,
        "num_heads": 12,
        "vocab_size": 32_128,
        "feed_forward_proj": "relu",
    }
    assert of_config(distil, "it") == KNOWN["distilbert-base-uncased"]
    assert of_config(t5, "it") == KNOWN["doc2query-t5-base-msmarco"]


def test_gated_layers_and_shared_keys_count_as_they_are():
    told = MINILM | {"hidden_act": "silu", "num_key_value_heads": 6}
    # queries and output 2·384·384, keys and values 2·384·192, gate, up and down 3·384·1536
    assert of_config(told, "it").layer_weights == 2 * 384 * 384 + 2 * 384 * 192 + 3 * 384 * 1536


@pytest.mark.parametrize("place", [".", "0_Transformer"])
def test_the_shape_of_a_folder_is_in_its_config(tmp_path, place):
    (tmp_path / place).mkdir(exist_ok=True)
    (tmp_path / place / "config.json").write_text(json.dumps(MINILM))
    assert shape_of(str(tmp_path)) == KNOWN["all-MiniLM-L6-v2"]
    assert shape_of(str(tmp_path)).cut((0, 5)).layers == 2


def test_what_is_no_transformer_or_not_here_is_said(tmp_path):
    with pytest.raises(ConfigError, match=r"found none of hidden_size.*expected a transformer"):
        of_config({}, "it")
    with pytest.raises(ConfigError, match=r"found no config\.json on this machine"):
        shape_of(str(tmp_path))
