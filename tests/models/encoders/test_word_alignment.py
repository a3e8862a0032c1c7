import pytest
import torch
from beartype.roar import BeartypeCallHintParamViolation
from hypothesis import given
from hypothesis import strategies as st
from jaxtyping import TypeCheckError
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from models.encoders.word_alignment import NO_WORD, align, places_of, word_block, word_places, word_states

WORDS = ("gold", "iron", "rhine", "organ", "yellow", "metal", "vienna")
PAD = {"pad_token": "<pad>"}
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=9).map(" ".join)


@pytest.fixture(scope="module")
def words(tiny_backbone):
    """Whole words, with a special token at both ends."""
    return AutoTokenizer.from_pretrained(tiny_backbone)


@pytest.fixture(scope="module")
def pieces():
    """Byte pairs of a small text, with the space before a word in its first piece."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=270,
        special_tokens=["<pad>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(["gold is a yellow metal", "iron rusts"], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, **PAD)


def tokens_of(tokenizer, text):
    return len(tokenizer(text)["input_ids"])


def block(rows, keys, seed=0):
    """Shares that rows give to keys."""
    return torch.rand(1, rows, keys, generator=torch.Generator().manual_seed(seed)).softmax(dim=-1)


@given(TEXTS)
def test_whole_words_of_one_tokenizer_are_aligned_by_the_identity(words, text):
    width = tokens_of(words, text)
    places = places_of(words, [text], width)
    found = align(places, places)
    count = len(text.split())
    assert torch.equal(found.first, found.second)
    assert torch.equal(found.first[0, :, 1:-1], torch.eye(count))
    assert not found.first[:, :, [0, -1]].any()
    assert found.share == 1
    map_ = block(width, width)
    assert torch.allclose(word_block(map_, found.first, found.first), map_[:, 1:-1, 1:-1])


@given(TEXTS)
def test_different_tokenizers_find_the_same_words(words, pieces, text):
    first = places_of(words, [text], tokens_of(words, text))
    second = places_of(pieces, [text], tokens_of(pieces, text))
    found = align(first, second)
    assert found.words.sum() == len(text.split())
    assert found.share == 1
    # The pieces of a word spell it, and no piece belongs to two words.
    assert found.second.sum(dim=1).max() == 1
    offsets = pieces(text, return_offsets_mapping=True)["offset_mapping"]
    for place, word in enumerate(text.split()):
        own = [text[slice(*offsets[token])] for token in found.second[0, place].nonzero()[:, 0].tolist()]
        assert "".join(own).strip() == word


def test_the_two_tokenizers_do_differ(words, pieces):
    assert tokens_of(words, "yellow vienna") - 2 == 2 < tokens_of(pieces, "yellow vienna")


@given(TEXTS, TEXTS, st.integers(0, 20))
def test_rows_that_sum_to_one_still_do(pieces, row_text, key_text, seed):
    rows, keys = (places_of(pieces, [text], tokens_of(pieces, text)) for text in (row_text, key_text))
    found = align(rows, rows).first, align(keys, keys).first
    # As maps are made: shares among the tokens of words; a piece that is a space alone is none.
    map_ = block(rows.shape[1], keys.shape[1], seed) * found[1].any(dim=1)[:, None]
    map_ /= map_.sum(dim=-1, keepdim=True)
    sums = word_block(map_, *found).sum(dim=-1)
    assert torch.allclose(sums, torch.ones_like(sums), atol=1e-5)


def test_worked_by_hand():
    # "rusts never" as rust|s never: the word rusts looks as its pieces do on average, and is looked at as
    # often as both: rows (.5 .3 .2) and (.1 .7 .2) have the mean (.3 .5 .2); then columns summed: .8 .2
    places = torch.tensor([[0, 0, 1]])
    found = align(places, places).first
    map_ = torch.tensor([[[0.5, 0.3, 0.2], [0.1, 0.7, 0.2], [0.0, 0.4, 0.6]]])
    assert torch.allclose(word_block(map_, found, found), torch.tensor([[[0.8, 0.2], [0.4, 0.6]]]))
    states = torch.tensor([[[1.0, 3.0], [3.0, 5.0], [7.0, 0.0]]])
    assert torch.allclose(word_states(states, found), torch.tensor([[[2.0, 4.0], [7.0, 0.0]]]))


def test_what_one_side_has_cut_off_is_dropped_on_both(words, pieces):
    text = "gold is a yellow metal"
    short = places_of(words, [text], 5)  # [CLS] gold is a [SEP]
    whole = places_of(pieces, [text], 40)
    found = align(short, whole)
    assert found.words[0].tolist() == [True, True, True, False, False]
    assert not found.second[0, 3:].any()
    assert found.share == pytest.approx(3 / 5)


def test_padding_and_special_tokens_belong_to_no_word(words):
    places = places_of(words, ["gold", "iron rusts"], 6)
    assert places.tolist() == [[-1, 0, -1, -1, -1, -1], [-1, 0, 1, -1, -1, -1]]
    assert NO_WORD == -1


def test_a_space_in_front_belongs_to_the_word_behind_it_and_spaces_alone_to_none():
    assert word_places("of gold", [(0, 2), (2, 7), (2, 3)]) == [0, 1, NO_WORD]
    assert word_places("", [(0, 0)]) == [NO_WORD]


def test_texts_without_a_common_word_align_to_nothing():
    found = align(torch.tensor([[0, -1]]), torch.tensor([[-1, -1]]))
    assert found.share == 0
    assert not found.words.any()
    assert not word_states(torch.ones(1, 2, 3), found.first).any()


def test_wrong_shapes_are_refused():
    with pytest.raises((TypeCheckError, BeartypeCallHintParamViolation)):
        align(torch.zeros(1, 3, dtype=torch.long), torch.zeros(2, 3, dtype=torch.long))
    with pytest.raises((TypeCheckError, BeartypeCallHintParamViolation)):
        word_block(block(3, 3), torch.ones(1, 2, 3), torch.ones(1, 2, 4))
