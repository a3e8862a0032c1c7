"""Decide which mined passages are no negatives, by a teacher's scores and by their texts, and write it down.

Nothing is deleted: candidates and answers stay what they are, and students leave out, or learn as one more
answer, what the table ``decisions`` names. What a query loses is not replaced from anywhere.
"""

import logging
from collections import Counter
from dataclasses import dataclass, field

import polars as pl
from pydantic import Field, PositiveInt, field_validator

from data.artifacts import ArtifactStore
from data.drafts import Draft
from data.known_answers import known_answers
from data.manifests import ArtifactRef
from data.pair_blocks import pair_blocks
from data.progress import meter
from data.schemas import ANSWERS, CANDIDATES, DECISIONS, PASSAGES, QRELS, QUERIES
from models.asked import Asked
from models.false_negatives import RuleChoice
from models.false_negatives.decisions import decide, rivals, verdicts
from models.false_negatives.same_text import RULE, text_keys
from models.settings import Settings, runtime
from tasks.stage import stage

log = logging.getLogger("distill")
MANY = 0.1  # share of the train queries without a negative that is worth a warning


class DecideConfig(Settings):
    """Which mined passages are no negatives; a copy of a known answer never is, whatever stands here."""

    rules: tuple[RuleChoice, ...] = Field(
        default=(), description="Each decides by itself; where one drops and one relabels, it is relabelled."
    )
    block_pairs: PositiveInt = runtime(1_000_000, "Pairs decided on at a time; bounds the memory.")

    @field_validator("rules", mode="after")
    @classmethod
    def _are_distinct(cls, rules: tuple[RuleChoice, ...]) -> tuple[RuleChoice, ...]:
        counts = Counter(rule.label for rule in rules)
        repeated = [label for label, count in counts.items() if count > 1]
        if repeated:
            msg = f"found {', '.join(repeated)} more than once; expected distinct rules. Keep one of each."
            raise ValueError(msg)
        return rules

    @property
    def labels(self) -> tuple[str, ...]:
        """The rules as the table ``decisions`` names them."""
        return (RULE, *(rule.label for rule in self.rules))


class Decide(Settings):
    """What decides the decisions: the rules, and which pairs the teacher was asked."""

    options: DecideConfig = DecideConfig()
    asked: Asked = Asked()


@stage(
    reads={
        "collection": ("passages.parquet", "queries.parquet", "qrels.parquet"),
        "generated": ("queries.parquet",),
        "candidates": ("candidates.parquet",),
        "answers": ("answers.parquet",),
    }
)
def decide_negatives(  # noqa: PLR0913  (a stage names its inputs)
    draft: Draft,
    store: ArtifactStore,
    config: Decide,
    *,
    collection: ArtifactRef,
    generated: ArtifactRef | None,
    candidates: ArtifactRef,
    answers: ArtifactRef,
) -> None:
    """Write ``decisions`` block by block; note them by rule, and the queries that have no negative left.

    Raises:
        SchemaError: a candidate or a known answer has no score.
    """
    rules, asked = config.options.rules, config.asked
    parts = (collection, generated if asked.generated else None)
    queries = taught_queries(store.scan(QUERIES, *filter(None, parts)))
    known = known_answers(queries, store.scan(QRELS, collection))
    keys = text_keys(store.scan(PASSAGES, collection))
    scores = store.scan(ANSWERS, answers).select("qid", "pid", "score")
    path, size = store.table_path(candidates, CANDIDATES), config.options.block_pairs
    blocks = pair_blocks(path, known, queries["qid"], size, asked.depth)
    tally = Tally(queries.filter(split="train"), Counter(dict.fromkeys(config.options.labels, 0)))
    with draft.rows(DECISIONS) as writer, meter("deciding on negatives", "pair", None) as bar:
        for block in blocks:
            here = block.select("qid").unique()
            # Sorted by qid, so that only the row groups of these queries are read.
            first, last = (pl.lit(block["qid"][row]) for row in (0, -1))
            read = scores.filter(pl.col("qid").is_between(first, last))
            scored = read.join(here.lazy(), on="qid", how="semi").collect()
            answered = known.join(here, on="qid", how="semi")
            decisions = decide(block, answered, scored, keys, rules)
            writer.write(decisions.to_arrow().cast(DECISIONS.columns))
            tally.add(rivals(block, answered), decisions)
            bar.update(block.height)
    draft.note(**tally.facts())
    tally.tell()


def taught_queries(queries: pl.LazyFrame) -> pl.DataFrame:
    """Queries that a student may see (qid, source_pid, split), by qid."""
    learned = queries.filter(pl.col("split").is_in(["train", "dev"]))
    return learned.select("qid", "source_pid", "split").collect().sort("qid")


@dataclass
class Tally:
    """What was decided so far."""

    train: pl.DataFrame
    rules: Counter[str]
    actions: Counter[str] = field(default_factory=Counter[str])
    candidates: int = 0
    train_queries: int = 0
    without_negative: int = 0

    def add(self, pairs: pl.DataFrame, decisions: pl.DataFrame) -> None:
        """Count a block.

        Args:
            pairs: that would be negatives were nothing decided (qid, pid); queries whole.
            decisions: on some of them.
        """
        decided = verdicts(decisions.lazy()).collect()
        self.candidates += pairs.height
        self.rules.update(dict(decisions["rule"].value_counts().iter_rows()))
        self.actions.update(dict(decided["action"].value_counts().iter_rows()))
        taught = pairs.join(self.train, on="qid", how="semi")
        left = taught.join(decided, on=["qid", "pid"], how="anti")
        self.train_queries += taught["qid"].n_unique()
        self.without_negative += taught["qid"].n_unique() - left["qid"].n_unique()

    def facts(self) -> dict[str, object]:
        """Counts of pairs and of queries; a pair that several rules decide on counts once in the share."""
        return {
            "candidates": self.candidates,
            "rules": dict(self.rules),
            "dropped": self.actions["drop"],
            "relabelled": self.actions["relabel"],
            "share": round(self.actions.total() / max(self.candidates, 1), 4),
            "train_queries": self.train_queries,
            "without_negative": self.without_negative,
        }

    def tell(self) -> None:
        """Log it, as a warning where many train queries are left without a negative."""
        log.info(
            "%d of %d candidates are no negatives: %s",
            self.actions.total(),
            self.candidates,
            ", ".join(f"{rule} {count}" for rule, count in self.rules.items()),
        )
        if self.without_negative:
            log.log(
                logging.WARNING if self.without_negative > MANY * self.train_queries else logging.INFO,
                "%d of %d train queries have no negative left and teach nothing; see distill show NAME "
                "decisions, and make decide.rules narrower or mine.depth larger if they should",
                self.without_negative,
                self.train_queries,
            )
