"""Objects under one prefix of a bucket: put, get, list, delete, and what to do when the store says no.

A PUT (or the end of a multipart upload) shows the whole object or nothing: so an object needs no rename, and
whoever lists or reads sees the old bytes or the new ones. Listing always names a prefix: one artifact, one
teacher, the runs; never all there is.
"""

import hashlib
import os
from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

from data.errors import ConfigError
from data.remote.addresses import RemoteAddress

if TYPE_CHECKING:
    from pyarrow.fs import S3FileSystem

CHUNK = 8 << 20  # bytes per request of a download
# What the messages of a store that does not let us in have in common.
REFUSED = ("ACCESS_DENIED", "INVALID_ACCESS_KEY", "INVALID_CLIENT_TOKEN", "SIGNATURE", "credential", " 403")


class Listed(NamedTuple):
    """An object as a listing shows it."""

    size_bytes: int
    written_ns: int


class Objects:
    """The objects of one address; names are relative to its prefix."""

    def __init__(self, address: RemoteAddress) -> None:
        self.address = address

    @cached_property
    def _files(self) -> "S3FileSystem":
        from pyarrow import fs

        address = self.address
        region = address.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
        if address.endpoint:
            # Such a store gives no roles to machines: without keys, asking for one only takes seconds.
            os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
        elif not region:
            with self._explained():
                region = fs.resolve_s3_region(address.bucket)
        return fs.S3FileSystem(
            endpoint_override=address.endpoint or None,
            region=region or "us-east-1",
            connect_timeout=5,
            request_timeout=60,
            background_writes=False,
            allow_delayed_open=True,  # a small object is one request
        )

    def check(self) -> None:
        """Ask for the bucket.

        Raises:
            ConfigError: it is not there, does not answer, or does not let us in.
        """
        from pyarrow.fs import FileType

        with self._explained():
            found = self._files.get_file_info(self.address.bucket)
        if found.type == FileType.NotFound:
            raise ConfigError(
                where=str(self.address),
                found="no such bucket",
                expected="one that exists",
                advice="Make it, or correct the name in --artifacts or DISTILL_ARTIFACTS.",
            )

    def read(self, name: str) -> bytes | None:
        """Give an object's bytes; None if there is none."""
        try:
            with self._explained(), self._files.open_input_stream(self._path(name)) as stream:
                chunks: list[bytes] = []
                while chunk := stream.read(CHUNK):
                    chunks.append(chunk)
        except FileNotFoundError:
            return None
        return b"".join(chunks)

    def digest(self, name: str) -> str | None:
        """Read an object without keeping it: the SHA-256 of its bytes; None if there is none."""
        return self._stream(name, Path(os.devnull))

    def download(self, name: str, path: Path, sha256: str, drafts: Path) -> bool:
        """Put an object into its place if it has these bytes; nothing is placed otherwise.

        Args:
            name: of the object.
            path: its place.
            sha256: of its bytes.
            drafts: where it lies until it is whole; on the same disk.
        """
        drafts.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=drafts, prefix=f"{os.getpid()}-") as folder:
            scratch = Path(folder) / "object"
            if self._stream(name, scratch) != sha256:
                return False
            with scratch.open("rb") as file:
                os.fsync(file.fileno())
            path.parent.mkdir(parents=True, exist_ok=True)
            scratch.replace(path)
        return True

    def _stream(self, name: str, path: Path) -> str | None:
        digest = hashlib.sha256()
        try:
            with (
                self._explained(),
                self._files.open_input_stream(self._path(name)) as stream,
                path.open("wb") as file,
            ):
                while chunk := stream.read(CHUNK):
                    digest.update(chunk)
                    file.write(chunk)
        except FileNotFoundError:
            return None
        return digest.hexdigest()

    def write(self, name: str, content: bytes) -> None:
        """Put an object: whole or not at all."""
        with self._explained(), self._files.open_output_stream(self._path(name)) as stream:
            stream.write(content)

    def upload(self, name: str, path: Path) -> None:
        """Put a file's bytes: whole or not at all."""
        with (
            self._explained(),
            path.open("rb") as file,
            self._files.open_output_stream(self._path(name)) as stream,
        ):
            while chunk := file.read(CHUNK):
                stream.write(chunk)

    def below(self, prefix: str) -> dict[str, Listed]:
        """Every object below a prefix, by its name below it: one request for each thousand."""
        from pyarrow.fs import FileType

        start = len(self._path(prefix)) + 1
        return {
            found.path[start:]: Listed(found.size, found.mtime_ns)
            for found in self._select(prefix, recursive=True)
            if found.type == FileType.File
        }

    def folders(self, prefix: str) -> list[str]:
        """What stands between a prefix and the next slash, without a look at what is below."""
        from pyarrow.fs import FileType

        found = self._select(prefix, recursive=False)
        return sorted(each.base_name for each in found if each.type == FileType.Directory)

    def _select(self, prefix: str, *, recursive: bool):  # noqa: ANN202  (pyarrow has no types)
        from pyarrow.fs import FileSelector

        selector = FileSelector(self._path(prefix), recursive=recursive, allow_not_found=True)
        with self._explained():
            return self._files.get_file_info(selector)

    def delete(self, *names: str) -> None:
        """Delete objects in this order; one that is gone already is no error."""
        for name in names:
            try:
                with self._explained():
                    self._files.delete_file(self._path(name))
            except FileNotFoundError:
                continue

    def delete_folder(self, prefix: str) -> None:
        """Delete everything below a prefix, a thousand objects a request."""
        with suppress(FileNotFoundError), self._explained():
            self._files.delete_dir(self._path(prefix))

    def _path(self, name: str) -> str:
        return "/".join(part for part in (self.address.bucket, self.address.prefix, name) if part)

    @contextmanager
    def _explained(self) -> Generator[None]:
        """Say what to do about an answer that is no answer.

        Raises:
            ConfigError: the store does not answer, or does not let us in.
        """
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            text = str(error)
            if "AWS Error" not in text and "bucket" not in text:
                raise  # of this machine's disk
            reason = text.partition("AWS Error ")[2].partition(". ")[0].strip() or text
            if any(sign in text for sign in REFUSED):
                known = os.environ.get("AWS_ACCESS_KEY_ID")
                raise ConfigError(
                    where=str(self.address),
                    found=f"no access ({reason})" if known else f"no credentials it accepts ({reason})",
                    expected="keys that may list, read and write there",
                    advice="Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE.",
                ) from error
            raise ConfigError(
                where=str(self.address),
                found=f"no usable answer ({reason})",
                expected="an S3 store",
                advice="Check the network and AWS_ENDPOINT_URL. What was made is in the cache; the next run "
                "uploads it.",
            ) from error
