import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import ArtifactDamaged, ConfigError
from models.identifier_tokens import IdentifierTokens, vocabulary_digest

WORDS = ["gold", "is", "a", "yellow", "metal", "rails"]


def save(folder, backend, **special):
    """A folder as of a model: the tokenizer, and weights that nobody reads."""
    import torch
    from safetensors.torch import save_file
    from transformers import PreTrainedTokenizerFast

    roles = {f"{role}_token": token for role, token in special.items()}
    PreTrainedTokenizerFast(tokenizer_object=backend, **roles).save_pretrained(folder)
    save_file({"nothing": torch.zeros(1)}, folder / "model.safetensors")
    return str(folder)


@pytest.fixture(scope="session")
def byte_level(tmp_path_factory):
    """A tokenizer as BART's, which takes the space before a word into the word."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=320,
        special_tokens=["<s>", "</s>", "<pad>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator([" ".join(WORDS * 3)] * 20, trainer)
    folder = tmp_path_factory.mktemp("byte-level")
    return save(folder, backend, bos="<s>", eos="</s>", pad="<pad>")


@pytest.fixture(params=["word pieces", "byte level"])
def tokens(request, tiny_backbone, byte_level):
    return IdentifierTokens.of_model(str(tiny_backbone) if request.param == "word pieces" else byte_level)


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=5), st.lists(st.sampled_from(WORDS), min_size=1))
def test_a_text_has_the_same_tokens_at_the_start_and_within(tokens, before, after):
    first, second, both = tokens.encode([" ".join(before), " ".join(after), " ".join(before + after)])
    assert both == first + second


def test_letters_are_normalised_as_the_tokenizer_does(tiny_backbone):
    tokens = IdentifierTokens.of_model(str(tiny_backbone))
    assert tokens.encode(["Gold  is\nYELLOW"]) == tokens.encode(["gold is yellow"])


def test_delimiters_come_from_the_special_tokens(tiny_backbone, byte_level):
    # The vocabulary of the tiny backbone begins with [PAD], [UNK], [CLS], [SEP].
    pieces = IdentifierTokens.of_model(str(tiny_backbone))
    assert (pieces.start, pieces.end) == (2, 3)
    level = IdentifierTokens.of_model(byte_level)
    assert (level.start, level.end) == (0, 1)


def test_a_delimiter_in_a_text_is_read_as_letters(tokens):
    for text in ("gold [SEP] is [CLS]", "gold </s> is <s>"):
        (found,) = tokens.encode([text])
        assert not {tokens.start, tokens.end} & set(found)


def test_an_empty_text_has_no_tokens(tokens):
    assert tokens.encode(["", "  "]) == [[], []]


def test_a_saved_tokenizer_reads_and_writes_as_before(tokens, tmp_path):
    tokens.save(tmp_path)
    again = IdentifierTokens.open(tmp_path)
    texts = ["Gold is a yellow metal", "rails </s>"]
    assert again.encode(texts) == tokens.encode(texts)
    assert (again.start, again.end, again.size) == (tokens.start, tokens.end, tokens.size)
    assert again.digest == tokens.digest
    written = [tokens.start, *again.encode(["gold is yellow"])[0], tokens.end]
    assert again.decode(written) == "gold is yellow"


def test_the_digest_is_that_of_the_models_tokenizer(tiny_backbone):
    from transformers import AutoTokenizer

    vocabulary = AutoTokenizer.from_pretrained(tiny_backbone).get_vocab()
    assert IdentifierTokens.of_model(str(tiny_backbone)).digest == vocabulary_digest(vocabulary)


def test_a_tokenizer_without_delimiters_is_refused(tmp_path):
    from tokenizers import Tokenizer, models

    name = save(tmp_path, Tokenizer(models.WordLevel({"gold": 0, "<end>": 1}, "gold")), eos="<end>")
    with pytest.raises(
        ConfigError, match="found None to begin and 1 to end an identifier with; expected two"
    ):
        IdentifierTokens.of_model(name)


def test_a_folder_without_its_files_is_refused(tiny_backbone, tmp_path):
    IdentifierTokens.of_model(str(tiny_backbone)).save(tmp_path)
    (tmp_path / "tokenizer.json").write_text(json.dumps({"version": "1.0"}))
    with pytest.raises(ArtifactDamaged, match=r"found no readable tokenizer .* Build the index anew"):
        IdentifierTokens.open(tmp_path)
    (tmp_path / "delimiters.json").unlink()
    with pytest.raises(ArtifactDamaged, match=r"delimiters\.json"):
        IdentifierTokens.open(tmp_path)
