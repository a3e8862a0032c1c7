from flows.config import config_path, load
from flows.estimate import estimate
from flows.estimating.collection_size import KNOWN
from flows.estimating.printing import shown

FOUND = estimate(load(config_path("nq")), KNOWN["nq"])


def test_every_stage_table_and_peak_has_a_line():
    lines = shown(FOUND).splitlines()
    named = {line.split("|")[1].strip() for line in lines if line.startswith("|")}
    assert {f"{each.stage} {each.of}".strip() for each in FOUND.stages} <= named
    assert {table.name for table in FOUND.tables} | {peak.stage for peak in FOUND.peaks} <= named


def test_what_is_assumed_and_what_is_not_known_is_said():
    text = shown(FOUND)
    assert "ASSUMED, 0.15 of the peak" in text
    assert "no rate known" in text
    assert "To rent: 1 L4 (24 GB)" in text
