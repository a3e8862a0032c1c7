"""Train a dual-pooling cross-encoder on judgements: put the positive first, and keep both vectors alive.

    L = -log softmax(t)⁺ + w · R

where t are the inner products of one list, a positive and some mined negatives, and R is the reconstruction
of ``models.losses.reconstruction``. How far it has degenerated nevertheless is noted with the weights
(``models.degeneration``).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
from pydantic import Field, NonNegativeFloat, NonNegativeInt

from models.batches import Lists, ListSettings, draw_lists
from models.settings import Settings
from models.student import Lesson
from models.training import OneTaskTraining, TrainingConfig

# Queries, and as many of their answers, of which every one is read with every other for the check.
CHECKED = 16


class DualPoolingTraining(Settings):
    """How a dual-pooling cross-encoder is trained here."""

    reconstruction_weight: NonNegativeFloat = Field(
        default=1.0, description="Of the term against degeneration; 0 lets one vector know everything."
    )
    lists: ListSettings = ListSettings(negatives=7, generated_share=0.0)
    training: OneTaskTraining = TrainingConfig(batch_size=8, learning_rate=1e-4, dropout=0.1)
    seed: NonNegativeInt = Field(default=0, description="Of the lists, their order and dropout.")

    def train(
        self, backbone: Path, lesson: Lesson, *, max_tokens: int, template: str, folder: Path
    ) -> tuple[pa.Table, dict[str, float]]:
        """Train, write the body to ``folder``; give the curve, what there was to learn from, and the check.

        Raises:
            ConfigError: no query has both a positive and a mined negative.
            StageFailed: the loss is no longer a number.
        """
        import torch
        from sentence_transformers.cross_encoder import CrossEncoderTrainingArguments

        from models import fitting, trainers
        from models.encoders.dual_pooling import DualPooling
        from models.losses.dual_pooling import DualPoolingLoss

        lists = draw_lists(lesson, self.lists, self.training, template)
        rows = lists.rows.select("query_id", "document_ids")
        torch.manual_seed(self.seed)
        dual = DualPooling(backbone, max_tokens)
        fitting.set_dropout(dual.model, self.training.dropout)
        arguments = fitting.training_arguments(
            CrossEncoderTrainingArguments, self.training, lists=rows.height, lesson=lesson
        )
        model: Any = dual.model
        loss = DualPoolingLoss(dual, self.reconstruction_weight)
        trainer = trainers.RerankerTrainer(
            model=model, args=arguments, train_dataset=fitting.dataset(rows, lists, "lists"), loss=loss
        )
        curve = fitting.fit(trainer, loss, self.training, lesson)
        dual.save(folder)
        facts = {**lists.facts(self.training), "parameters": fitting.parameters(dual.model)}
        return curve, {**facts, **check(dual, lists, max_tokens)}


def check(dual: Any, lists: Lists, max_tokens: int) -> dict[str, float]:  # noqa: ANN401  (DualPooling)
    """Numbers of the degeneration, on every pair of some queries and their answers."""
    from models.degeneration import degeneration_facts
    from models.encoders.dual_pooling import PairReader

    queries, passages = some_texts(lists)
    pairs = [(query, passage) for query in queries for passage in passages]
    reader = PairReader(dual, "float32", max_tokens, None)
    vectors = reader.embed_pairs([query for query, _ in pairs], [passage for _, passage in pairs])
    shape = len(queries), len(passages), -1
    return degeneration_facts(*(each.reshape(shape) for each in vectors))


def some_texts(lists: Lists) -> tuple[Sequence[str], Sequence[str]]:
    """The first distinct queries of the lists, and their answers."""
    positives = pl.col("document_ids").list.first()
    first = lists.rows.select("query_id", document_id=positives).unique("query_id", maintain_order=True)
    named = first.head(CHECKED)
    queries = named.join(lists.queries, on="query_id", how="left", maintain_order="left")["text"]
    answers = named.unique("document_id", maintain_order=True)
    passages = answers.join(lists.documents, on="document_id", how="left", maintain_order="left")["text"]
    return queries.to_list(), passages.to_list()
