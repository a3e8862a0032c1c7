import pytest

TEXT = "where does the rhine rise who wrote operas in vienna is gold a metal that rusts"
MARKS = {"pad": "<pad>", "eos": "</s>", "unk": "<unk>", "bos": "<s>"}


@pytest.fixture(scope="session")
def tiny_writer(tmp_path_factory):
    """Folders of a random T5 and a random BART of a few kilobytes, by kind; what they write is nonsense."""
    from transformers import BartForConditionalGeneration, T5ForConditionalGeneration

    from tests.models.tiny_models import bart_config, random_model, saved, t5_config, word_tokenizer

    tokenizer = word_tokenizer(TEXT, MARKS, "$A </s>")
    made = {
        "t5": random_model(T5ForConditionalGeneration, t5_config(tokenizer, eos_token_id=1)),
        "bart": random_model(
            BartForConditionalGeneration, bart_config(tokenizer, eos_token_id=1, bos_token_id=3)
        ),
    }
    for model in made.values():
        # Every query starts with a word, so that none is empty.
        model.generation_config.begin_suppress_tokens = list(range(len(MARKS)))
    return saved(made, tokenizer, tmp_path_factory)
