r"""A BEIR folder: one JSON object a line for passages and queries, tab-separated judgements.

    corpus.jsonl[.gz]           {"_id": "d1", "title": "Rhine", "text": "The Rhine rises …"}
    queries.jsonl[.gz]          {"_id": "q1", "text": "where does the rhine rise"}
    qrels/test.tsv[.gz]         query-id \t corpus-id \t score     (this header, then the rows)

Identifiers are kept verbatim; one that is a JSON integer is kept as its digits. Other keys
of an object are passed over. Source: https://github.com/beir-cellar/beir/wiki/Load-your-custom-dataset
"""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from data.collections import Collection, Sheet, SourceConfig
from data.digests import FileDigests
from data.errors import CollectionError
from data.identity import Identity
from data.sources.collecting import Row, collect
from data.sources.folders import Layout
from data.text_lines import read_lines

LAYOUT = Layout(
    passages=("corpus.jsonl", "corpus.jsonl.gz"),
    queries=("queries.jsonl", "queries.jsonl.gz"),
    judgement_suffixes=(".tsv", ".tsv.gz"),
)
JUDGEMENT_NAMES = {"qid": "query-id", "pid": "corpus-id", "grade": "score"}
HEADER = list(JUDGEMENT_NAMES.values())
WHOLE_NUMBER = re.compile(r"-?[0-9]{1,9}")

Parse = Callable[[str, str], Row]


def identify(folder: Path, digests: FileDigests) -> dict[str, str]:
    """What the collection in ``folder`` is: the digests of its files."""
    return LAYOUT.identify(folder, digests)


class BeirConfig(SourceConfig):
    """A folder in the layout of BEIR."""

    kind: Literal["beir"] = "beir"
    path: Annotated[Path, Identity(identify)] = Field(description="The folder that holds corpus.jsonl.")

    def read(self) -> Collection:
        """Read the folder's files."""
        files = LAYOUT.find(self.path)
        return Collection(
            passages=_read_sheet(files.passages, {"pid": "_id", "title": "title", "text": "text"}, _passage),
            queries=_read_sheet(files.queries, {"qid": "_id", "text": "text"}, _query),
            judgements={split: _read_judgements(path) for split, path in files.judgements.items()},
        )


def _read_judgements(path: Path) -> Sheet:
    return _read_sheet(path, JUDGEMENT_NAMES, _judgement, header=HEADER)


def _read_sheet(path: Path, names: dict[str, str], parse: Parse, header: Sequence[str] = ()) -> Sheet:
    lines = read_lines(path)
    if header:
        _check_header(path, next(lines, (1, ""))[1].split("\t"), header)
    rows = ((number, parse(line, f"{path}, line {number}")) for number, line in lines)
    return collect(rows, names, str(path))


def _check_header(path: Path, found: list[str], header: Sequence[str]) -> None:
    if found != list(header):
        raise CollectionError(
            where=f"{path}, line 1",
            found=repr("\t".join(found)[:80]),
            expected=f"the header {', '.join(header)}, separated by tabs",
            advice="Put it above the rows.",
        )


def _passage(line: str, where: str) -> tuple[str | None, str, str | None]:
    record = _object(line, where)
    title = _value(record, "title", where)
    return _identifier(record, where), title or "", _value(record, "text", where)


def _query(line: str, where: str) -> tuple[str | None, str | None]:
    record = _object(line, where)
    return _identifier(record, where), _value(record, "text", where)


def _judgement(line: str, where: str) -> tuple[str, str, int]:
    values = line.split("\t")
    if len(values) != len(HEADER):
        raise CollectionError(
            where,
            found=repr(line[:80]),
            expected=f"{len(HEADER)} columns: {', '.join(HEADER)}",
            advice="Separate them by single tabs.",
        )
    qid, pid, grade = values
    if not WHOLE_NUMBER.fullmatch(grade):
        raise CollectionError(
            where,
            found=f"the score {grade!r}",
            expected="a whole number from 0",
            advice="Round it, or leave out rows without a judgement.",
        )
    return qid, pid, int(grade)


def _object(line: str, where: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        found, advice = (
            f"what is not JSON ({error})",
            "Correct the line; python -m json.tool shows what is wrong.",
        )
        raise CollectionError(where, found=found, expected="one JSON object a line", advice=advice) from error
    if not isinstance(record, dict):
        found, advice = f"a JSON {_kind(record)}", 'Write {"_id": …, "text": …}.'
        raise CollectionError(where, found=found, expected="a JSON object", advice=advice)
    return record


def _identifier(record: dict[str, Any], where: str) -> str | None:
    value = record.get("_id")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return _value(record, "_id", where)


def _value(record: dict[str, Any], name: str, where: str) -> str | None:
    value = record.get(name)
    if value is None or isinstance(value, str):
        return value
    found, advice = f"{name} as a JSON {_kind(value)}", "Put the value in quotation marks."
    raise CollectionError(where, found=found, expected="a string", advice=advice)


def _kind(value: object) -> str:
    kinds: dict[object, str] = {
        list: "array",
        dict: "object",
        str: "string",
        bool: "boolean",
        type(None): "null",
    }
    return kinds.get(type(value), "number")
