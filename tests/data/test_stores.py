import subprocess
import sys

import pytest

from data.errors import ConfigError
from data.stores import local_root, name_of, open_store
from tests.s3 import s3, s3_server, url  # noqa: F401


def test_a_folder_is_a_store_of_its_own(tmp_path):
    store = open_store(tmp_path / "artifacts")
    assert store.root == tmp_path / "artifacts"
    assert store.mirror is None
    assert not store.root.exists()
    assert local_root(str(tmp_path)) == tmp_path


def test_an_address_is_opened_through_its_cache(url, tmp_path):  # noqa: F811
    store = open_store(url)
    assert store.root == local_root(url)
    assert store.root.is_relative_to(tmp_path / "cache")
    assert str(store.mirror.objects.address) == name_of(store)
    assert open_store(name_of(store)).root == store.root


def test_the_bucket_is_asked_for_once_and_not_by_every_command(s3, url):  # noqa: F811
    open_store(url)
    s3.asked.clear()
    open_store(url)
    assert s3.asked == []


@pytest.mark.parametrize("wrong", ["bucket", "keys", "network"])
def test_a_store_that_cannot_be_opened_leaves_nothing_here(s3, url, tmp_path, monkeypatch, wrong):  # noqa: F811
    if wrong == "keys":
        monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    asked = {
        "bucket": f"s3://absent?endpoint_override={s3.endpoint}",
        "keys": url,
        "network": "s3://shelf?endpoint_override=http://127.0.0.1:9",
    }
    with pytest.raises(ConfigError, match="expected"):
        open_store(asked[wrong])
    assert not (tmp_path / "cache").exists()


def test_a_process_that_used_an_object_store_ends_by_itself(url):  # noqa: F811
    code = "import sys; from data.stores import open_store; print(open_store(sys.argv[1]).whole('s', 'none'))"
    done = subprocess.run([sys.executable, "-c", code, url], capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr, done.returncode) == ("None\n", "", 0)


def test_a_store_has_a_name_that_opens_it_elsewhere(url, tmp_path, monkeypatch):  # noqa: F811
    local, remote = open_store(tmp_path / "artifacts"), open_store(url)
    assert open_store(name_of(local)).root == local.root
    monkeypatch.setenv("DISTILL_CACHE", str(tmp_path / "other machine"))
    elsewhere = open_store(name_of(remote))
    assert elsewhere.root != remote.root
    assert elsewhere.mirror.objects.address == remote.mirror.objects.address
