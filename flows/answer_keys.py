"""The answer key of the last run of a name, opened for export, and its texts, opened for import."""

from pathlib import Path
from typing import TYPE_CHECKING

from data.answer_key import AnswerKey
from data.artifacts import ArtifactStore
from data.dialect import Texts
from data.errors import ConfigError
from flows.records import tables_glob

if TYPE_CHECKING:
    import polars as pl


def open_key(store: ArtifactStore, name: str, teacher: str, template: str) -> AnswerKey:
    """Open the answers of ``teacher``, or of the only one if it is empty.

    Raises:
        ConfigError: nothing was run under this name, it has no such teacher, several to choose from, or
            ``template`` is none.
    """
    import polars as pl

    _check_template(template)
    answers, passages, queries, qrels = (
        _scan(store, name, table) for table in ("answers", "passages", "queries", "qrels")
    )
    teachers = answers.select("teacher").unique().collect()["teacher"].sort().to_list()
    if teacher not in teachers and (teacher or len(teachers) != 1):
        raise ConfigError(
            where=f"run {name!r}",
            found=f"no answers of {teacher!r}" if teacher else f"answers of {len(teachers)} teachers",
            expected=f"one of {', '.join(teachers)}",
            advice="Choose with --teacher.",
        )
    chosen = teacher or teachers[0]
    return AnswerKey(
        answers=answers.filter(pl.col("teacher") == chosen).select("qid", "pid", "score"),
        passages=passages,
        queries=queries,
        qrels=qrels,
        teacher=chosen,
        template=template,
    )


def open_texts(store: ArtifactStore, name: str, template: str) -> Texts:
    """Read the texts of a run, by which a file without identifiers is understood.

    Raises:
        ConfigError: nothing was run under this name, or ``template`` is none.
    """
    _check_template(template)
    passages = _scan(store, name, "passages").collect()
    rows = passages.select("title", "text").iter_rows()
    import polars as pl

    whole = [template.format(title=title, text=text).strip() for title, text in rows]
    return Texts(
        queries=_scan(store, name, "queries").select("qid", "text").collect(),
        passages=passages.select("pid", text=pl.Series(whole, dtype=pl.String)),
    )


def _scan(store: ArtifactStore, name: str, table: str) -> "pl.LazyFrame":
    import polars as pl

    paths = sorted(Path(tables_glob(store, name, table)).parent.glob("*.parquet"))
    return pl.scan_parquet(paths)


def _check_template(template: str) -> None:
    try:
        template.format(title="", text="")
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise ConfigError(
            where="--template",
            found=repr(template),
            expected="a text with {title} and {text}",
            advice="Double the braces that are meant as braces.",
        ) from error
