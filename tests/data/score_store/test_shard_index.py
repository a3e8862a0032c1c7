import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from data.score_store.shard_index import ShardIndex

QUERIES = st.frozensets(st.one_of(st.integers(0, 20), st.integers(0, 2**64 - 1)), max_size=9)


def ascending(queries):
    return np.array(sorted(queries), dtype=np.uint64)


@given(shards=st.lists(QUERIES, max_size=12), kept=st.sets(st.integers(0, 11)), wanted=QUERIES)
def test_it_holds_what_was_added_and_kept(shards, kept, wanted):
    index = ShardIndex()
    for number, queries in enumerate(shards):
        index.add(str(number), ascending(queries))
    assert index.holding(ascending(wanted)) == [str(n) for n, each in enumerate(shards) if each & wanted]
    index.keep({str(number) for number in kept})
    left = [n for n in range(len(shards)) if n in kept]
    assert [str(n) in index for n in range(len(shards))] == [n in kept for n in range(len(shards))]
    assert index.holding(ascending(wanted)) == [str(n) for n in left if shards[n] & wanted]
    index.add("again", ascending(wanted))
    assert ("again" in index.holding(ascending(wanted))) == bool(wanted)


def test_a_thousand_shards_are_a_few_arrays_and_every_prefix_is_moved_a_few_times(monkeypatch):
    moved = []
    original = np.concatenate
    monkeypatch.setattr(
        np, "concatenate", lambda parts: moved.append(sum(map(len, parts))) or original(parts)
    )
    index = ShardIndex()
    generator = np.random.default_rng(0)
    total = 0
    for number in range(1000):
        queries = ascending({int(each) for each in generator.integers(0, 2**63, generator.integers(1, 60))})
        index.add(str(number), queries)
        total += len(queries)
    arrays = [len(run.prefixes) for run in index._runs]
    assert sum(arrays) == total
    assert len(arrays) <= np.log2(total) + 1
    # Prefixes and numbers are moved alike; n shards one by one into a single array would take n / 2 moves.
    assert sum(moved) / 2 / total < 1.5 * np.log2(1000)
