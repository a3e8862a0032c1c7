import gzip

import pytest

from data.errors import CollectionError
from data.text_lines import read_lines


@pytest.mark.parametrize("name", ["lines.txt", "lines.txt.gz"])
def test_lines_keep_their_number_and_lose_their_end(tmp_path, name):
    path = tmp_path / name
    content = "\ufeffone\r\n\n  \n four \ncinq é".encode()
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
    assert list(read_lines(path)) == [(1, "one"), (4, " four "), (5, "cinq é")]


def test_a_line_separator_of_unicode_ends_no_line(tmp_path):
    path = tmp_path / "lines.txt"
    path.write_text("one\u2028still one\x85and still\n", encoding="utf-8")
    assert list(read_lines(path)) == [(1, "one\u2028still one\x85and still")]


def test_an_empty_file_has_no_lines(tmp_path):
    (tmp_path / "empty").touch()
    assert list(read_lines(tmp_path / "empty")) == []


def test_bytes_that_are_not_utf8_are_refused_with_their_line(tmp_path):
    path = tmp_path / "latin.txt"
    path.write_bytes(b"one\ncaf\xe9\n")
    with pytest.raises(CollectionError, match=r"latin\.txt, line 2: found the byte 0xe9.*iconv"):
        list(read_lines(path))


def test_a_truncated_gzip_file_is_refused(tmp_path):
    path = tmp_path / "lines.gz"
    path.write_bytes(gzip.compress(b"one\n" * 1000)[:-12])
    with pytest.raises(CollectionError, match=r"lines\.gz, after line \d+: found a damaged gzip.*again"):
        list(read_lines(path))


def test_a_file_that_only_claims_to_be_gzip_is_refused(tmp_path):
    path = tmp_path / "lines.gz"
    path.write_bytes(b"one\n")
    with pytest.raises(CollectionError, match=r"lines\.gz, after line 0: .*Not a gzipped file.*gzip -t"):
        list(read_lines(path))
