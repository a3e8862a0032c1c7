"""MINDER: a passage is what a model would call it, in three views: title, n-gram of the body, pseudo-query.

    L = − mean over tokens of  log p(i_t | query, view, i_<t)                       label smoothing 0.1

The model reads "query || view || +" and writes; an index of the collection's n-grams lets it write nothing
that no passage is called. What it wrote, and the query's own words, are keys, which passages are scored by
(``models.retrievers.generative``). It learns from judgements alone: the control of students that a teacher
teaches to rank by the same score.

Failure sign: ``valid_identifiers``, the share of what it writes unconstrained for dev queries that the index
has (``models.generative.valid_identifiers``).
Source: Li et al. 2023, "Multiview Identifiers Enhanced Generative Retrieval", https://arxiv.org/abs/2305.16675,
and its code, https://github.com/liyongqi67/MINDER. Differs: any T5, BART or BERT-like model instead of
BART-large, AdamW instead of fairseq's Adam; probabilities are shares among the tokens that the index has,
since nothing else can be written, and the output is the most expensive layer of a small model.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import polars as pl
import pyarrow as pa
from pydantic import Field, NonNegativeFloat, PositiveInt

from models.generative_settings import GenerativeSettings, RowSettings
from models.student import Lesson, Need, Shelf
from models.training import OneTaskTraining, TrainingConfig
from models.weights import ModelName, fetch
from models.writing_student import WritingStudentConfig, index_of

if TYPE_CHECKING:
    from models.generative import Generative
    from models.retrievers.generative import GenerativeRetriever

# For the marks " || query || +", whatever the tokenizer makes of them.
ROOM = 16
# Dev queries for which the model writes unconstrained.
CHECKED = 64


class MinderConfig(WritingStudentConfig):
    """A model that writes identifiers, what it learns to write, and how it is searched with."""

    kind: Literal["minder"] = "minder"
    backbone: ModelName = Field(
        default="all-MiniLM-L6-v2",
        description="A T5 or BART checkpoint, or an encoder like BERT, which gets a decoder; MINDER's is "
        "BART-large.",
    )
    layers: tuple[int, ...] | None = Field(
        default=None, description="Of an encoder, those to keep, counted from 0; None keeps all."
    )
    decoder_layers: PositiveInt = Field(default=2, description="Of the decoder that an encoder gets.")
    decoder: Literal["warm", "fresh"] = Field(
        default="warm", description="Whether it starts from the encoder's last layers, or from nothing."
    )
    rows: RowSettings = RowSettings()
    smoothing: NonNegativeFloat = Field(
        default=0.1, lt=1, description="Of labels, over all tokens that the index has; MINDER's 0.1."
    )
    search: GenerativeSettings = GenerativeSettings()
    training: OneTaskTraining = TrainingConfig(batch_size=64, learning_rate=3e-4, dropout=0.1)

    @property
    def needs(self) -> frozenset[Need]:
        """The index: no teacher, for it is the control of those that have one."""
        return frozenset({Need.IDENTIFIERS})

    def build(self, seed: int) -> "Minder":
        """Open the backbone; ``seed`` decides what of its decoder starts from nothing.

        Raises:
            ModelUnavailable: the backbone is not to be had.
            ConfigError: it cannot be made a model that writes.
        """
        from models.encoders.seq2seq_opening import open_seq2seq
        from models.generative import Generative

        model = open_seq2seq(
            fetch(self.backbone),
            max_tokens=self.query_max_tokens + ROOM,
            layers=self.layers,
            decoder_layers=self.decoder_layers,
            decoder=self.decoder,
            seed=seed,
        )
        return Minder(self, Generative(model, self.search, self.training.precision))

    def load(self, folder: Path) -> "Minder":
        """Open a student that ``save`` wrote; how it searches is as the settings say now."""
        from models.generative import Generative

        found = Generative.load(folder)
        return Minder(self, Generative(found.model, self.search, self.training.precision))


class Minder:
    """The student. ``facts`` says what it had to learn from, and what it writes by itself."""

    def __init__(self, config: MinderConfig, generative: "Generative") -> None:
        self.config = config
        self.generative = generative
        self.facts: dict[str, float] = {}

    @property
    def model(self) -> Any:  # noqa: ANN401  (a model of transformers)
        """The weights."""
        return self.generative.model.model

    def train(self, lesson: Lesson) -> pa.Table:
        """Learn to write the identifiers of answers; give the curve.

        Raises:
            ConfigError: there is nothing to learn, or the index has other tokens than the backbone.
            StageFailed: the loss is no longer a number.
        """
        from models import fitting
        from models.generative import let_words_learn, speaking, valid_identifiers
        from models.identifier_rows import rows_to_learn
        from models.identifiers import Identifiers
        from models.writing import WritingLoss, teach_rows

        settings = self.config.training
        identifiers = Identifiers.open(index_of(lesson.identifiers))
        model = speaking(self.generative.model, identifiers)
        let_words_learn(model, learn=self.config.train_words)
        rows, queries = rows_to_learn(lesson, identifiers, self.config.rows)
        loss = WritingLoss(model, self.config.smoothing)
        curve = teach_rows(model.model, loss, rows, settings, lesson)
        learned = settings.lists(len(rows))
        dev = lesson.queries.filter((pl.col("split") == "dev") & (pl.col("origin") == "human"))
        asked = dev.select("qid", "text").sort("qid").head(CHECKED).collect()["text"].to_list()
        self.facts = {
            "queries": float(queries),
            "rows": float(len(rows)),
            "lists": float(learned),
            "steps": float(settings.steps(learned)),
            "parameters": fitting.parameters(model.model),
            "valid_identifiers": valid_identifiers(model, asked, identifiers),
        }
        return curve

    def retriever(self, shelf: Shelf) -> "GenerativeRetriever":
        """Search by what the model writes; nothing is computed of the passages.

        Raises:
            ConfigError: the shelf has no index, or one of other tokens than the model's.
        """
        return self.generative.retriever(index_of(shelf.identifiers))

    def save(self, folder: Path) -> None:
        """Write a folder that ``AutoModelForSeq2SeqLM.from_pretrained`` opens as the same model."""
        self.generative.save(folder)
