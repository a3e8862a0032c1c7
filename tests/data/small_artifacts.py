"""An artifact without the stage that makes one: a table of judgements and a folder of weights."""

from data.manifests import Manifest, Recipe
from data.schemas import QRELS
from data.tables import from_rows

WEIGHTS = b"0123456789" * 100


def make(store, rows=(("q1", "p1", 1),), key="abc", finished_at="2026-01-01T00:00:00+00:00"):
    """Publish it; give its reference."""
    with store.drafting("s", key) as draft:
        draft.write(from_rows(rows, QRELS), QRELS)
        (draft.folder("model") / "weights.bin").write_bytes(WEIGHTS)
        manifest = Manifest(
            stage="s",
            of="",
            key=key,
            recipe=Recipe(stage="s", config={}, inputs={}, code={}),
            parts=draft.parts(),
            facts={},
            seconds=0,
            finished_at=finished_at,
            machine={},
        )
        store.publish(draft, manifest)
    return manifest.ref
