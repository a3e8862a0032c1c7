import pytest

from data.manifests import Manifest, Recipe
from data.schemas import QRELS
from data.tables import from_rows


@pytest.fixture
def publish():
    """Publishes an artifact with a table, a folder and a file, made from the artifacts ``inputs``."""

    def make(store, config, inputs=(), stage="work"):
        recipe = Recipe(
            stage=stage,
            config={"value": config},
            inputs={"given": [ref.parts for ref in inputs], "none": None},
            code={},
        )
        with store.lock(stage, recipe.key), store.drafting(stage, recipe.key) as draft:
            draft.write(from_rows([(str(config), "p", 1)], QRELS), QRELS)
            (draft.folder("model") / "deep").mkdir()
            (draft.folder("model") / "deep" / "weights.bin").write_text(f"weights {config}" * 9)
            (draft.folder("model") / "config.json").write_text("{}")
            draft.file("notes.md").write_text(f"notes {config}")
            manifest = Manifest(
                stage=stage,
                of="",
                key=recipe.key,
                recipe=recipe,
                parts=draft.parts(),
                facts={"seen": 1},
                seconds=0.25,
                finished_at="2026-01-01T00:00:00+00:00",
                machine={"python": "3"},
            )
            store.publish(draft, manifest)
        return manifest.ref

    return make
