"""How large a collection is: what was ingested, what is known of a public one, or what one says.

    tokens of a passage = words · 1.3        tokens of a query = words · 1.1        bytes = words · 6.2

Measured with all-MiniLM-L6-v2's tokenizer: 1.25 on the bundled collection and 1.30 on paragraphs of Natural
Questions, title and text; 1.13 and 1.08 on their questions; 6.15 and 6.24 bytes a word.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from data.artifacts import ArtifactStore
from data.errors import ConfigError
from flows.records import read_record

TOKENS_PER_PASSAGE_WORD = 1.3
TOKENS_PER_QUERY_WORD = 1.1
BYTES_PER_WORD = 6.2


@dataclass(frozen=True)
class CollectionSize:
    """What the formulas need to know of a collection."""

    name: str
    passages: int
    learned_queries: int  # of train and dev: what teachers are asked about
    test_queries: int
    passage_words: float  # mean, title and text
    query_words: float
    source: str

    @property
    def passage_tokens(self) -> float:
        """Mean of a passage, without the marks at its ends."""
        return self.passage_words * TOKENS_PER_PASSAGE_WORD

    @property
    def query_tokens(self) -> float:
        """Mean of a query, without the marks at its ends."""
        return self.query_words * TOKENS_PER_QUERY_WORD

    @property
    def passage_bytes(self) -> float:
        """Mean of title and text as UTF-8."""
        return self.passage_words * BYTES_PER_WORD


# Mean words are those of BEIR's table 1 (https://arxiv.org/abs/2104.08663) and, for w100, 100 by construction
# (https://arxiv.org/abs/2004.04906) and 3 of a title.
KNOWN = {
    size.name: size
    for size in (
        CollectionSize(
            "nq",
            2_681_468,
            100_231,
            3_452,
            78.9,
            9.2,
            "BEIR's passages and test questions (https://arxiv.org/abs/2104.08663, table 1); at most the "
            "100,231 train pairs of sentence-transformers/natural-questions, for some have no passage here",
        ),
        CollectionSize(
            "nq-w100",
            21_015_324,
            65_395,
            3_610,
            103.0,
            9.2,
            "DPR's psgs_w100 (https://ir-datasets.com/dpr-w100.html), its 58,880 train and 6,515 dev "
            "questions, and 3,610 test questions (https://arxiv.org/abs/2004.04906)",
        ),
        CollectionSize(
            "msmarco",
            8_841_823,
            502_939,
            6_980,
            56.0,
            6.0,
            "MS MARCO passages, the train queries with judgements (https://ir-datasets.com/beir.html#beir/msmarco)"
            " and dev/small to test on (https://ir-datasets.com/msmarco-passage.html)",
        ),
    )
}


def size_of(  # noqa: PLR0913  (as many as there are arguments on the command line)
    store: ArtifactStore,
    run: str,
    *,
    collection: str | None = None,
    passages: int | None = None,
    queries: int | None = None,
    passage_words: float | None = None,
) -> CollectionSize:
    """Size of the named collection, else as the last run ingested it, else as known under the run's name.

    Args:
        store: where the run's manifests are.
        run: name of the configuration.
        collection: a name in ``KNOWN``.
        passages: replaces their number; so do ``queries`` (of train and dev) and ``passage_words``.
        queries: see ``passages``.
        passage_words: see ``passages``.

    Raises:
        ConfigError: a number is not positive, there is no such collection, or nothing is known of one.
    """
    given = {"passages": passages, "learned_queries": queries, "passage_words": passage_words}
    changes = {name: value for name, value in given.items() if value is not None}
    for name, value in changes.items():
        if value <= 0:
            option = "--queries" if name == "learned_queries" else f"--{name.replace('_', '-')}"
            raise ConfigError(
                where=option, found=str(value), expected="more than 0", advice="Give the size to plan for."
            )
    base = _named(collection) if collection else (ingested(store, run) or KNOWN.get(run))
    if base is None and passages and queries:
        base = KNOWN["nq"]
    if base is None:
        raise ConfigError(
            where=f"plan {run} --estimate",
            found="no collection that was ingested under this name",
            expected=f"one of {', '.join(KNOWN)}, or numbers",
            advice="Give --collection NAME, or --passages N and --queries N.",
        )
    if not changes:
        return base
    source = ", ".join(f"{name.replace('_', ' ')} as given" for name in changes)
    return replace(base, name=f"{base.name}, changed", source=f"{source}; else {base.source}", **changes)


def ingested(store: ArtifactStore, run: str) -> CollectionSize | None:
    """True sizes of what the last run of this name ingested; None if there is none."""
    key = read_record(store, run).any_key("ingest")
    manifest = store.manifest("ingest", key) if key else None
    return of_facts(manifest.facts, run) if manifest and "passage_words" in manifest.facts else None


def of_facts(facts: Mapping[str, Any], run: str) -> CollectionSize:
    """What the stage ``ingest`` noted.

    >>> splits = {"train": 3, "dev": 1, "test": 2}
    >>> facts = {"passages": 9, "queries": splits, "passage_words": 50.0, "query_words": 7.0}
    >>> of_facts(facts, "mine").learned_queries
    4
    """
    queries: dict[str, int] = facts["queries"]
    return CollectionSize(
        name=run,
        passages=int(facts["passages"]),
        learned_queries=queries.get("train", 0) + queries.get("dev", 0),
        test_queries=queries.get("test", 0),
        passage_words=float(facts["passage_words"]),
        query_words=float(facts["query_words"]),
        source=f"as the last run of {run} ingested it",
    )


def _named(name: str) -> CollectionSize:
    if name not in KNOWN:
        raise ConfigError(
            where="--collection",
            found=repr(name),
            expected=f"one of {', '.join(KNOWN)}",
            advice="For another one give --passages N and --queries N.",
        )
    return KNOWN[name]
