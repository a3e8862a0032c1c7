from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data import answer_rows
from data.answer_rows import (
    Place,
    Row,
    answers_of,
    frame_of,
    id_of,
    json_objects,
    json_values,
    list_of,
    score_of,
)
from data.errors import InputError

HERE = Place(Path("file"), 3)
FILE = Path("file")


@given(
    st.lists(
        st.tuples(
            st.sampled_from("ab"), st.sampled_from("ab"), st.floats(width=32, min_value=0, max_value=1 / 64)
        )
    )
)
def test_the_first_score_of_a_pair_counts(rows):
    frame = frame_of((Row(n, *row) for n, row in enumerate(rows, start=1)), FILE)
    if not rows:
        return
    expected = {}
    for qid, pid, score in rows:
        expected.setdefault((qid, pid), score)
    found = answers_of(frame, FILE, "sharp").to_pylist()
    assert {(row["qid"], row["pid"]): row["score"] for row in found} == expected
    assert {row["teacher"] for row in found} == {"sharp"}


def test_rows_are_collected_in_chunks(monkeypatch):
    monkeypatch.setattr(answer_rows, "CHUNK", 2)
    rows = [Row(n, "q", str(n), n) for n in range(5)]
    assert frame_of(iter(rows), FILE).rows() == rows


def test_scores_of_a_pair_may_differ_by_rounding_only():
    near = frame_of([Row(1, "q", "a", 100.0), Row(2, "q", "a", 101.9)], FILE)
    assert answers_of(near, FILE, "t")["score"].to_pylist() == [100.0]
    far = frame_of([Row(1, "q", "a", 100.0), Row(4, "q", "a", 102.1)], FILE)
    with pytest.raises(
        InputError, match=r"file, line 4: found the score 102.1 for \(q, a\), scored 100 above"
    ):
        answers_of(far, FILE, "t")


def test_a_file_without_scores_is_refused():
    with pytest.raises(InputError, match=r"file, line 1: found no score; expected at least one"):
        answers_of(frame_of([], FILE), FILE, "t")


def test_half_a_character_is_refused_with_its_line():
    with pytest.raises(InputError, match=r"file, line 2: found half of a surrogate pair"):
        frame_of([Row(1, "q", "a", 1.0), Row(2, "q", "\ud800", 1.0)], FILE)


@pytest.mark.parametrize(("value", "score"), [(1, 1.0), ("-1e-3", -0.001), (3.4028235e38, 3.4028235e38)])
def test_numbers_and_their_texts_are_scores(value, score):
    assert score_of(value, HERE) == score


@pytest.mark.parametrize("value", [None, True, "high", "nan", float("inf"), 1e39, [1], "", 10**400])
def test_what_is_no_finite_number_is_no_score(value):
    with pytest.raises(InputError, match=r"file, line 3: found the score .*; expected a finite number"):
        score_of(value, HERE)


def test_integers_are_identifiers_by_their_digits():
    assert (id_of(7, HERE), id_of("07", HERE), id_of(" ", HERE)) == ("7", "07", " ")


@pytest.mark.parametrize("value", [None, "", True, 1.5, ["a"]])
def test_what_is_no_text_is_no_identifier(value):
    with pytest.raises(InputError, match=r"file, line 3: found .* as an identifier; expected a string"):
        id_of(value, HERE)


def test_lists_are_there_and_as_long_as_they_must_be():
    assert list_of({"pos": [1]}, "pos", HERE, 1) == [1]
    with pytest.raises(InputError, match=r"found no list pos; expected a list pos"):
        list_of({}, "pos", HERE)
    with pytest.raises(InputError, match=r"found pos: 'x'; expected a list pos"):
        list_of({"pos": "x"}, "pos", HERE)
    with pytest.raises(InputError, match=r"found 1 pos; expected 2\. Give every passage one score"):
        list_of({"pos": [1]}, "pos", HERE, 2)


def test_lines_that_are_not_json_are_refused(tmp_path):
    (tmp_path / "f").write_text('{}\n\n{"a": \n')
    with pytest.raises(InputError, match=r"f, line 3: found what is not JSON"):
        list(json_values(tmp_path / "f"))
    (tmp_path / "f").write_text("[1]\n")
    with pytest.raises(InputError, match=r"f, line 1: found \[1\]; expected a JSON object"):
        list(json_objects(tmp_path / "f"))
