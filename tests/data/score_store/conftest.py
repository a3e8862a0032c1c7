import polars as pl
import pytest

from data.score_store.pairs import pair_frame, text_hashes
from data.score_store.shards import ScoreShards


@pytest.fixture
def shards(tmp_path, digests):
    return ScoreShards(tmp_path / "scores" / "teacher", digests)


@pytest.fixture
def pairs():
    """Give pairs of texts, "q p" each, with the scores that follow."""

    def make(*names, scores=None):
        queries, passages = zip(*(name.split() for name in names), strict=True)
        frame = pair_frame(text_hashes(queries), text_hashes(passages))
        return frame if scores is None else frame.with_columns(score=pl.Series(scores, dtype=pl.Float32))

    return make


@pytest.fixture
def keep(shards):
    """Store rows as one shard."""

    def store(rows):
        shard = shards.write(rows)
        shards.add(shard, {"name": "t"}, {"attention": "eager"}, 1.0)
        return shard

    return store
