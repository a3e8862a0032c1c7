import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from models.generators import GeneratorChoice
from models.generators.spans import SpansConfig

WORD = st.text("abcdeA.?! \n", min_size=1, max_size=6)
PASSAGES = st.lists(st.tuples(WORD, st.lists(WORD, max_size=60).map(" ".join)), max_size=4)
BACH = (
    "J. S. Bach wrote fugues for the organ. He lived in Leipzig, i.e. in Saxony, with Anna.\n"
    "He died there in 1750."
)


def pieces_of(text, title="", seed=0, **settings):
    return next(SpansConfig(**settings).generate([title], [text], seed))


@given(PASSAGES, st.integers(1, 8), st.integers(1, 20), st.floats(0, 1), st.integers(0, 99))
def test_pieces_are_runs_of_the_passages_words_and_none_comes_twice(passages, number, words, share, seed):
    config = SpansConfig(per_passage=number, span_words=words, sentence_share=share)
    titles, texts = [title for title, _ in passages], [text for _, text in passages]
    made = list(config.generate(titles, texts, seed))
    assert len(made) == len(passages)
    for title, text, pieces in zip(titles, texts, made, strict=True):
        whole = " ".join((text if text.strip() else title).split())
        assert all(f" {piece} " in f" {whole} " for piece in pieces)
        assert len(set(pieces)) == len(pieces) <= number
        assert bool(pieces) == bool(whole)


@given(PASSAGES, PASSAGES, st.integers(0, 99))
def test_passages_that_are_added_change_nothing(passages, others, seed):
    def made(rows):
        return list(SpansConfig().generate([title for title, _ in rows], [text for _, text in rows], seed))

    assert made(others + passages)[len(others) :] == made(passages)


def test_sentences_are_split_where_a_reader_would():
    assert sorted(pieces_of(BACH, per_passage=3, sentence_share=1.0)) == [
        "He died there in 1750.",
        "He lived in Leipzig, i.e. in Saxony, with Anna.",
        "J. S. Bach wrote fugues for the organ.",
    ]


def test_a_sentence_that_is_too_short_or_too_long_is_left_out():
    found = pieces_of(BACH, per_passage=1, sentence_share=1.0, shortest_sentence=8, longest_sentence=8)
    assert found == ["J. S. Bach wrote fugues for the organ."]


def test_a_long_passage_gives_the_wanted_kinds():
    text = (
        " ".join(f"word{n}" for n in range(100)) + ". One short sentence here. Another short sentence here."
    )
    pieces = pieces_of(text, per_passage=6, span_words=5, sentence_share=1 / 3)
    sentences = [
        piece for piece in pieces if piece in ("One short sentence here.", "Another short sentence here.")
    ]
    assert (len(pieces), len(sentences)) == (6, 2)
    assert all(len(piece.split()) == 5 for piece in pieces if piece not in sentences)


def test_a_share_of_the_pieces_follows_the_title():
    pieces = pieces_of(BACH, title="Johann Sebastian", per_passage=4, span_words=3, title_share=0.5)
    assert sum(piece.startswith("Johann Sebastian ") for piece in pieces) == 2


def test_a_passage_without_text_gives_its_title_once():
    assert pieces_of(" \n", title="The Rhine", title_share=1.0) == ["The Rhine"]


def test_another_seed_draws_other_pieces():
    text = " ".join(f"word{n}" for n in range(100))
    assert pieces_of(text, seed=1) == pieces_of(text, seed=1) != pieces_of(text, seed=2)


def test_what_was_drawn_for_a_passage_stays_so():
    # Written down once: a change of it makes every generated query anew.
    text = " ".join(str(n) for n in range(10))
    assert pieces_of(text, per_passage=3, span_words=2, sentence_share=0.0) == ["5 6", "7 8", "2 3"]


def test_impossible_settings_are_refused():
    with pytest.raises(ValidationError, match="found 40; expected at most longest_sentence = 32"):
        SpansConfig(shortest_sentence=40)
    with pytest.raises(ValidationError, match=r"'template'.*'spans', 'seq2seq'"):
        TypeAdapter(GeneratorChoice).validate_python({"kind": "template"})
