import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import ConfigError
from models.teachers.yes_no import Prompts, one_token

PARTS = re.split(r"(\{query\}|\{passage\})", "query {query} passage {passage} yes or no ?")


@pytest.fixture(scope="module")
def tokenizer(tiny_writers):
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(tiny_writers["gpt2"])


def words(tokenizer, tokens):
    return tokenizer.convert_ids_to_tokens(tokens)


def test_a_prompt_begins_as_the_tokenizer_begins_a_text(tokenizer):
    found = Prompts(tokenizer, PARTS, 64).tokens("what is gold", "a metal")
    assert " ".join(words(tokenizer, found)) == "<s> query what is gold passage a metal yes or no ?"


def test_braces_in_texts_are_texts(tokenizer):
    found = Prompts(tokenizer, PARTS, 64).tokens("{passage} {0}", "{query} {")
    expected = "<s> query { passage } { <unk> } passage { query } { yes or no ?"
    assert " ".join(words(tokenizer, found)) == expected


@given(st.integers(9, 40), st.integers(0, 60))
def test_a_passage_is_cut_to_the_limit_and_nothing_else_is(tokenizer, limit, length):
    # <s>, query, gold, passage and "yes or no ?" are 8 tokens
    found = words(tokenizer, Prompts(tokenizer, PARTS, limit).tokens("gold", "alps " * length))
    assert found.count("alps") == min(length, limit - 8)
    assert " ".join(found[:3] + found[-4:]) == "<s> query gold yes or no ?"


def test_a_query_that_leaves_no_room_is_refused_before_anything_is_scored(tokenizer):
    prompts = Prompts(tokenizer, PARTS, 10)
    prompts.check_room(["gold", "yellow metal"])
    with pytest.raises(
        ConfigError, match=r"the query 'gold gold gold ': found a prompt of 10 tokens .* fewer than 10"
    ):
        prompts.check_room(["gold", "gold " * 3])
    with pytest.raises(ConfigError, match="a prompt of 11 tokens without any passage"):
        prompts.tokens("gold " * 4, "alps")


def test_an_answer_is_one_token_that_is_known(tokenizer):
    assert words(tokenizer, [one_token(tokenizer, "yes", "yes")]) == ["yes"]
    with pytest.raises(
        ConfigError, match=r"teachers.no = 'no metal': found the tokens 'no' 'metal'; .* Try 'no metal'"
    ):
        one_token(tokenizer, "no metal", "no")
    with pytest.raises(
        ConfigError, match=r"teachers.yes = 'oui': found the tokens '<unk>'; expected exactly one"
    ):
        one_token(tokenizer, "oui", "yes")
