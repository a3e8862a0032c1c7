import dataclasses
import re

from models.reporting.markdown import leaderboard, report


def test_the_leaderboard_prints_every_comparison(board):
    text = leaderboard(board)
    assert re.findall(r"^- (\S+) ", text, flags=re.MULTILINE) == ["teacher:minilm", "kl", "bm25"]
    assert "nDCG@10 on the 2 judged queries of the split test:" in text
    assert max(map(len, text.split("\n")[:13])) <= 120


def test_what_numbers_leave_out_is_said_below_them(board):
    assert "leave out" not in leaderboard(board)
    remarked = leaderboard(dataclasses.replace(board, remarks=["kl/0 has no retention."]))
    assert "\nWhat these numbers leave out:\n\n- kl/0 has no retention.\n\n" in remarked


def test_the_report_has_every_section_in_order(contents):
    assert re.findall(r"^#+ (.+)$", report(contents), flags=re.MULTILINE) == [
        "Rivers & <rocks>",
        "Leaderboard",
        "Answer key",
        "Teacher gate",
        "Decisions on negatives",
        "1. same_text: drop",
        "Training",
        "Signs of a training gone wrong",
        "Clusters",
        "Generated queries",
        "How each number was made",
        "What was reused and what ran",
    ]
    assert "- keep rate: 0.625" in report(contents)


def test_what_is_missing_is_said(contents):
    bare = dataclasses.replace(
        contents,
        distributions=[],
        audits=[],
        panels=[],
        health={},
        facts={},
        provenance=[],
    )
    text = report(bare)
    assert all(
        each in text
        for each in (
            "No teacher answered.",
            "No decision was made.",
            "No student was trained.",
            "Nothing was clustered.",
            "Not recorded.",
        )
    )
