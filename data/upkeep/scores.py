"""Keeping the stored scores of teachers: every shard is what was written, and there are not too many."""

import shutil
from collections.abc import Iterator
from pathlib import Path

from data.artifacts import ArtifactStore
from data.manifests import FileEntry
from data.score_store.compaction import Compaction, compact
from data.score_store.shards import MANIFEST, ScoreShards
from data.upkeep.damages import Checked, Damage, compared

SCORES = "scores"
ADVICE = "The next distill run scores its pairs again and no others."


def scored_teachers(store: ArtifactStore) -> list[ScoreShards]:
    """The stored scores of each teacher, by its digest."""
    folders = sorted(path.parent for path in (store.root / SCORES).glob(f"*/{MANIFEST}"))
    return [ScoreShards(folder, store.digests) for folder in folders]


def check_scores(store: ArtifactStore) -> Iterator[Checked]:
    """Read every shard again and compare it with the manifest of its teacher."""
    for shards in scored_teachers(store):
        teacher = shards.folder.name
        if broken := shards.is_broken():
            found, expected = broken, "the manifest that was written"
            advice = "The next distill run takes the shards that are whole."
            yield Checked(0, Damage(SCORES, teacher, MANIFEST, found=found, expected=expected, advice=advice))
        for shard in shards.manifest().shards:
            entry = FileEntry(name=shard.name, size_bytes=shard.size_bytes, sha256=shard.sha256)
            found, expected = compared(store, shards.folder / shard.name, entry)
            harm = Damage(SCORES, teacher, shard.name, found=found, expected=expected, advice=ADVICE)
            yield Checked(shard.size_bytes, harm if found != expected else None)
    store.digests.save()


def compact_scores(store: ArtifactStore) -> Iterator[tuple[Path, Compaction]]:
    """Merge the small shards of each teacher; give the teachers where that changed something."""
    for shards in scored_teachers(store):
        done = compact(shards)
        if done.shards_after < done.shards_before or done.strays:
            yield shards.folder, done


def forget_teacher(folder: Path) -> int:
    """Remove all scores of a teacher, its manifest first; give the bytes that were freed."""
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    (folder / MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(folder)
    return size
