"""Two runs side by side: which stages differ, by what, and which of these differences are causes.

A stage of both runs differs when its key does. Its cause is its own: a field of its configuration, a module
of its code, an input that nothing else explains. A stage whose only difference is an input that another
differing stage made follows that stage.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import polars as pl

from data.artifacts import ArtifactStore
from data.manifests import Manifest, Recipe
from data.schemas import METRICS
from data.upkeep.lineage import PartId, part_ids
from flows.planning import differences
from flows.records import RunRecord

Label = tuple[str, str]  # stage and of
Status = Literal["changed", "follows", "only in A", "only in B", "gone"]
Measured = tuple[str, str, str]  # system, split, measure


@dataclass(frozen=True)
class Side:
    """One of the two runs: the key of every stage, and its manifest where that still lies in the store."""

    keys: dict[Label, str]
    manifests: dict[Label, Manifest]

    @classmethod
    def of(cls, store: ArtifactStore, record: RunRecord) -> "Side":
        """Read the manifests that a record names."""
        found = {(row.stage, row.of): store.manifest(row.stage, row.key) for row in record.rows}
        return cls(
            {(row.stage, row.of): row.key for row in record.rows},
            {label: manifest for label, manifest in found.items() if manifest is not None},
        )

    @cached_property
    def makers(self) -> dict[PartId, set[Label]]:
        """Which stages of this run made a part."""
        made: dict[PartId, set[Label]] = {}
        for label, manifest in self.manifests.items():
            for name, part in manifest.parts.items():
                made.setdefault((name, part.digest), set()).add(label)
        return made


@dataclass(frozen=True)
class Difference:
    """A stage that is not the same in both runs."""

    stage: str
    of: str
    status: Status
    key_a: str | None
    key_b: str | None
    causes: list[str] = field(default_factory=list)
    follows: list[str] = field(default_factory=list)
    same_content: bool = False  # made differently, yet the same bytes: nothing after it differs because of it

    @property
    def label(self) -> str:
        """How a plan names the stage."""
        return text_of((self.stage, self.of))


@dataclass(frozen=True)
class Number:
    """The mean of a measure over the queries of a split; None where a run did not measure it."""

    system: str
    split: str
    measure: str
    a: float | None
    b: float | None

    @property
    def difference(self) -> float | None:
        """How much more it is in B."""
        return None if self.a is None or self.b is None else self.b - self.a


def text_of(label: Label) -> str:
    """Stage and of, as a plan writes them."""
    return " ".join(label).strip()


def compare(a: Side, b: Side) -> list[Difference]:
    """Every stage that differs, in the order of the pipeline."""
    labels = list(dict.fromkeys([*a.keys, *b.keys]))
    differing = {label for label in labels if a.keys.get(label) != b.keys.get(label)}
    return [_difference(label, a, b, differing) for label in labels if label in differing]


def _difference(label: Label, a: Side, b: Side, differing: set[Label]) -> Difference:
    keys = (a.keys.get(label), b.keys.get(label))
    if None in keys:
        return Difference(*label, "only in A" if keys[1] is None else "only in B", *keys)
    if label not in a.manifests or label not in b.manifests:
        return Difference(*label, "gone", *keys)
    before, now = a.manifests[label], b.manifests[label]
    follows, unexplained = _inputs(before.recipe, now.recipe, a, b, differing - {label})
    own = differences(before.recipe, now.recipe.model_copy(update={"inputs": before.recipe.inputs}))
    causes = [*own, *unexplained]
    return Difference(
        *label,
        "changed" if causes or not follows else "follows",
        *keys,
        causes=[*causes, *_teacher(before, now)],
        follows=follows,
        same_content=before.ref.parts == now.ref.parts,
    )


def _inputs(
    before: Recipe, now: Recipe, a: Side, b: Side, differing: set[Label]
) -> tuple[list[str], list[str]]:
    """Which differing stages explain the inputs that changed, and which inputs nothing explains."""
    follows: dict[str, None] = {}
    unexplained: list[str] = []
    for name in sorted({*before.inputs, *now.inputs}):
        old, new = before.inputs.get(name), now.inputs.get(name)
        if old == new:
            continue
        gone, come = part_ids(old) - part_ids(new), part_ids(new) - part_ids(old)
        makers = _makers(a, gone) | _makers(b, come)
        upstream = [label for label in (*a.keys, *b.keys) if label in makers & differing]
        follows |= dict.fromkeys(map(text_of, upstream))
        if not upstream:
            unexplained.append(f"input {name} changed")
    return list(follows), unexplained


def _makers(side: Side, parts: Iterable[PartId]) -> set[Label]:
    return set[Label]().union(*(side.makers.get(part, set()) for part in parts))


def _teacher(before: Manifest, now: Manifest) -> list[str]:
    old, new = (each.facts.get("teacher_digest") for each in (before, now))
    return [] if old == new else [f"teacher digest: {old or 'none'} → {new or 'none'}"]


def numbers(store: ArtifactStore, a: Side, b: Side) -> list[Number]:
    """Every mean that either run measured, by system, split and measure."""
    old, new = _means(store, a), _means(store, b)
    measured = sorted({*old, *new})
    return [Number(*each, old.get(each), new.get(each)) for each in measured]


def _means(store: ArtifactStore, side: Side) -> dict[Measured, float]:
    refs = [each.ref for each in side.manifests.values() if f"{METRICS.name}.parquet" in each.parts]
    if not refs:
        return {}
    means = store.scan(METRICS, *refs).filter(pl.col("qid").is_null()).collect()
    return {(system, split, measure): value for system, split, measure, _, value in means.iter_rows()}
