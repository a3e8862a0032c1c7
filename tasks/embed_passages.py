"""Embed: one vector per passage, by an encoder or by a student that was trained to be one.

Written chunk by chunk, so that memory stays flat; chunks are encoded here or by whoever maps.
"""

import time
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from data.artifacts import ArtifactStore
from data.drafts import Draft
from data.errors import ConfigError, InputError
from data.manifests import ArtifactRef
from data.progress import meter
from data.schemas import PASSAGES, embeddings_schema
from models.encoders.text_encoder import EncoderConfig
from models.parts import MODEL
from models.settings import Settings
from models.spread_encoding import CHUNK_PASSAGES, Source, Vectors, encoded
from models.student import PassageEncoder
from models.students import StudentChoice
from tasks.stage import stage


class EmbedConfig(Settings):
    """Which encoder makes the vectors, and of what."""

    encoder: EncoderConfig = EncoderConfig()
    template: str = Field(default="{title} {text}", description="How title and text become one string.")

    def load(self, weights: Path | None) -> PassageEncoder:
        """Open the encoder; it comes with its own weights."""
        del weights
        return self.encoder.load()


class EmbedByStudent(Settings):
    """A student that was trained before makes the vectors, of texts as it reads them."""

    student: StudentChoice

    @property
    def template(self) -> str:
        """The student's own."""
        return self.student.template

    def load(self, weights: Path | None) -> PassageEncoder:
        """Open the student.

        Raises:
            ConfigError: it makes no vectors of single passages.
        """
        encoder = self.student.as_encoder(weights) if weights else None
        if encoder is None:
            raise ConfigError(
                where=f"students.{self.student.name}",
                found=f"kind {self.student.kind!r}, {'without weights' if weights is None else 'no encoder'}",
                expected="a trained student that makes one vector of a passage, such as a bi-encoder",
                advice="Name another student to build on.",
            )
        return encoder


@stage(reads={"collection": ("passages.parquet",), "weights": (MODEL,)})
def embed_passages(
    draft: Draft,
    store: ArtifactStore,
    config: EmbedConfig | EmbedByStudent,
    *,
    collection: ArtifactRef,
    weights: ArtifactRef | None = None,
) -> None:
    """Write ``embeddings``; note the width and the speed.

    Args:
        draft: gets the table.
        store: holds the inputs.
        config: who encodes.
        collection: the passages.
        weights: of the student that encodes.
    """
    passages = store.table_path(collection, PASSAGES)
    total = pq.read_metadata(passages).num_rows
    opener = partial(config.load, store.path(weights, MODEL).resolve() if weights else None)
    started = time.perf_counter()
    with (
        encoded(Source(opener, passages, config.template, CHUNK_PASSAGES), store) as found,
        draft.rows(embeddings_schema(found.width)) as rows,
        meter("embedding passages", "passage", total) as bar,
    ):
        for table, vectors in found.chunks:
            rows.write(embeddings(table, vectors))
            bar.update(table.num_rows)
    speed = total / (time.perf_counter() - started)
    draft.note(width=found.width, passages=total, passages_per_s=round(speed, 1))


def embeddings(passages: pa.Table, vectors: Vectors) -> pa.Table:
    """Make the rows of ``embeddings`` for these passages and their vectors, [passage, width].

    Raises:
        InputError: a vector is not finite.
    """
    wild = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if wild.size:
        pid = passages["pid"][int(wild[0])].as_py()
        raise InputError(
            where=f"embeddings, passage {pid!r}",
            found=f"NaN or infinity in its vector and in {wild.size - 1} more",
            expected="numbers",
            advice='Set embed.encoder.precision = "float32", or use another model.',
        )
    columns = embeddings_schema(vectors.shape[1]).columns
    flat = pa.array(vectors.ravel(), columns.field("vector").type.value_type)
    column = pa.FixedSizeListArray.from_arrays(flat, type=columns.field("vector").type)
    return pa.Table.from_arrays([passages["pid"].combine_chunks(), column], schema=columns)
