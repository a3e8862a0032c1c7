import json

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from data.errors import ConfigError, ModelUnavailable
from models.teacher import Teacher
from models.teachers.llm_reranker import PROMPT, LlmRerankerConfig

QUERIES = ["what is gold", "rhine", "{passage} in the alps ?"]
PASSAGES = ["gold is a yellow metal .", "the rhine rises in the alps .", "metal", "{query} { } rises"]
ROWS = np.array([(q, p) for q in range(len(QUERIES)) for p in range(len(PASSAGES))])


def config(folder, **settings):
    return LlmRerankerConfig(**{"name": "llm", "model": str(folder), "precision": "float32"} | settings)


def one_by_one(folder):
    """Log-odds from the full logits of each prompt alone."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder).eval()
    yes, no = tokenizer.convert_tokens_to_ids(["yes", "no"])
    scores = []
    for query, passage in ROWS:
        before, between, after = PROMPT.replace("{passage}", "{query}").split("{query}")
        text = before + QUERIES[query] + between + PASSAGES[passage] + after
        with torch.no_grad():
            logits = model(**tokenizer(text, return_tensors="pt")).logits[0, -1]
        scores.append((logits[yes] - logits[no]).item())
    return scores


@pytest.mark.reference
@pytest.mark.parametrize("kind", ["gpt2", "llama"])
@pytest.mark.parametrize("batch_tokens", [None, 60])
def test_scores_are_those_of_each_prompt_alone_however_padded(tiny_writers, kind, batch_tokens):
    teacher = config(tiny_writers[kind], batch_tokens=batch_tokens).load(None, QUERIES, PASSAGES)
    expected = one_by_one(tiny_writers[kind])
    assert np.std(expected) > 0.01  # so that there is something to get wrong
    np.testing.assert_allclose(teacher.score(*ROWS.T), expected, atol=1e-4)
    shuffled = np.random.default_rng(0).permutation(len(ROWS))
    np.testing.assert_allclose(teacher.score(*ROWS[shuffled].T), np.array(expected)[shuffled], atol=1e-4)


def test_the_head_is_computed_at_the_last_position_alone(tiny_writers):
    teacher = config(tiny_writers["llama"]).load(None, QUERIES, PASSAGES)
    shapes = []
    teacher.model.lm_head.register_forward_hook(
        lambda _module, _given, output: shapes.append(output.shape[:2])
    )
    teacher.score(*ROWS.T)
    assert shapes == [(len(ROWS), 1)]


def test_a_longer_passage_is_cut_and_scores_as_its_beginning(tiny_writers):
    long, short = "gold is a yellow metal", "gold is a"
    teacher = config(tiny_writers["gpt2"], max_tokens=24).load(None, ["rhine"], [long, short])
    assert len(teacher.prompts.tokens("rhine", short)) == 24
    cut, whole = teacher.score(np.array([0, 0]), np.array([0, 1]))
    assert cut == pytest.approx(whole, abs=1e-5)


def test_no_pairs_score_nothing_and_facts_say_how_pairs_are_scored(tiny_writers):
    teacher = config(tiny_writers["gpt2"]).load(None, QUERIES, PASSAGES)
    nothing = np.array([], dtype=np.int64)
    assert teacher.score(nothing, nothing).shape == (0,)
    assert teacher.facts() == {"precision": "float32", "engine": "transformers"}
    assert isinstance(teacher, Teacher)


def test_bfloat16_where_it_is_asked_for(tiny_writers):
    teacher = config(tiny_writers["gpt2"], precision="bfloat16").load(None, QUERIES, PASSAGES)
    assert teacher.facts()["precision"] == "bfloat16"
    np.testing.assert_allclose(teacher.score(*ROWS.T), one_by_one(tiny_writers["gpt2"]), atol=0.5)


def test_answers_that_the_tokenizer_does_not_have_are_refused(tiny_writers):
    with pytest.raises(ConfigError, match=r"teachers.no = ' nein': found the tokens '<unk>'"):
        config(tiny_writers["gpt2"], no=" nein").load(None, QUERIES, PASSAGES)


def test_a_prompt_must_name_both_texts_once(tmp_path):
    with pytest.raises(ValidationError, match=r"found \{query\} 1 times and \{passage\} 0 times"):
        config(tmp_path, prompt="Is this about {query}?")


def test_a_checkpoint_without_a_head_is_refused_rather_than_given_a_random_one(tiny_writers, tmp_path):
    settings = json.loads((tiny_writers["gpt2"] / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(settings | {"architectures": ["GPT2Model"]}))
    (tmp_path / "model.safetensors").touch()
    with pytest.raises(ModelUnavailable, match="a checkpoint of GPT2Model; expected a causal language model"):
        config(tmp_path).load(None, QUERIES, PASSAGES)
