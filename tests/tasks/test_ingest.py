from hypothesis import given
from hypothesis import strategies as st

from data.schemas import PASSAGES, QRELS, QUERIES
from data.sources.beir import BeirConfig
from tasks.ingest import Ingest, IngestConfig, ingest, tabulate

HEADER = "query-id\tcorpus-id\tscore\n"
SOUND = {
    "corpus.jsonl": '{"_id": "p1", "text": "Gold is yellow."}\n{"_id": "p2", "title": "T", "text": "Tin."}\n',
    "queries.jsonl": "".join(f'{{"_id": "q{n}", "text": "what is {n}"}}\n' for n in range(6)),
    "qrels/train.tsv": HEADER + "q0\tp1\t1\nq0\tp2\t3\nq1\tp2\t1\n",
    "qrels/test.tsv": HEADER + "q2\tp1\t2\nq2\tp2\t0\nq3\tp2\t0\n",
}


def write(folder, files):
    """Write a collection; a file given as None is left out."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is not None:
            path.write_text(content)
    return folder


def tables_of(folder, **options):
    return tabulate(BeirConfig(path=folder).read(), IngestConfig(**options))


def splits_of(tables):
    queries = tables.queries.to_pydict()
    return dict(zip(queries["qid"], queries["split"], strict=True))


def many(tmp_path, train=200, **files):
    """A collection of ``train`` train queries, 40 of test and 5 without judgement."""
    qids = [f"t{n}" for n in range(train)] + [f"e{n}" for n in range(40)] + [f"u{n}" for n in range(5)]
    queries = "".join(f'{{"_id": "{qid}", "text": "x"}}\n' for qid in qids)
    judged = {
        f"qrels/{name}.tsv": HEADER + "".join(f"{qid}\tp1\t1\n" for qid in qids if qid[0] == letter)
        for name, letter in (("train", "t"), ("test", "e"))
    }
    return write(tmp_path, SOUND | {"queries.jsonl": queries} | judged | files)


@given(fewer=st.integers(0, 150))
def test_adding_train_queries_never_moves_others(fewer, tmp_path_factory):
    small, large = (many(tmp_path_factory.mktemp("many"), train=train) for train in (fewer, 150))
    before, after = (splits_of(tables_of(folder)) for folder in (small, large))
    assert before == {qid: after[qid] for qid in before}


def test_the_tables_of_a_small_collection(tmp_path):
    tables = tables_of(write(tmp_path, SOUND), dev_fraction=0)
    assert tables.passages.to_pylist() == [
        {"pid": "p1", "title": "", "text": "Gold is yellow."},
        {"pid": "p2", "title": "T", "text": "Tin."},
    ]
    assert splits_of(tables) == {
        "q0": "train",
        "q1": "train",
        "q2": "test",
        "q3": "test",
        "q4": "unjudged",
        "q5": "unjudged",
    }
    assert set(tables.queries["origin"].to_pylist()) == {"human"}
    assert tables.queries["source_pid"].null_count == 6
    rows = {tuple(row.values()) for row in tables.qrels.to_pylist()}
    assert rows == {
        ("q0", "p1", 1),
        ("q0", "p2", 3),
        ("q1", "p2", 1),
        ("q2", "p1", 2),
        ("q2", "p2", 0),
        ("q3", "p2", 0),
    }
    assert tables.facts == {
        "passages": 2,
        "passage_words": 2.0,  # (3 + 1) / 2
        "queries": {"train": 2, "dev": 0, "test": 2, "unjudged": 2},
        "query_words": 3.0,
        "judgements": {"test": 3, "train": 3},
        "grades": {"0": 2, "1": 2, "2": 1, "3": 1},
        "queries_without_positive": {"test": 1},
        "judgements_dropped": 0,
    }


def test_the_stage_writes_three_tables_that_keep_their_contracts(tmp_path, store):
    config = Ingest(source={"kind": "beir", "path": write(tmp_path / "collection", SOUND)})
    ref = ingest.run(store, config, {})
    assert store.read(PASSAGES, ref)["pid"].to_pylist() == ["p1", "p2"]
    assert store.read(QUERIES, ref)["qid"].to_pylist() == ["q0", "q1", "q2", "q3", "q4", "q5"]
    assert store.read(QRELS, ref).num_rows == 6
    assert store.facts(ref)["passages"] == 2


def test_dev_is_carved_from_train_only_where_there_is_none(tmp_path):
    carved = splits_of(tables_of(many(tmp_path), dev_fraction=0.5))
    dev = {qid for qid, split in carved.items() if split == "dev"}
    assert {qid[0] for qid in dev} == {"t"}
    assert 70 <= len(dev) <= 130  # 100 expected, standard deviation sqrt(200 / 4) = 7
    own = {"qrels/dev.tsv": HEADER + "u0\tp1\t1\n"}
    given_dev = splits_of(tables_of(many(tmp_path, **own), dev_fraction=0.5))
    assert [qid for qid, split in given_dev.items() if split == "dev"] == ["u0"]


def test_without_train_there_is_no_train_and_no_dev(tmp_path):
    tables = tables_of(write(tmp_path, SOUND | {"qrels/train.tsv": None}))
    assert tables.facts["queries"] == {"train": 0, "dev": 0, "test": 2, "unjudged": 4}


def test_without_judgements_every_query_is_unjudged(tmp_path):
    tables = tables_of(write(tmp_path, SOUND | {"qrels/train.tsv": None, "qrels/test.tsv": None}))
    assert tables.facts["queries"] == {"train": 0, "dev": 0, "test": 0, "unjudged": 6}
    assert tables.qrels.num_rows == 0


def test_a_limit_keeps_a_part_of_the_queries_with_all_their_judgements(tmp_path):
    folder = many(tmp_path)
    few, more = (
        tables_of(folder, max_train_queries=n, max_dev_queries=n // 5, max_test_queries=n // 2)
        for n in (20, 40)
    )
    assert few.facts["queries"] == {"train": 20, "dev": 4, "test": 10, "unjudged": 5}
    assert few.facts["judgements"] == {"train": 20, "dev": 4, "test": 10}
    assert set(few.queries["qid"].to_pylist()) < set(more.queries["qid"].to_pylist())
    assert set(few.qrels["qid"].to_pylist()) == set(few.queries["qid"].to_pylist()) - {
        f"u{n}" for n in range(5)
    }
    whole = splits_of(tables_of(folder))
    assert splits_of(few).items() <= whole.items()


def test_unknown_ids_can_be_dropped_and_are_counted(tmp_path):
    files = {"qrels/test.tsv": HEADER + "q2\tp1\t2\nq9\tp1\t1\nq3\tp9\t1\n"}
    tables = tables_of(write(tmp_path, SOUND | files), unknown_ids="drop", dev_fraction=0)
    assert tables.facts["judgements_dropped"] == 2
    # q3 has lost its only judgement.
    assert tables.facts["queries"] == {"train": 2, "dev": 0, "test": 1, "unjudged": 3}


def test_a_judgement_given_twice_alike_counts_once(tmp_path):
    files = {"qrels/test.tsv": HEADER + "q2\tp1\t2\nq2\tp1\t2\n"}
    assert tables_of(write(tmp_path, SOUND | files), dev_fraction=0).facts["judgements"] == {
        "train": 3,
        "test": 1,
    }
