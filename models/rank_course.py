"""DGR's course: retrieve with the base, let the teacher order what was found, learn that order.

The margins are found before anything is learned, on the lists themselves, and a list that has none of its
margins violated is left out. The share of identifiers that the model writes rightly by itself is measured
before and after: where it falls, the ranking was learned at the cost of the writing.
"""

from collections.abc import Callable

import polars as pl
import pyarrow as pa

from data.splits import sample
from models import fitting
from models.encoders.seq2seq import Seq2Seq
from models.generative import Generative, speaking, valid_identifiers
from models.identifier_rows import OF_QUERY, RowMaker
from models.identifiers import VIEWS, Identifiers, View
from models.rank_distillation import RankDistillation, RankTerms, Taught
from models.rank_lists import RankList, RankListSettings, mine
from models.rank_scores import Scoring
from models.retrievers.identifier_keys import marked, weights
from models.student import Lesson
from models.training import TrainingConfig
from models.writing import teach_rows
from models.writing_student import index_of

# What a list's answer is written as at each step; DGR's: its title, a part of its text, a pseudo-query.
WRITTEN: dict[View, int] = {"title": 1, "body": 1, "query": 1}
# Dev queries for which the model writes unconstrained.
CHECKED = 64


def learn_ranking(
    generative: Generative,
    lesson: Lesson,
    settings: RankListSettings,
    training: TrainingConfig,
    terms_of: Callable[[list[RankList]], RankTerms],
) -> tuple[pa.Table, dict[str, float]]:
    """Train the base's model; give the curve and what there was to learn from.

    Args:
        generative: the base, whose weights are trained.
        lesson: with the index of identifiers.
        settings: of the lists.
        training: how long and how fast.
        terms_of: the loss, made for the lists.

    Raises:
        ConfigError: there is no index, no teacher where one is needed, or nothing to learn.
        StageFailed: the loss is no longer a number.
    """
    index = index_of(lesson.identifiers)
    retriever = generative.retriever(index)
    found = mine(lesson, retriever, settings)
    terms = terms_of(found.lists)
    lists = [one for one in found.lists if one.is_violated(terms.base_margin)]
    # A base that is right by the margin everywhere still has an order among the others to learn.
    lists = lists if lists and settings.only_violating else found.lists
    identifiers = Identifiers.open(index)
    model = speaking(generative.model, identifiers)
    maker = RowMaker(identifiers, lesson.seed)
    rows = [Taught(one, tuple(maker.rows(one.query, one.answer, WRITTEN, OF_QUERY))) for one in lists]
    dev = _dev_queries(lesson)
    before = valid_identifiers(model, dev, identifiers)
    loss = RankDistillation(scoring(generative, model), terms)
    curve = teach_rows(model.model, loss, rows, training, lesson)
    learned = training.lists(len(rows))
    return curve, found.facts | {
        "lists": float(learned),
        "lists_distinct": float(len(lists)),
        "lists_in_order": float(len(found.lists) - len(lists)),
        "steps": float(training.steps(learned)),
        "base_margin": terms.base_margin,
        "gap_margin": terms.gap_margin,
        "teacher_contradicts_labels": sum(one.contradicts for one in found.lists) / len(found.lists),
        "valid_identifiers_before": before,
        "valid_identifiers": valid_identifiers(model, dev, identifiers),
        "parameters": fitting.parameters(model.model),
    }


def scoring(generative: Generative, model: Seq2Seq) -> Scoring:
    """How the base scores: by the same text, the same weights of keys."""
    return Scoring(
        model,
        lambda query, view: marked(query, VIEWS[view]),
        lambda likely, shares, raised: weights(likely, shares, raised, generative.search),
    )


def _dev_queries(lesson: Lesson) -> list[str]:
    dev = lesson.queries.filter(pl.col("split") == "dev", pl.col("origin") == "human")
    queries = dev.select("qid", "text").collect().sort("qid")
    return queries.filter(pl.Series(sample(queries["qid"].to_list(), CHECKED), dtype=pl.Boolean))[
        "text"
    ].to_list()
