import shutil

import pytest

from data.errors import ConfigError
from data.remote.addresses import RemoteAddress, is_remote, mark, marker_of


@pytest.fixture(autouse=True)
def _nothing_of_aws(monkeypatch):
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)


@pytest.mark.parametrize(
    "url",
    [
        "s3://shelf",
        "s3://shelf/a/b",
        "s3://shelf/a?endpoint_override=http://h:1",
        "s3://shelf?region=eu-west-1",
    ],
)
def test_an_address_is_read_as_it_is_written(url):
    address = RemoteAddress.parse(url)
    assert str(address) == url
    assert RemoteAddress.parse(str(address)) == address


def test_a_path_in_between_loses_a_slash_and_that_does_no_harm():
    from pathlib import Path

    assert is_remote(Path("s3://shelf/a"))
    assert RemoteAddress.parse(str(Path("s3://shelf/a"))) == RemoteAddress("shelf", "a")
    url = "s3://shelf/a?endpoint_override=http://h:1"
    assert RemoteAddress.parse(str(Path(url))) == RemoteAddress.parse(url)


def test_the_endpoint_may_come_from_the_environment(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://host:8333")
    assert RemoteAddress.parse("s3://shelf/a").endpoint == "http://host:8333"
    assert RemoteAddress.parse("s3://shelf/a?endpoint_override=other:1").endpoint == "https://other:1"


def test_every_address_has_a_cache_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setenv("DISTILL_CACHE", str(tmp_path))
    urls = ("s3://a", "s3://a/b", "s3://b", "s3://a?endpoint_override=http://h")
    caches = {RemoteAddress.parse(url).cache for url in urls}
    assert len(caches) == 4
    assert {cache.parent for cache in caches} == {tmp_path}
    assert RemoteAddress.parse("s3://a/b/").cache in caches


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("s3://", "found no bucket; expected s3://bucket/prefix"),
        ("s3://key:secret@shelf", r"s3://…@shelf: found a key in the address; .* AWS_ACCESS_KEY_ID"),
        ("s3://shelf?endpoint=x", "found the option endpoint; expected one of endpoint_override"),
    ],
)
def test_a_wrong_address_says_what_to_do_and_never_shows_a_key(url, message):
    with pytest.raises(ConfigError, match=message) as caught:
        RemoteAddress.parse(url)
    assert "secret" not in str(caught.value)


def test_a_marked_folder_knows_its_address_and_a_copy_of_it_writes_under_another_name(tmp_path):
    address = RemoteAddress("shelf", "a", "http://h:1")
    mark(tmp_path / "cache", address)
    found = marker_of(tmp_path / "cache")
    assert found.address == address
    assert marker_of(tmp_path / "cache") == found
    shutil.copytree(tmp_path / "cache", tmp_path / "copy")
    assert marker_of(tmp_path / "copy").writer != found.writer


def test_a_folder_without_mark_is_a_store_of_its_own(tmp_path):
    assert marker_of(tmp_path) is None
    assert marker_of(tmp_path / "absent") is None
