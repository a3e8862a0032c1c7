import copy

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from data.spreading import Order, offered, put, spread_by, take


def here(work, pieces, what):
    """A mapper without other processes."""
    done = []
    for piece in pieces:
        done.append(work(piece, done[0] if done else None))
    return done


def test_a_mapper_is_offered_inside_its_block_only():
    assert offered() is None
    with spread_by(here):
        assert offered() is here
    assert offered() is None


def test_an_order_is_itself_wherever_it_was_sent():
    order = Order("passages.parquet", 3)
    sent = copy.deepcopy(order)
    assert sent == order
    assert hash(sent) == hash(order)
    assert Order("passages.parquet", 3) != order


@given(st.lists(st.lists(st.floats(width=32, allow_nan=False), min_size=2, max_size=2), max_size=5))
def test_what_is_put_is_taken_once(tmp_path, rows):
    column = pa.array(rows, pa.list_(pa.float32(), 2))
    table = pa.table({"vector": column})
    put(table, tmp_path / "part.arrow")
    assert [path.name for path in tmp_path.iterdir()] == ["part.arrow"]
    assert take(tmp_path / "part.arrow").equals(table)
    assert not [*tmp_path.iterdir()]
