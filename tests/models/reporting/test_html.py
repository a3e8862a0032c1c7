import dataclasses
import re
from html.parser import HTMLParser

import pytest

from models.reporting.html import page

VOID = {"meta", "link", "br", "img", "line", "circle", "path", "polyline"}


class Balance(HTMLParser):
    """Notes a tag that is closed without having been opened last."""

    def __init__(self):
        super().__init__()
        self.open, self.wrong = [], []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        if tag not in VOID and self.open.pop() != tag:
            self.wrong.append(tag)


@pytest.fixture
def bare(contents):
    alone = dataclasses.replace(
        contents.board,
        lines=[dataclasses.replace(contents.board.lines[0], costs={})],
        significance=contents.board.significance.slice(0, 0),
    )
    return dataclasses.replace(
        contents, board=alone, distributions=[], audits=[], panels=[], health={}, facts={}, provenance=[]
    )


def test_every_tag_is_closed(contents, bare):
    for each in (contents, bare):
        parser = Balance()
        parser.feed(page(each))
        assert (parser.wrong, parser.open) == ([], [])


def test_nothing_is_fetched(contents, bare):
    for each in (contents, bare):
        assert not re.search(r"https?:|//|src=|url\(|@import|<script|<link|<iframe", page(each))


def test_equal_contents_are_equal_bytes(contents):
    assert page(contents) == page(contents)


def test_texts_are_escaped(contents):
    assert "<rocks>" not in page(contents)
    assert "<title>Rivers &amp; &lt;rocks&gt;</title>" in page(contents)


def test_what_is_missing_is_said(bare):
    text = page(bare)
    assert all(
        each in text
        for each in (
            "No system was timed.",
            "There is nothing to compare hard with.",
            "No decision was made.",
            "No student was trained.",
            "Nothing was clustered.",
            "Not recorded.",
        )
    )
    assert '<div class="cards">' not in text


def test_the_cards_tell_the_result(contents):
    cards = re.findall(r"<b>([^<]+)</b><span>([^<]+)</span>", page(contents))
    assert cards == [
        (".750±.071", "nDCG@10 of kl"),
        ("+.250", "against hard"),
        ("90.0 %", "of its teacher on the same passages"),
        ("3.00 ms", "per query, encoding and searching"),
    ]


def test_what_numbers_leave_out_is_said_below_them(contents):
    board = dataclasses.replace(contents.board, remarks=["<theirs> is not listed."])
    assert "Left out: &lt;theirs&gt; is not listed.</p>" in page(dataclasses.replace(contents, board=board))
    assert "Left out" not in page(contents)
