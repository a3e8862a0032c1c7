import pytest

from data.errors import ConfigError
from data.manifests import Manifest, Recipe
from data.schemas import QRELS
from data.tables import from_rows
from flows.records import RecordRow, folder_of, manifests, read_record, tables_glob, write_record


@pytest.fixture
def rows(store):
    """Two artifacts that hold the same table."""
    made = []
    for of in ("a/0", "teacher:b"):
        recipe = Recipe(stage="s", config=of, inputs={}, code={})
        with store.drafting("ingest", recipe.key) as draft:
            draft.write(from_rows([(of, "p", 1)], QRELS), QRELS)
            draft.file("report.md").write_text(of)
            store.publish(
                draft,
                Manifest(
                    stage="ingest",
                    of=of,
                    key=recipe.key,
                    recipe=recipe,
                    parts=draft.parts(),
                    facts={},
                    seconds=0,
                    finished_at="",
                    machine={},
                ),
            )
        made.append(RecordRow("ingest", of, recipe.key))
    return made


def test_a_record_is_read_back_and_its_tables_are_one_glob(store, rows):
    import polars as pl

    write_record(store, "tiny", rows)
    assert list(read_record(store, "tiny").rows) == rows
    assert set(pl.read_parquet(tables_glob(store, "tiny", "qrels"))["qid"]) == {"a/0", "teacher:b"}
    assert (folder_of(store, "tiny") / "files" / "ingest-a-0-report.md").read_text() == "a/0"


def test_the_links_of_an_earlier_run_go(store, rows):
    write_record(store, "tiny", rows)
    write_record(store, "tiny", rows[:1])
    assert len(list((folder_of(store, "tiny") / "qrels").iterdir())) == 1


def test_a_run_that_was_never_made_says_how_to_make_it(store):
    with pytest.raises(ConfigError, match="distill run tiny"):
        manifests(store, "tiny")


def test_an_unknown_table_lists_the_known_ones(store, rows):
    write_record(store, "tiny", rows)
    with pytest.raises(ConfigError, match=r"table 'qrel': found no such table .* one of qrels"):
        tables_glob(store, "tiny", "qrel")
