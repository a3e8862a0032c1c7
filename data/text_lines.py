"""Lines of a text file, plain or gzip, each with its number, or one message that says what is wrong."""

import gzip
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from data.errors import CollectionError
from data.progress import meter

MEGABYTE = 2**20
LINES_PER_UPDATE = 10_000


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Give (number from 1, text without its line end); blank lines are passed over but counted.

    A byte-order mark at the start of the file is dropped: it belongs to no value.

    Raises:
        CollectionError: the bytes are not UTF-8, or a gzip stream is damaged.
    """
    number = 0
    with path.open("rb") as file, meter(f"reading {path.name}", "MB", _megabytes(path)) as bar:
        stream: Iterable[bytes] = gzip.GzipFile(fileobj=file) if path.suffix == ".gz" else file
        try:
            for number, raw in enumerate(stream, start=1):
                if number % LINES_PER_UPDATE == 0:
                    bar.update(file.tell() // MEGABYTE - bar.n)
                line = raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
                if line and not line.isspace():
                    yield number, line
        except UnicodeDecodeError as error:
            raise CollectionError(
                where=f"{path}, line {number}",
                found=f"the byte 0x{error.object[error.start]:02x}, which is not UTF-8",
                expected="UTF-8 text",
                advice="Convert the file, for example: iconv -f latin1 -t utf-8 OLD > NEW.",
            ) from error
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise CollectionError(
                where=f"{path}, after line {number}",
                found=f"a damaged gzip stream ({error})",
                expected="a whole gzip file",
                advice="Copy or download the file again; gzip -t FILE checks it.",
            ) from error


def _megabytes(path: Path) -> int:
    return path.stat().st_size // MEGABYTE
