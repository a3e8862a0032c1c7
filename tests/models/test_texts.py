import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from models.texts import passage_texts

WORD = st.text(st.characters(categories=["L", "N"]), min_size=1)


@given(rows=st.lists(st.tuples(WORD | st.just(""), WORD), min_size=1))
def test_every_row_gives_its_title_and_text_without_stray_spaces(rows):
    titles, texts = zip(*rows, strict=True)
    filled = passage_texts(pa.table({"title": titles, "text": texts}))
    assert filled == [f"{title} {text}" if title else text for title, text in rows]


def test_the_template_is_a_setting():
    table = pa.table({"title": ["Rhine"], "text": ["rises in the Alps"]})
    assert passage_texts(table, "{text} ({title})") == ["rises in the Alps (Rhine)"]


def test_braces_in_a_text_are_text():
    assert passage_texts(pa.table({"title": ["{text}"], "text": ["{0}"]})) == ["{text} {0}"]
