import pytest

from data.errors import ConfigError
from data.schemas import COSTS, METRICS
from data.tables import from_rows
from models.metrics import RETENTION
from models.reporting.leaderboard import Spread, System, leaderboard, measures_of, over_seeds


def test_systems_stand_by_the_main_measure_the_best_first(board):
    # Means over the two queries: teacher .9, kl (.7 + .8) / 2 = .75, hard .5, bm25 .3.
    assert [(line.name, line.values["nDCG@10"].mean) for line in board.lines] == [
        ("teacher:minilm", pytest.approx(0.9)),
        ("kl", pytest.approx(0.75)),
        ("hard", pytest.approx(0.5)),
        ("bm25", pytest.approx(0.3)),
    ]
    assert (board.split, board.queries, board.measures) == ("test", 2, ["nDCG@10", "RR@10"])


def test_seeds_are_one_line_with_their_spread(board):
    kl = board.best_student()
    assert (kl.name, kl.seeds, kl.role) == ("kl", 2, "student")
    # Seeds .7 and .8: the standard deviation with n - 1 is .1 / sqrt(2) = .0707.
    assert kl.values["nDCG@10"].deviation == pytest.approx(0.0707, abs=1e-4)
    assert str(kl.values["nDCG@10"]) == ".750±.071"
    assert kl.values[RETENTION].mean == pytest.approx(0.9)
    assert (kl.costs["encode_ms"], kl.costs["train_s"], kl.latency_ms()) == (3.0, 15.0, 3.0)


def test_a_query_counts_once_whatever_the_number_of_seeds(metrics, systems):
    rows = over_seeds(metrics, systems).filter(system="kl", measure="nDCG@10").to_dicts()
    assert [(row["qid"], row["value"]) for row in rows] == [
        ("q1", pytest.approx(0.7)),
        ("q2", pytest.approx(0.8)),
    ]


def test_every_system_but_the_control_is_compared_with_it(board):
    assert [row["system"] for row in board.comparisons] == ["teacher:minilm", "kl", "bm25"]
    # kl - hard: .7 - .5 and .8 - .5, mean .25; of four sign patterns two are as extreme.
    kl = board.compared("kl")
    assert (kl["difference"], kl["p_value"], kl["wins"]) == (pytest.approx(0.25), 0.5, 2)
    assert board.compared("hard") is None
    assert [line.name for line in board.lines if line.is_control] == ["hard"]
    assert [line.part for line in board.lines] == ["teacher", "student", "student, control", "baseline"]


def test_a_student_is_held_against_its_own_control(systems, metrics, costs):
    controls = {"kl": "bm25", "hard": "hard", "absent": "bm25"}
    board = leaderboard(systems, metrics, costs, "nDCG@10", "hard", controls=controls)
    # kl - bm25: .7 - .2 and .8 - .4, mean .45; what has the board's control, or was left out, has no row.
    assert [(row["system"], row["control"], row["wins"]) for row in board.own_comparisons] == [
        ("kl", "bm25", 2)
    ]
    assert board.own_comparisons[0]["difference"] == pytest.approx(0.45)
    assert [row["control"] for row in board.comparisons] == ["hard"] * 3


def test_without_a_named_control_the_first_system_is_it(systems, metrics, costs):
    found = leaderboard(systems, metrics, costs, "nDCG@10", None)
    assert found.control == "bm25"


def test_equal_systems_stand_by_name():
    twins = [System(name, name, "run") for name in ("b", "a")]
    rows = [(each.system, "test", "RR@10", qid, 0.5) for each in twins for qid in ("q1", None)]
    found = leaderboard(twins, from_rows(rows, METRICS), COSTS.columns.empty_table(), "RR@10", None)
    assert [line.name for line in found.lines] == ["a", "b"]


def test_a_system_without_marks_has_no_line_but_is_remarked_upon(systems, metrics, costs):
    silent = System("teacher:theirs", "teacher:theirs", "teacher", "teacher:theirs is not listed.")
    found = leaderboard([silent, *systems], metrics, costs, "nDCG@10", None)
    assert found.remarks == ["teacher:theirs is not listed."]
    assert "teacher:theirs" not in [line.name for line in found.lines]
    assert found.control == "bm25"


def test_the_main_measure_leads_the_usual_ones(metrics):
    assert measures_of(metrics, "RR@10") == ["RR@10", "nDCG@10"]


def test_one_seed_has_no_spread():
    assert str(Spread(0.5, None)) == ".500"


def test_a_measure_or_control_that_is_not_there_is_refused(systems, metrics, costs):
    with pytest.raises(ConfigError, match=r"report.measure: found 'AP@1000'; .* RR@10, nDCG@10. Add it to"):
        leaderboard(systems, metrics, costs, "AP@1000", "hard")
    with pytest.raises(
        ConfigError, match=r"found 'easy'; expected one of the systems .*: bm25, teacher:minilm, hard, kl"
    ):
        leaderboard(systems, metrics, costs, "nDCG@10", "easy")
