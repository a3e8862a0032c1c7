import dataclasses
import itertools
import re
import xml.etree.ElementTree as ET

import pytest

from models.reporting.contents import Distribution, Panel
from models.reporting.figures import curve, histogram, quality_by_latency


@pytest.fixture
def pictures(contents):
    return {
        "latency": quality_by_latency(contents.board.lines, "nDCG@10"),
        "histogram": histogram(contents.distributions[0]),
        "curve": curve(contents.panels[0]),
    }


def test_pictures_are_well_formed_and_stay_in_their_frame(pictures):
    for picture in pictures.values():
        root = ET.fromstring(picture)  # noqa: S314  (made here)
        _, _, width, height = map(float, root.get("viewBox").split())
        for node in root.iter():
            for axis, most in (("x", width), ("cx", width), ("y", height), ("cy", height)):
                assert 0 <= float(node.get(axis, 0)) <= most


def test_a_better_system_stands_higher_and_a_slower_one_further_right(pictures):
    dots = re.findall(r'<circle class="(\w+)" cx="([\d.]+)" cy="([\d.]+)"', pictures["latency"])
    by_role = {role: (float(x), float(y)) for role, x, y in dots}
    assert by_role["teacher"][1] < by_role["student"][1] < by_role["control"][1] < by_role["baseline"][1]
    assert max(by_role, key=lambda role: by_role[role][0]) == "teacher"


def test_only_what_was_timed_is_drawn(contents):
    untimed = [dataclasses.replace(line, costs={}) for line in contents.board.lines]
    assert quality_by_latency(untimed, "nDCG@10") == ""
    some = [contents.board.lines[0], *untimed[1:]]
    assert quality_by_latency(some, "nDCG@10").count("<circle") == 1


def test_names_of_equal_systems_do_not_cover_each_other(contents):
    line = contents.board.lines[1]
    twins = [dataclasses.replace(line, name=f"{line.name}-{number}") for number in range(4)]
    heights = re.findall(r'class="label" x="[\d.]+" y="([\d.]+)"', quality_by_latency(twins, "nDCG@10"))
    gaps = [float(b) - float(a) for a, b in itertools.pairwise(heights)]
    assert len(gaps) == 3
    assert min(gaps) >= 13


def test_histograms_compare_shares_not_counts():
    # 1 of 2 positives and 50 of 100 negatives in each bin: the two outlines are the same.
    drawn = histogram(Distribution("t", [0.0, 1.0, 2.0], [1, 1], [50, 50], (1.0, 1.0)))
    shapes = dict(re.findall(r'<path class="(\w+)" d="([^"]+)"', drawn))
    assert shapes["positive"] == shapes["negative"]


def test_a_curve_has_a_line_for_each_seed_even_of_one_point():
    drawn = curve(Panel("kl", "loss", {"0": [(1, 2.0)], "1": [(1, 2.0)]}))
    assert re.findall(r"<title>seed (\d)</title>", drawn) == ["0", "1"]


def test_names_are_escaped():
    drawn = histogram(Distribution('<b>"t"', [0.0, 1.0], [1], [1], (0.5, 0.5)))
    assert 'aria-label="scores of &lt;b&gt;&#34;t&#34;"' in drawn
