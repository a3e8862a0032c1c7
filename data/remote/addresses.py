"""What ``s3://bucket/prefix`` means, and which folder of this machine is its cache.

    s3://bucket/prefix?endpoint_override=http://127.0.0.1:8333&region=eu-central-1

The endpoint may come from AWS_ENDPOINT_URL instead. Keys never stand in the address, for it ends up in logs;
they come from the environment or from ~/.aws. The cache lies at <DISTILL_CACHE>/<digest of the address>, by
default below ~/.cache/distill; a file ``.remote`` in it says of what it is the cache, so that whoever opens
the folder, in whatever process, opens the object store.
"""

import json
import os
import platform
import re
import secrets
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from data.digests import digest_of
from data.errors import ConfigError

MARKER = ".remote"
SCHEME = "s3:"
OPTIONS = ("endpoint_override", "region", "scheme")


@dataclass(frozen=True)
class RemoteAddress:
    """Where objects lie: all their names begin with ``bucket/prefix/``."""

    bucket: str
    prefix: str = ""
    endpoint: str = ""
    region: str = ""

    @classmethod
    def parse(cls, url: str) -> "RemoteAddress":
        """Read an address.

        Raises:
            ConfigError: there is no bucket in it, a key, or an option that does not exist.

        >>> RemoteAddress.parse("s3://shelf/nq/?endpoint_override=host:8333&scheme=http")
        RemoteAddress(bucket='shelf', prefix='nq', endpoint='http://host:8333', region='')
        """
        # A path in between has made one slash of two.
        parts = urlsplit(url if url.startswith("s3://") else url.replace("s3:/", "s3://", 1))
        given = dict(parse_qsl(parts.query, keep_blank_values=True))
        if unknown := sorted(set(given) - set(OPTIONS)):
            raise ConfigError(
                where=_plain(url),
                found=f"the option {unknown[0]}",
                expected=f"one of {', '.join(OPTIONS)}",
                advice="Other settings come from the variables AWS_*.",
            )
        if not parts.netloc or "@" in parts.netloc:
            raise ConfigError(
                where=_plain(url),
                found="a key in the address" if parts.netloc else "no bucket",
                expected="s3://bucket/prefix",
                advice="Put keys into AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
            )
        endpoint = given.get("endpoint_override") or _endpoint()
        if endpoint:
            scheme, _, host = re.sub(r":/+", "://", endpoint).rpartition("://")
            endpoint = f"{scheme or given.get('scheme', 'https')}://{host}"
        return cls(parts.netloc, parts.path.strip("/"), endpoint, given.get("region", ""))

    def __str__(self) -> str:
        asked = "&".join(
            f"{name}={value}"
            for name, value in (("endpoint_override", self.endpoint), ("region", self.region))
            if value
        )
        url = f"s3://{self.bucket}/{self.prefix}".rstrip("/")
        return f"{url}?{asked}" if asked else url

    @property
    def cache(self) -> Path:
        """The folder of this machine that holds what was read or made."""
        home = os.environ.get("DISTILL_CACHE")
        folder = Path(home).expanduser() if home else Path.home() / ".cache" / "distill"
        return folder / digest_of([self.endpoint, self.bucket, self.prefix], 16)


def is_remote(root: str | Path) -> bool:
    """Say whether a root is an address rather than a folder.

    >>> is_remote("s3://shelf/nq"), is_remote("artifacts")
    (True, False)
    """
    return str(root).startswith(f"{SCHEME}/")


def mark(cache: Path, address: RemoteAddress) -> None:
    """Let a folder be the cache of an object store."""
    cache.mkdir(parents=True, exist_ok=True)
    scratch = cache / f"{MARKER}.{os.getpid()}"
    scratch.write_text(json.dumps({"url": str(address), "writer": secrets.token_hex(8)}, indent=1))
    scratch.replace(cache / MARKER)


@dataclass(frozen=True)
class Marker:
    """Of what a folder is the cache, and who writes through it."""

    address: RemoteAddress
    writer: str  # no two caches have the same: also one that was copied to another machine or place


def marker_of(root: Path) -> Marker | None:
    """Read the mark of a folder; None if it is a store of its own."""
    try:
        found = json.loads((root / MARKER).read_text())
    except (FileNotFoundError, NotADirectoryError):
        return None
    writer = digest_of([found["writer"], platform.node(), str(root.resolve())], 16)
    return Marker(RemoteAddress.parse(found["url"]), writer)


def _endpoint() -> str:
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL", "")


def _plain(url: str) -> str:
    """The address without keys."""
    head, _, tail = url.rpartition("@")
    return f"s3://…@{tail}" if head else url
