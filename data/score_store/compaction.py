"""Few large shards instead of many small ones, and nothing that no manifest names.

Every block of a run and every later addition is a shard of its own. Merging them keeps look-ups fast; pairs
that are there twice become one. The merged shard is on the disk before the manifest names it, and the
manifest names it before the old ones go: whenever it is interrupted, every score is still there.
"""

from dataclasses import dataclass

import polars as pl
import pyarrow.parquet as pq

from data.score_store.claims import Claims
from data.score_store.shard_manifest import Shard
from data.score_store.shards import MANIFEST, ScoreShards, is_shard

MERGED_ROWS = 1_000_000  # of a large shard; about 40 MB of memory while it is made


@dataclass(frozen=True)
class Compaction:
    """What was merged and removed."""

    shards_before: int
    shards_after: int
    strays: int
    bytes_freed: int


def compact(shards: ScoreShards, merged_rows: int = MERGED_ROWS) -> Compaction:
    """Merge small shards and remove files that the manifest does not name.

    While another process is scoring, its files are left alone.

    Args:
        shards: of one teacher.
        merged_rows: a shard of at least half as many rows stays as it is.
    """
    with shards.locked():
        before = shards.manifest()
        bytes_before = _bytes(shards)
        kept = [shard for shard in before.shards if 2 * shard.rows >= merged_rows]
        small = [shard for shard in before.shards if 2 * shard.rows < merged_rows]
        groups = _groups(small, merged_rows)
        merged = [group[0] if len(group) == 1 else _merge(shards, group) for group in groups]
        after = before.model_copy(update={"shards": (*kept, *(shard for shard in merged if shard))})
        if after != before:
            shards.replace(after)
        strays = 0
        _, living = Claims(shards.folder).of_others()
        if not living:
            named = {shard.name for shard in after.shards}
            for path in shards.folder.glob("[0-9a-f]*.parquet"):
                if path.name not in named and is_shard(path.name):
                    path.unlink()
                    strays += 1
            for path in shards.folder.glob(".*.*"):
                if path.suffix == ".parquet" or path.name.startswith(f".{MANIFEST}."):
                    path.unlink()
                    strays += 1
        freed = bytes_before - _bytes(shards)
    removed = len({shard.name for shard in before.shards} - {shard.name for shard in after.shards})
    return Compaction(len(before.shards), len(after.shards), max(0, strays - removed), freed)


def _groups(small: list[Shard], merged_rows: int) -> list[list[Shard]]:
    """Put shards together until a group is full.

    >>> shards = [Shard(name=str(n), rows=4, size_bytes=1, sha256="") for n in range(3)]
    >>> [len(group) for group in _groups(shards, 8)]
    [2, 1]
    """
    groups: list[list[Shard]] = []
    for shard in small:
        if groups and sum(each.rows for each in groups[-1]) + shard.rows <= merged_rows:
            groups[-1].append(shard)
        else:
            groups.append([shard])
    return groups


def _merge(shards: ScoreShards, group: list[Shard]) -> Shard | None:
    """Write one shard of what is whole of several; None if nothing is."""
    whole = [shard for shard in group if not shards.damage(shard)]
    if not whole:
        return None
    tables = [pq.read_table(shards.folder / each.name).replace_schema_metadata(None) for each in whole]
    return shards.write(pl.concat([pl.DataFrame(table) for table in tables]))


def _bytes(shards: ScoreShards) -> int:
    return sum(path.stat().st_size for path in shards.folder.glob("*.parquet"))
