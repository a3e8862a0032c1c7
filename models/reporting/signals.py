"""Signs that a training went wrong though its loss fell: numbers a reader should see before the leaderboard.

A number counts if a training noted it by one of the names below, or if its curve ends with it. The limits
are where it is worth a look, not where something is proved wrong.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import mean

from models.reporting import wording


@dataclass(frozen=True)
class Signal:
    """What a number says, and the limit beyond which it is worth a look."""

    says: str
    at_least: float | None = None
    at_most: float | None = None

    def worries(self, value: float) -> bool:
        """Whether the value lies beyond its limit.

        >>> Signal("", at_most=0.3).worries(0.31), Signal("", at_least=0.5).worries(0.5)
        (True, False)
        """
        low, high = self.at_least, self.at_most
        return (low is not None and value < low) or (high is not None and value > high)

    @property
    def limit(self) -> str:
        """The limit in words."""
        if self.at_least is not None:
            return f"at least {wording.quantity(self.at_least)}"
        return "" if self.at_most is None else f"at most {wording.quantity(self.at_most)}"


FROM_OTHER = "share of the vectors' variance that comes from the text they were read with"
SPREAD = "variance of the vectors over their squared length; near 0 they are all alike"
SIGNALS = {
    "valid_identifiers": Signal(
        "share of identifiers written without constraint that the collection has", at_least=0.5
    ),
    "distillation_share": Signal("share of the ranking loss in the loss, at the end", at_most=0.9),
    "teacher_contradicts_labels": Signal(
        "share of lists where the teacher puts a negative above the known answer", at_most=0.3
    ),
    "cluster_recall_dev": Signal(
        "share of dev queries with an answer in the clusters that were written", at_least=0.5
    ),
    "filter_rate": Signal("share of negatives that the ranker puts above the answer", at_most=0.3),
    "query_from_other": Signal(f"queries: {FROM_OTHER}", at_most=0.5),
    "passage_from_other": Signal(f"passages: {FROM_OTHER}", at_most=0.5),
    "query_spread": Signal(f"queries: {SPREAD}", at_least=0.05),
    "passage_spread": Signal(f"passages: {SPREAD}", at_least=0.05),
}


@dataclass(frozen=True)
class Seen:
    """A signal of one student or teacher: the mean over its seeds."""

    who: str
    name: str
    value: float

    @property
    def signal(self) -> Signal:
        """What it says."""
        return SIGNALS[self.name]

    @property
    def verdict(self) -> str:
        """Whether it is worth a look."""
        return "look at this" if self.signal.worries(self.value) else "fine"


def seen(trainings: Iterable[tuple[str, Mapping[str, object]]]) -> list[Seen]:
    """Gather the signals of all trainings, in the order in which they come.

    Args:
        trainings: who was trained, and what was noted; once for each seed.

    >>> [(each.who, each.name, each.value) for each in seen([("a", {"filter_rate": 0.5, "steps": 3.0})])]
    [('a', 'filter_rate', 0.5)]
    """
    found: dict[tuple[str, str], list[float]] = {}
    for who, noted in trainings:
        for name in SIGNALS:
            value = noted.get(name)
            if isinstance(value, int | float):
                found.setdefault((who, name), []).append(float(value))
    return [Seen(who, name, mean(values)) for (who, name), values in found.items()]
