import re

import pytest

from models.gate.limits import GateConfig, limits
from models.gate.verdicts import Finding, judge
from models.reporting.gate_report import gate_report, html, markdown
from models.reporting.wording import NOTHING, spoken

CHECKS = list(limits(GateConfig()))


def verdicts(**findings):
    """Rows of the table ``gate``: checks that are not named were skipped."""
    found = {check: Finding(None, "not looked at") for check in CHECKS} | findings
    return judge("minilm", found, GateConfig()).to_pylist()


GOOD = {"auc": Finding(0.93, "of 150 queries"), "ties": Finding(0.25, "90 of 360 scores")}
BAD = GOOD | {
    "saturation": Finding(1.0, "360 of 360 scores are exactly 0"),
    "new_parameters": Finding(2.0, "made at random: <classifier>"),
}


@pytest.fixture(params=["good", "bad"])
def report(request):
    return gate_report("minilm", verdicts(**(GOOD if request.param == "good" else BAD)))


def test_what_fell_short_comes_first_with_value_limit_and_note():
    found = gate_report("minilm", verdicts(**BAD))
    assert found.title == "Teacher gate: minilm failed"
    assert found.finding == "2 of 4 checks fell short: saturation, new parameters."
    assert found.rows[:4] == [
        ["saturation", "1", "at most 0.3", "fail", "360 of 360 scores are exactly 0"],
        ["new parameters", "2", "at most 0", "fail", "made at random: <classifier>"],
        ["auc", "0.93", "at least 0.6", "pass", "of 150 queries"],
        ["ties", "0.25", "at most 0.5", "pass", "90 of 360 scores"],
    ]
    assert found.rows[4][1:] == [NOTHING, "at least 0.1", "skipped", "not looked at"]
    assert {row[0] for row in found.rows} == set(map(spoken, CHECKS))


def test_the_text_reads_line_by_line():
    lines = markdown(gate_report("minilm", verdicts(**BAD))).splitlines()
    assert lines[0] == "# Teacher gate: minilm failed"
    assert "- fail: **saturation** 1, at most 0.3 (360 of 360 scores are exactly 0)" in lines
    assert "- pass: **auc** 0.93, at least 0.6 (of 150 queries)" in lines
    assert lines[-1].startswith("Mend the teacher and run again")


def test_each_check_that_fell_short_says_what_to_do_and_which_setting_it_is():
    first, second = gate_report("minilm", verdicts(**BAD)).advice
    assert (first.check, first.setting) == ("saturation", "gate.max_saturation")
    assert "Take the raw logit." in first.remedy
    assert second.setting == "gate.max_new_parameters"
    assert second.meaning == GateConfig.model_fields["max_new_parameters"].description


def test_a_teacher_that_passed_needs_nothing():
    found = gate_report("minilm", verdicts(**GOOD))
    assert (found.title, found.finding) == ("Teacher gate: minilm passed", "None of 2 checks fell short.")
    assert found.advice == []
    assert found.next == "Nothing: students may learn from this teacher."


def test_page_and_text_say_the_same(report):
    for shown in (html(report), markdown(report)):
        told = [report.title, report.finding, report.next, *(each.remedy for each in report.advice)]
        plain = shown.replace("&#34;", '"').replace("&#39;", "'").replace("&lt;", "<").replace("&gt;", ">")
        assert all(each in plain for each in told)
        assert all(cell in plain for row in report.rows for cell in row)


def test_the_page_is_whole_by_itself_and_texts_are_escaped(report):
    page = html(report)
    assert page.startswith("<!doctype html>")
    assert page.endswith("</html>\n")
    assert not re.search(r"https?:|//|src=|url\(|@import|<script|<link|<iframe|<classifier", page)
    assert page == html(report)
