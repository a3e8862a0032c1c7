import numpy as np
import polars as pl
import pytest

from data.errors import ConfigError
from models.generative_settings import RowSettings
from models.identifier_rows import OF_PASSAGE, OF_QUERY, RowMaker, rows_to_learn
from models.identifiers import Identifiers


@pytest.fixture
def identifiers(tiny_identifiers):
    return Identifiers.open(tiny_identifiers)


def test_a_target_can_be_written_and_is_of_the_passage(identifiers, tiny_collection):
    titles = tiny_collection["passages"]["title"].to_pylist()
    wanted = {"title": 2, "body": 3, "query": 1}
    for passage in range(12):
        rows = list(RowMaker(identifiers, 0).rows("the", passage, wanted, OF_QUERY))
        assert [row.view for row in rows] == ["title"] * 2 + ["body"] * 3 + ["query"]
        for row in rows:
            lows, highs = identifiers.ranges_of(row.view, [row.target])
            index = identifiers.views[row.view]
            assert passage in index.rows(index.places((lows[0], highs[0]), 99))
            assert (row.view == "body") == (row.target[-1] != identifiers.tokens.end)
            assert row.text == f"the || {row.view} || +"
        assert identifiers.tokens.decode(rows[0].target).lower() in ("[unk]", titles[passage].lower())


def test_n_grams_that_have_the_querys_rare_words_are_drawn_more(identifiers):
    # Some n-grams of four of the passage have the word, and some have not.
    rows = RowMaker(identifiers, 0).rows("danube", 3, {"body": 200}, OF_QUERY)
    (danube,) = identifiers.encode(["danube"])
    body = RowMaker(identifiers, 0)._places["body"].sequences_of(3)[0].tolist()
    starts = len(body) - 4 + 1
    have = sum(danube[0] in body[start : start + 4] for start in range(starts)) / starts
    drawn = np.mean([danube[0] in row.target for row in rows])
    assert drawn > have or have in (0, 1)


def test_queries_have_rows_of_their_answers_and_passages_of_a_question(make_lesson, identifiers):
    asked = pl.DataFrame(
        {
            "qid": ["g1", "g2"],
            "text": ["ships carry grain", "grain on the danube"],
            "origin": ["generated"] * 2,
            "source_pid": ["danube-2"] * 2,
            "split": ["train"] * 2,
        }
    )
    lesson = make_lesson()
    queries = pl.concat([lesson.queries.collect(), asked])
    settings = RowSettings(title=1, body=2, query=0, passage_title=0, passage_body=1, passage_query=1)
    rows, human = rows_to_learn(make_lesson(queries=queries), identifiers, settings)
    assert human == 4
    of_queries = [row for row in rows if row.text.endswith(f"|| {OF_QUERY}")]
    of_passages = [row for row in rows if row.text.endswith(f"|| {OF_PASSAGE}")]
    assert len(of_queries) == 4 * 3
    # One question of a passage, however many it has.
    assert [row.text for row in of_passages] == [
        f"ships carry grain || {view} || p" for view in ("body", "query")
    ]


def test_the_seed_decides_what_is_drawn(make_lesson, identifiers):
    drawn = [rows_to_learn(make_lesson(seed), identifiers, RowSettings())[0] for seed in (0, 0, 1)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_nothing_to_learn_is_refused(make_lesson, identifiers):
    none = dict.fromkeys(RowSettings.model_fields, 0)
    with pytest.raises(ConfigError, match="no identifier of an answer to learn"):
        rows_to_learn(make_lesson(), identifiers, RowSettings(**none))
