from hypothesis import given
from hypothesis import strategies as st

from data.schemas import COSTS
from data.tables import from_rows
from models.reporting.leaderboard import leaderboard
from models.reporting.markdown import leaderboard as markdown
from models.reporting.rows import (
    aligned,
    cost_rows,
    distribution_rows,
    gate_rows,
    health_rows,
    own_rows,
    provenance_rows,
    quality_rows,
    training_rows,
)
from models.reporting.wording import NOTHING

CELLS = st.text(st.characters(codec="ascii", exclude_characters="|\n\r", min_codepoint=32), max_size=8)


@given(rows=st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=5), numbers=st.booleans())
def test_columns_line_up_and_read_back(rows, numbers):
    lines = aligned(rows, numbers=numbers).split("\n")
    assert len({tuple(at for at, letter in enumerate(line) if letter == "|") for line in lines}) == 1
    read = [[cell.strip() for cell in line.split("|")[1:-1]] for line in [lines[0], *lines[2:]]]
    assert read == [[cell.strip() for cell in row] for row in rows]


def test_quality_and_cost_worked_by_hand(board):
    # Two queries: no difference is significant, so there are no marks.
    assert quality_rows(board)[:3] == [
        ["system", "role", "seeds", "nDCG@10", "RR@10"],
        ["teacher:minilm", "teacher", "1", ".900", ".900"],
        ["kl", "student", "2", ".750±.071", ".750±.071"],
    ]
    assert cost_rows(board)[:3] == [
        ["system", "retention", "parameters, M", "index, MB", "encode, ms", "search, ms", "train, s"],
        ["teacher:minilm", NOTHING, NOTHING, NOTHING, NOTHING, "40.0", NOTHING],
        ["kl", ".900±.000", "12.0", NOTHING, "3.00", NOTHING, "15.0"],
    ]


def test_costs_that_only_some_have_are_columns_only_then(systems, metrics, costs):
    more = from_rows(
        [*map(tuple, (row.values() for row in costs.to_pylist())), ("kl/0", "flops", 2.5)], COSTS
    )
    rows = cost_rows(leaderboard(systems, metrics, more, "nDCG@10", "hard"))
    assert rows[0][-2:] == ["train, s", "FLOPS"]
    assert [row[-1] for row in rows if row[0] in ("kl", "bm25")] == ["2.50", NOTHING]


def test_a_student_that_does_not_beat_its_control_is_said_not_to(systems, metrics, costs):
    board = leaderboard(systems, metrics, costs, "nDCG@10", "hard", controls={"kl": "bm25"})
    # Two queries, both better: two of four sign patterns are as extreme.
    told = ["kl", "bm25", "+.450", ".5000", ".5000", "not shown to differ from it"]
    assert own_rows(board)[1:] == [told]
    assert "- kl +.450 against bm25 (p = .5000; with Holm's correction p = .5000): not shown to" in markdown(
        board
    )


def test_the_other_tables_worked_by_hand(contents):
    # Bins 0…1 and 1…2: of 4 x 4 pairs, positives (1, 3) against negatives (3, 1): the positive in
    # the first bin ties with 3 (half: 1.5), the three in the second beat 3 and tie with 1: 3 x 3.5.
    # (1.5 + 10.5) / 16 = 75 %.
    assert distribution_rows(contents)[1] == ["minilm", "4", "1.50", "4", "0.50", "75.0 %"]
    assert training_rows(contents)[1] == ["kl", "0", "loss", "10", "4.00", "1.00"]
    assert gate_rows(contents) == [
        ["teacher", "check", "verdict", "value", "limit", "seen"],
        ["minilm", "ties", "fail", "0.75", "0.5", "of 9,000 pairs"],
        ["minilm", "auc", "pass", "0.93", "0.6", "of 150 queries"],
        ["minilm", "truncated", "skipped", NOTHING, "0.5", "it does not truncate"],
    ]
    assert health_rows(contents) == [
        ["vectors of", "level", "clusters", "balance"],
        ["embed", "0", "3", "0.910"],
        ["embed", "1", "7", NOTHING],
    ]
    assert provenance_rows(contents)[1] == ["train_student", "kl/0", "ran", "12.5", "abcdef"]
