import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from models.false_negatives.same_text import said, text_keys

WORDS = st.lists(st.sampled_from(["Rhine", "rhine", "a", "é", "e\u0301", "."]), max_size=3)
BLANK = st.text(st.sampled_from(" \n\t\r\u00a0\u2003"), min_size=1, max_size=3)


def table(*rows):
    return pl.LazyFrame(
        [(f"p{number}", *row) for number, row in enumerate(rows)],
        schema=["pid", "title", "text"],
        orient="row",
    )


@given(first=WORDS, second=WORDS, blanks=st.lists(BLANK, min_size=8, max_size=8))
def test_keys_are_equal_where_the_words_are(first, second, blanks):
    def spread(words):
        return blanks[0] + "".join(word + blank for word, blank in zip(words, blanks[1:], strict=False))

    one, two = text_keys(table(("", " ".join(first)), ("", spread(second))))["text_key"]
    assert (one == two) == (first == second)


def test_titles_count_only_where_there_is_no_text():
    keys = text_keys(table(("A", "x"), ("B", "x"), ("A", ""), ("B", " "), ("", "A")))["text_key"].to_list()
    assert keys[0] == keys[1]
    assert keys[2] == keys[4] != keys[3]


def test_case_and_punctuation_are_kept():
    texts = table(("", "Gold "), ("", "gold"), ("", "gold.")).select(said()).collect()["said"].to_list()
    assert texts == ["Gold", "gold", "gold."]
