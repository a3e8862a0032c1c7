import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.errors import CollectionError
from data.identity import canonical
from data.sources.parquet import ParquetConfig

OURS = {
    "passages.parquet": {"pid": ["007", "b"], "title": ["", "T"], "text": ["x", "y"]},
    "queries.parquet": {"qid": ["q1"], "text": ["what"]},
    "qrels/dev.parquet": {"qid": ["q1"], "pid": ["b"], "grade": [2]},
}
BEIR = {
    "corpus.parquet": {"_id": ["007", "b"], "title": ["", "T"], "text": ["x", "y"], "url": [None, "z"]},
    "queries.parquet": {"_id": ["q1"], "text": ["what"]},
    "qrels/validation.parquet": {"query-id": ["q1"], "corpus-id": ["b"], "score": [2.0]},
}


def write(folder, files):
    for name, columns in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), folder / name)
    return folder


@pytest.mark.parametrize("files", [OURS, BEIR])
def test_our_names_and_those_of_beir_give_the_same_tables(tmp_path, files):
    collection = ParquetConfig(path=write(tmp_path, files)).read()
    assert collection.passages.table.to_pydict() == OURS["passages.parquet"]
    assert collection.queries.table.to_pydict() == OURS["queries.parquet"]
    assert collection.judgements["dev"].table.to_pydict() == OURS["qrels/dev.parquet"]


def test_names_of_folders_become_no_columns(tmp_path):
    collection = ParquetConfig(path=write(tmp_path / "language=en", OURS)).read()
    assert collection.passages.table.column_names == ["pid", "title", "text"]


def test_messages_use_the_names_of_the_file(tmp_path):
    collection = ParquetConfig(path=write(tmp_path, BEIR)).read()
    assert collection.passages.names["pid"] == "_id"
    assert collection.passages.where(1) == f"{tmp_path}/corpus.parquet, row 2"


def test_the_address_follows_the_files_not_their_folder(tmp_path, digests):
    here, there, other = (write(tmp_path / name, OURS) for name in ("here", "there", "other"))
    write(other, {"queries.parquet": {"qid": ["q1"], "text": ["else"]}})
    addresses = [canonical(ParquetConfig(path=folder), digests) for folder in (here, there, other)]
    assert addresses[0] == addresses[1] != addresses[2]


def test_a_file_that_is_not_parquet_is_refused(tmp_path):
    write(tmp_path, OURS)
    (tmp_path / "queries.parquet").write_text("qid,text\n")
    with pytest.raises(CollectionError, match=r"queries\.parquet: found what Parquet cannot read .*again"):
        ParquetConfig(path=tmp_path).read()
