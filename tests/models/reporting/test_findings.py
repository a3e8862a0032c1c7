import dataclasses

from models.reporting.findings import against, finding, legend, methods
from models.reporting.wording import MINUS


def test_the_finding_names_student_control_p_and_retention(board):
    assert finding(board) == (
        "The best student, kl, reaches nDCG@10 .750±.071 (mean of 2 seeds), +.250 against hard "
        "(p = .5000; with Holm's correction p = 1.0000). On the same passages it retains 90.0 % of its "
        "teacher's quality."
    )


def test_without_students_the_first_system_is_named(board):
    only = dataclasses.replace(board, lines=[line for line in board.lines if line.role != "student"])
    assert finding(only) == "teacher:minilm leads with nDCG@10 .900."


def test_a_small_p_is_a_bound():
    row = {"difference": -0.1, "control": "hard", "p_value": 0.00005, "p_holm": 0.0002}
    assert against(row) == f"{MINUS}.100 against hard (p < .0001; with Holm's correction p = .0002)"


def test_the_legend_and_the_methods_name_test_control_and_queries(board):
    assert "differs from hard (paired randomisation test, two-sided, over 2 queries" in legend(board)
    told = methods(board)
    assert "nDCG@10, RR@10 by ir_measures, over all 2 judged queries of the split test" in told["Measures"]
    assert told["Significance"].startswith("Each system against hard")
