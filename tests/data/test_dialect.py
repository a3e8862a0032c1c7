import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data import tables
from data.answer_key import AnswerKey
from data.dialect import UNSPLIT, Texts, needs_texts, read_answers, refuse_ids
from data.dialects import ALL, DIALECTS
from data.errors import InputError
from data.schemas import ANSWERS

# What ingest lets through: no tabs, no line breaks.
ANY = st.text(
    st.characters(blacklist_categories=["Cs"], blacklist_characters="\t\r\n"), min_size=1, max_size=4
)
# What every format holds: no white space, no quotation mark and no byte-order mark either.
PLAIN = st.text(
    st.characters(blacklist_categories=["Cs", "Z", "Cc"], blacklist_characters='"\ufeff'),
    min_size=1,
    max_size=4,
)
SCORE = st.floats(width=32, allow_nan=False, allow_infinity=False)
SMALL_ID = st.sampled_from("abcde")
STRICT = {"trec", "beir", "vienna"}


def rows_of(qid, pid):
    pairs = st.tuples(qid, pid)
    return st.lists(st.tuples(pairs, SCORE, st.booleans()), min_size=1, max_size=20, unique_by=lambda x: x[0])


def key_of(rows, texts):
    """A key of ((qid, pid), score, positive); the text of a passage is given by its place in ``texts``."""
    qids, pids = (sorted({row[0][side] for row in rows}) for side in (0, 1))
    text = pl.String
    passages = [(pid, "", texts[n % len(texts)] + f" {n}") for n, pid in enumerate(pids)]
    return AnswerKey(
        answers=pl.LazyFrame(
            [(*pair, score) for pair, score, _ in rows],
            schema={"qid": text, "pid": text, "score": pl.Float32},
            orient="row",
        ),
        passages=pl.LazyFrame(passages, schema=dict.fromkeys(("pid", "title", "text"), text), orient="row"),
        queries=pl.LazyFrame(
            [(qid, f"{texts[0]} {n}", "human", None, "train") for n, qid in enumerate(qids)],
            schema=dict.fromkeys(("qid", "text", "origin", "source_pid", "split"), text),
            orient="row",
        ),
        qrels=pl.LazyFrame(
            [(*pair, 1) for pair, _, positive in rows if positive],
            schema={"qid": text, "pid": text, "grade": pl.Int16},
            orient="row",
        ),
        teacher="sharp",
        block_pairs=3,
    )


def held(rows, dialect):
    """The rows that remain: all, or those of queries with both a positive and a negative."""
    kinds = {}
    for (qid, _), _, positive in rows:
        kinds.setdefault(qid, set()).add(positive)
    return [
        (qid, pid, "sharp", score)
        for (qid, pid), score, _ in rows
        if UNSPLIT not in dialect.loses or len(kinds[qid]) == 2
    ]


def there_and_back(dialect, rows, texts, folder):
    key = key_of(rows, texts)
    exported = dialect.write(key, folder)
    left = held(rows, dialect)
    assert exported.pairs == len(left)
    if not left:
        with pytest.raises(InputError, match=r"found no score"):
            read_answers(dialect, folder, "sharp")
        return
    expected = tables.sort(tables.from_rows(left, ANSWERS), ANSWERS)
    found = read_answers(dialect, folder, "sharp")
    tables.check(found, ANSWERS)
    assert found.equals(expected)


@pytest.mark.parametrize("dialect", ALL, ids=lambda dialect: dialect.name)
@settings(max_examples=40)
@given(
    data=st.data(),
    texts=st.lists(st.text(st.characters(blacklist_categories=["Cs"]), max_size=5), min_size=1),
)
def test_a_key_is_read_back_minus_what_the_dialect_says_it_loses(dialect, data, texts, tmp_path_factory):
    identifier = PLAIN if dialect.name in STRICT else ANY
    rows = data.draw(st.one_of(rows_of(identifier, identifier), rows_of(SMALL_ID, SMALL_ID)))
    there_and_back(dialect, rows, texts, tmp_path_factory.mktemp(dialect.name))


def test_every_dialect_has_its_own_name_and_says_what_it_loses():
    assert list(DIALECTS) == [
        "trio",
        "tuples",
        "tevatron",
        "tevatron-ids",
        "flagembedding",
        "colbert",
        "vienna",
        "trec",
        "beir",
    ]
    assert all("the teacher's name" in dialect.loses for dialect in ALL)


@pytest.mark.parametrize("dialect", ALL, ids=lambda dialect: dialect.name)
def test_a_missing_file_is_refused(dialect, tmp_path):
    with pytest.raises(
        InputError, match=rf"{dialect.file}: found no file; expected scores as {dialect.name}"
    ):
        read_answers(dialect, tmp_path, "sharp")


def test_texts_become_all_the_identifiers_they_stand_for(tmp_path):
    texts = Texts(
        queries=pl.DataFrame({"qid": ["q"], "text": ["why"]}),
        passages=pl.DataFrame({"pid": ["a", "b"], "text": ["same", "same"]}),
    )
    rows = pl.DataFrame({"line": [1], "qid": ["why"], "pid": ["same"], "score": [2.0]})
    assert texts.ids_of(rows, tmp_path).rows() == [(1, "q", "a", 2.0), (1, "q", "b", 2.0)]


def test_a_text_of_nobody_is_refused_with_its_line(tmp_path):
    texts = Texts(
        queries=pl.DataFrame({"qid": ["q"], "text": ["why"]}),
        passages=pl.DataFrame({"pid": ["a"], "text": ["text"]}),
    )
    rows = pl.DataFrame({"line": [7], "qid": ["why"], "pid": ["other"], "score": [2.0]})
    with pytest.raises(InputError, match=r"file, line 7: found the text 'other'; .*--template"):
        texts.ids_of(rows, tmp_path / "file")


def test_texts_without_a_run_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"texts without identifiers; .*Add --run NAME"):
        needs_texts(tmp_path, None)


def test_refused_identifiers_are_counted():
    with pytest.raises(InputError, match=r"trec: found 2 of 3 values of qid such as 'x y'; expected none"):
        refuse_ids(pl.Series("qid", ["x", "x y", " "]), r"\s", "trec", "none")
