"""Fixtures for whoever uses an object store: moto's server in this process, machines that share a bucket."""

import logging
from http.client import HTTPConnection
from itertools import count

import pytest

from data.remote.addresses import RemoteAddress
from data.remote.objects import Objects
from data.stores import open_store

NUMBERS = count()


class Server:
    """An S3 server that keeps a list of what it was asked, and refuses whoever signs nothing."""

    def __init__(self):
        from moto.moto_server.threaded_moto_server import ThreadedMotoServer

        logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
        self.moto = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self.moto.start()
        self.endpoint = "http://127.0.0.1:{1}".format(*self.moto.get_host_and_port())
        self.asked = []
        self.sent = 0
        self.failing = None
        self._answer = self.moto._server.app
        self.moto._server.app = self

    def __call__(self, environment, start):
        method, path = environment["REQUEST_METHOD"], environment["PATH_INFO"]
        self.asked.append((method, path, environment["QUERY_STRING"]))
        if "HTTP_AUTHORIZATION" not in environment:
            start("403 Forbidden", [("Content-Length", "0")])
            return [b""]
        if self.failing and self.failing(method, path):
            start("400 Bad Request", [("Content-Length", "0")])
            return [b""]
        pieces = list(self._answer(environment, start))
        self.sent += sum(map(len, pieces))
        return pieces

    def bucket(self):
        name = f"bucket{next(NUMBERS)}"
        connection = HTTPConnection(self.endpoint.removeprefix("http://"))
        signed = "AWS4-HMAC-SHA256 Credential=a/20260101/us-east-1/s3/aws4_request"
        connection.request("PUT", f"/{name}", headers={"Authorization": signed})
        assert connection.getresponse().status == 200
        connection.close()
        return name

    def stop(self):
        self.moto.stop()
        self.moto._server.server_close()


@pytest.fixture(scope="session")
def s3_server():
    server = Server()
    yield server
    server.stop()


@pytest.fixture
def s3(s3_server, monkeypatch, tmp_path):
    """The server, with credentials for it in the environment and nothing else of AWS."""
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("DISTILL_CACHE", str(tmp_path / "cache"))
    s3_server.failing = None
    s3_server.asked.clear()
    s3_server.sent = 0
    return s3_server


@pytest.fixture
def url(s3):
    """The address of a root in a bucket of its own."""
    return f"s3://{s3.bucket()}/shelf?endpoint_override={s3.endpoint}"


@pytest.fixture
def objects(url):
    """What lies at that address, as it is."""
    return Objects(RemoteAddress.parse(url))


@pytest.fixture
def machine(url, monkeypatch, tmp_path):
    """Open the store as a machine with this name does, from the cache that it alone has."""

    def opened(name):
        monkeypatch.setenv("DISTILL_CACHE", str(tmp_path / name))
        return open_store(url)

    return opened
