import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from data import pair_blocks as module
from data import tables
from data.pair_blocks import pair_blocks
from data.schemas import CANDIDATES
from data.tables import from_rows

QIDS = st.sampled_from(["q1", "q2", "q3", "q4", "é", "Q"])
PAIRS = st.lists(st.tuples(QIDS, st.sampled_from("abcdef")), max_size=30)


@given(
    mined=PAIRS,
    known=PAIRS,
    asked=st.lists(QIDS, unique=True),
    size=st.integers(1, 9),
    read=st.integers(1, 7),
)
def test_blocks_are_the_union_in_order_with_whole_queries(tmp_path_factory, mined, known, asked, size, read):
    path = tmp_path_factory.mktemp("mined") / "candidates.parquet"
    rows = {(qid, pid, miner): 1.0 for qid, pid in mined for miner in ("bm25", "dense")}
    tables.write(from_rows([(*key, 1, score) for key, score in rows.items()], CANDIDATES), CANDIDATES, path)
    known_frame = pl.DataFrame(known, schema={"qid": pl.String, "pid": pl.String}, orient="row")
    qids = pl.Series(sorted(asked), dtype=pl.String)
    before, module.READ_ROWS = module.READ_ROWS, read
    try:
        blocks = list(pair_blocks(path, known_frame, qids, size))
    finally:
        module.READ_ROWS = before
    found = [pair for block in blocks for pair in block.rows()]
    assert found == sorted(pair for pair in {*mined, *known} if pair[0] in asked)
    queries = [set(block["qid"]) for block in blocks]
    assert sum(map(len, queries)) == len(set.union(set(), *queries))  # no query in two blocks
    assert all(block.height >= size for block in blocks[:-1])


def test_a_block_holds_as_many_pairs_as_asked_for_and_not_a_query_more(tmp_path):
    rows = [(f"q{n}", pid, "bm25", 1, 1.0) for n in range(4) for pid in ("a", "b")]
    tables.write(from_rows(rows, CANDIDATES), CANDIDATES, tmp_path / "candidates.parquet")
    known = pl.DataFrame({"qid": ["q0", "q9"], "pid": ["c", "c"]})
    qids = pl.Series(["q0", "q1", "q2", "q3", "q9"])
    module_rows, module.READ_ROWS = module.READ_ROWS, 2
    try:
        blocks = [block.rows() for block in pair_blocks(tmp_path / "candidates.parquet", known, qids, 3)]
    finally:
        module.READ_ROWS = module_rows
    assert [len(block) for block in blocks] == [3, 4, 3]
    assert blocks[0] == [("q0", "a"), ("q0", "b"), ("q0", "c")]
    assert blocks[2] == [("q3", "a"), ("q3", "b"), ("q9", "c")]


@given(
    ranks=st.lists(st.tuples(QIDS, st.sampled_from("abcdef"), st.integers(1, 9)), max_size=30),
    depth=st.integers(1, 9),
    size=st.integers(1, 9),
)
def test_a_teacher_is_asked_only_as_deep_as_it_should_be(tmp_path_factory, ranks, depth, size):
    path = tmp_path_factory.mktemp("mined") / "candidates.parquet"
    rows = {(qid, pid, "bm25"): rank for qid, pid, rank in ranks}
    table = from_rows([(*key, rank, 1.0) for key, rank in rows.items()], CANDIDATES)
    tables.write(table, CANDIDATES, path)
    qids = pl.Series(sorted({qid for qid, _, _ in ranks}), dtype=pl.String)
    known = pl.DataFrame(schema={"qid": pl.String, "pid": pl.String})
    found = [pair for block in pair_blocks(path, known, qids, size, depth) for pair in block.rows()]
    assert found == sorted({(qid, pid) for (qid, pid, _), rank in rows.items() if rank <= depth})
