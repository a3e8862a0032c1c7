"""Open any teacher to ask it: one with a model, a file of scores, or an ensemble with all that it asks.

A teacher is given as the list of those that are opened for it, each after those that it asks, itself last;
so nothing but the list, the trained weights and the fitted blends decides what it says.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pyarrow as pa

from data.artifacts import ArtifactStore
from data.errors import ArtifactMissing
from data.manifests import ArtifactRef
from models.parts import FITTED, MODEL
from models.stored_teacher import open_teacher
from models.teacher import Teacher, TeacherConfig
from models.texts import passage_texts

ConfigT = TypeVar("ConfigT", bound=TeacherConfig)


@dataclass(frozen=True)
class Texts:
    """Queries and passages that a teacher is asked about, in the order in which rows count them."""

    qids: Sequence[str]
    queries: Sequence[str]  # their texts
    passages: pa.Table  # pid, title, text
    identifiers: Path | None = None  # index of the passages, for teachers that need it


def asked_by(teacher: ConfigT, named: Mapping[str, ConfigT]) -> tuple[ConfigT, ...]:
    """The teachers that ``teacher`` asks, directly or not: each once, after those that it asks itself.

    Args:
        teacher: an ensemble; all others ask nobody.
        named: all teachers, by name.
    """
    below: dict[str, ConfigT] = {}
    for name in teacher.asks:
        below |= {each.name: each for each in (*asked_by(named[name], named), named[name])}
    return tuple(below.values())


def open_any(
    store: ArtifactStore,
    teachers: Sequence[TeacherConfig],
    asked: Texts,
    weights: Sequence[ArtifactRef] = (),
    fitted: Sequence[ArtifactRef] = (),
) -> Teacher:
    """Open the last of ``teachers``. No model is loaded before a pair is asked for whose score is not stored.

    Args:
        store: holds trained weights, fitted blends and scores.
        teachers: those that it asks, each after those that it asks itself (``asked_by``), and itself.
        asked: what it will be asked about.
        weights: of those among ``teachers`` that were trained here, in their order.
        fitted: answers of those ensembles among ``teachers`` whose weights were fitted, in their order.

    Raises:
        ArtifactMissing: a trained teacher or a fitted ensemble comes without its artifact.
    """
    trained, blends = iter(weights), iter(fitted)
    opened: dict[str, Teacher] = {}
    for each in teachers:
        fit = store.path(_next(blends, each, "fitted weights"), FITTED) if each.is_fitted else None
        made = _next(trained, each, "trained weights") if each.is_trained else None
        opened[each.name] = each.over(opened, fit) or _alone(store, each, made, asked)
    return opened[teachers[-1].name]


def _alone(store: ArtifactStore, config: TeacherConfig, made: ArtifactRef | None, asked: Texts) -> Teacher:
    by_name = config.by_name(asked.qids, asked.passages["pid"].to_pylist(), strict=False)
    if by_name is not None:
        return by_name
    weights = (store.path(made, MODEL), made.parts[MODEL]) if made else None
    texts = passage_texts(asked.passages, config.template)
    told = config.with_identifiers(asked.identifiers)
    return open_teacher(store.root, store.digests, told, weights, asked.queries, texts)


def _next(refs: Iterator[ArtifactRef], config: TeacherConfig, what: str) -> ArtifactRef:
    found = next(refs, None)
    if found is None:
        msg = f"teacher {config.name}: found no {what}; expected those made here. Pass their artifact."
        raise ArtifactMissing(msg)
    return found
