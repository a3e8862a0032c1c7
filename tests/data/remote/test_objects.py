import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import ConfigError
from data.remote.addresses import RemoteAddress
from data.remote.objects import Listed, Objects
from tests.s3 import objects, s3, s3_server, url  # noqa: F401


@settings(max_examples=15)
@given(content=st.binary(max_size=2000))
def test_what_was_put_is_read_back(objects, tmp_path, content):  # noqa: F811
    objects.write("a/b", content)
    assert objects.read("a/b") == content
    assert objects.digest("a/b") == hashlib.sha256(content).hexdigest()
    assert objects.below("a")["b"].size_bytes == len(content)
    sha, place = hashlib.sha256(content).hexdigest(), tmp_path / "deep" / "b"
    assert objects.download("a/b", place, sha, tmp_path / "drafts")
    assert (tmp_path / "deep" / "b").read_bytes() == content


def test_a_large_file_goes_up_and_comes_down_in_pieces(objects, tmp_path):  # noqa: F811
    content = bytes(range(256)) * 45_000
    (tmp_path / "large").write_bytes(content)
    objects.upload("large", tmp_path / "large")
    assert objects.digest("large") == hashlib.sha256(content).hexdigest()


def test_what_is_not_there_is_none_and_may_be_deleted(objects, tmp_path):  # noqa: F811
    assert objects.read("a") is None
    assert objects.digest("a") is None
    assert objects.below("a") == {}
    assert objects.folders("a") == []
    objects.delete("a", "b")
    objects.delete_folder("a")
    assert not objects.download("a", tmp_path / "a", "", tmp_path / "drafts")


def test_other_bytes_are_not_placed(objects, tmp_path):  # noqa: F811
    objects.write("a", b"content")
    (tmp_path / "a").write_bytes(b"before")
    sha = hashlib.sha256(b"other").hexdigest()
    assert not objects.download("a", tmp_path / "a", sha, tmp_path / "drafts")
    assert [*(tmp_path / "drafts").iterdir()] == []
    assert (tmp_path / "a").read_bytes() == b"before"


def test_folders_end_at_the_next_slash_and_a_listing_shows_all_below(objects):  # noqa: F811
    for name in ("s/k1/manifest.json", "s/k1/m-1/w", "s/k2/t", "t/k1/x"):
        objects.write(name, b"1")
    assert objects.folders("") == ["s", "t"]
    assert objects.folders("s") == ["k1", "k2"]
    listed = objects.below("s/k1")
    assert set(listed) == {"manifest.json", "m-1/w"}
    assert isinstance(listed["m-1/w"], Listed)
    objects.delete("s/k1/m-1/w")
    assert set(objects.below("s/k1")) == {"manifest.json"}
    objects.delete_folder("s")
    assert objects.below("s") == {}
    assert objects.read("t/k1/x") == b"1"


def test_without_credentials_it_says_so(s3, url, monkeypatch):  # noqa: F811
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    refused = Objects(RemoteAddress.parse(url))
    for ask in (refused.check, lambda: refused.below("a"), lambda: refused.read("a")):
        with pytest.raises(
            ConfigError, match=r"found no credentials .*; expected keys .*\. Set AWS_ACCESS_KEY"
        ):
            ask()


def test_a_bucket_that_does_not_exist_is_named(s3, url):  # noqa: F811
    with pytest.raises(ConfigError, match=r"s3://other.*found no such bucket; expected one that exists"):
        Objects(RemoteAddress.parse(f"s3://other?endpoint_override={s3.endpoint}")).check()


def test_a_store_that_does_not_answer_is_no_store(s3):  # noqa: F811
    closed = Objects(RemoteAddress.parse("s3://shelf?endpoint_override=http://127.0.0.1:9"))
    with pytest.raises(
        ConfigError, match=r"found no usable answer .*; expected an S3 store. Check the network"
    ):
        closed.check()
