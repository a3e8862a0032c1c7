import types

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.gate.untrained_head import drawn, head_biases, last_layer, share_as_wide, untrained_head
from models.gate.verdicts import Finding

PAIRS = [
    (query, passage)
    for query in ("yellow metal", "where does the rhine rise", "who wrote fugues")
    for passage in ("gold rusts", "iron rails carry trains", "bach lived in leipzig", "the rhine " * 9)
]


@pytest.fixture
def opened(cross_encoders):
    """A cross-encoder whose file holds a head that nobody trained."""
    from sentence_transformers import CrossEncoder

    return CrossEncoder(str(cross_encoders["whole"]), device="cpu", local_files_only=True).eval()


def architecture(name, **settings):
    """A model for sequence classification of one layer, its head as the library draws it."""
    import transformers

    small = {"vocab_size": 9, "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    small |= {"intermediate_size": 32, "num_labels": 1, "pad_token_id": 0}
    config = getattr(transformers, f"{name}Config")(**small | settings)
    return transformers.AutoModelForSequenceClassification.from_config(config)


def step(model, loss, learning_rate=1e-3):
    optimiser = torch.optim.AdamW(model.parameters(), lr=learning_rate)
    loss(model(dict(model.preprocess(PAIRS)))["scores"]).backward()
    optimiser.step()


def test_a_head_that_was_saved_fresh_is_found_and_after_one_step_it_is_not(opened):
    found = untrained_head(opened, PAIRS, 64)
    assert found.value == 1
    assert found.note.startswith("classifier.bias is 0; weights as drawn: KS p 0.")
    step(opened, lambda scores: torch.nn.functional.softplus(-scores).mean())
    found = untrained_head(opened, PAIRS, 64)
    assert found.value == 0
    assert found.note.startswith("classifier.bias is not 0 but 0.001; ")


def test_fresh_heads_are_found_whatever_was_drawn(opened):
    layer, found = opened.transformers_model.classifier, []
    for seed in range(5):
        torch.manual_seed(seed)
        torch.nn.init.normal_(layer.weight, std=0.02)
        found.append(untrained_head(opened, PAIRS, 64).value)
    assert found == [1] * 5


@pytest.mark.parametrize("factor", [0.3, 3.0])
def test_weights_of_another_size_are_no_draw_though_the_bias_is_0(opened, factor):
    with torch.no_grad():
        opened.transformers_model.classifier.weight *= factor
    assert untrained_head(opened, PAIRS, 64).value == 0


def test_a_head_that_fits_its_body_was_trained_though_bias_and_weights_look_drawn(opened):
    # As by a loss on differences: no gradient reaches the bias. The weights stay the numbers that were
    # drawn, in an order in which they lie along the states' main direction.
    caught = []
    layer = opened.transformers_model.classifier
    with torch.inference_mode(), layer.register_forward_pre_hook(lambda _, given: caught.append(given[0])):
        opened(dict(opened.preprocess(PAIRS)))
    states = caught[0].numpy()
    main = np.linalg.svd(states - states.mean(axis=0))[2][0]
    fitting = np.empty_like(main)
    fitting[np.argsort(main)] = np.sort(layer.weight.detach().numpy()[0])
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(fitting))
    found = untrained_head(opened, PAIRS, 64)
    assert found.value == 0
    assert "scores spread as much for 0.05 % of draws" in found.note
    # Without pairs nothing tells.
    assert untrained_head(opened, PAIRS[:1], 64).value == 1


def test_a_loss_on_a_difference_leaves_the_bias_at_0_and_its_head_is_told_nevertheless(opened):
    for _ in range(20):
        opened.zero_grad()
        step(opened, lambda scores: -torch.nn.functional.logsigmoid(scores[0] - scores[1]).sum())
    found = untrained_head(opened, PAIRS, 64)
    assert found.value == 0
    assert found.note.startswith("classifier.bias is 0; weights as drawn: KS p 0.")


@pytest.mark.parametrize(
    ("name", "layer", "biases", "spread"),
    [
        ("Roberta", "classifier.out_proj", ["classifier.dense.bias", "classifier.out_proj.bias"], 0.02),
        ("Electra", "classifier.out_proj", ["classifier.dense.bias", "classifier.out_proj.bias"], 0.02),
        # Normal of 1 / √32 without what lies beyond twice that: 0.880 of it is left.
        ("ModernBert", "classifier", ["classifier.bias"], 0.880 * 32**-0.5),
    ],
)
def test_the_library_is_asked_how_a_head_starts(name, layer, biases, spread):
    special = {f"{each}_token_id": 1 for each in ("bos", "eos", "cls", "sep")} if name == "ModernBert" else {}
    model = architecture(name, **special)
    assert last_layer(model) == layer
    assert list(head_biases(model, layer)) == biases
    state = torch.random.get_rng_state()
    draws, bias_is_drawn = drawn(model, layer)
    assert not bias_is_drawn
    assert draws.std() == pytest.approx(spread, rel=0.05)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert np.array_equal(drawn(model, layer)[0], draws)


def test_a_head_without_a_bias_is_not_judged():
    model = types.SimpleNamespace(transformers_model=architecture("Llama", num_key_value_heads=2))
    note = "score has no bias that starts at 0, by which a fresh head is told"
    assert untrained_head(model, PAIRS, 64) == Finding(None, note)


def test_a_model_whose_body_gives_the_score_is_not_judged():
    bare = torch.nn.Sequential(torch.nn.Linear(4, 2))
    bare.base_model_prefix = "0"
    found = untrained_head(types.SimpleNamespace(transformers_model=bare), PAIRS, 64)
    assert found == Finding(None, "no linear layer after its body gives the score")


@given(seed=st.integers(0, 999), scale=st.floats(0.1, 10))
def test_the_share_is_that_of_a_rank_and_units_of_the_states_do_not_matter(seed, scale):
    random = np.random.default_rng(seed)
    states, weights, draws = random.normal(size=(6, 4)), random.normal(size=4), random.normal(size=(19, 4))
    share = share_as_wide(states, weights, draws)
    assert 20 * share == pytest.approx(round(20 * share))
    assert share_as_wide(scale * states + 1, weights, draws) == share
    assert share_as_wide(states, 100 * weights, draws) == 0.05
    assert share_as_wide(states, 0 * weights, draws) == 1
