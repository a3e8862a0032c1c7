"""Embed: one vector per passage, by an encoder. Written chunk by chunk, so that memory stays flat."""

import time

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from data.artifacts import ArtifactStore
from data.drafts import Draft
from data.errors import InputError
from data.manifests import ArtifactRef
from data.progress import meter
from data.schemas import PASSAGES, embeddings_schema
from models.encoders.text_encoder import EncoderConfig, TextEncoder
from models.settings import Settings
from models.texts import passage_texts
from tasks.stage import stage

# Enough for the encoder to find texts of equal length, little beside the model.
CHUNK_PASSAGES = 8192


class EmbedConfig(Settings):
    """Which encoder makes the vectors, and of what."""

    encoder: EncoderConfig = EncoderConfig()
    template: str = Field(default="{title} {text}", description="How title and text become one string.")


@stage(reads={"collection": ("passages.parquet",)})
def embed_passages(
    draft: Draft, store: ArtifactStore, config: EmbedConfig, *, collection: ArtifactRef
) -> None:
    """Write ``embeddings``; note the width and the speed."""
    encoder = config.encoder.load()
    passages = pq.ParquetFile(store.table_path(collection, PASSAGES))
    total = passages.metadata.num_rows
    started = time.perf_counter()
    with (
        draft.rows(embeddings_schema(encoder.width)) as rows,
        meter("embedding passages", "passage", total) as bar,
    ):
        for batch in passages.iter_batches(CHUNK_PASSAGES):
            rows.write(embed(pa.Table.from_batches([batch]), encoder, config.template))
            bar.update(batch.num_rows)
    speed = total / (time.perf_counter() - started)
    draft.note(width=encoder.width, passages=total, passages_per_s=round(speed, 1))


def embed(passages: pa.Table, encoder: TextEncoder, template: str) -> pa.Table:
    """Make the rows of ``embeddings`` for these passages.

    Raises:
        InputError: the encoder gives a vector that is not finite.
    """
    vectors = encoder.encode_passages(passage_texts(passages, template))
    wild = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if wild.size:
        pid = passages["pid"][int(wild[0])].as_py()
        raise InputError(
            where=f"embeddings, passage {pid!r}",
            found=f"NaN or infinity in its vector and in {wild.size - 1} more",
            expected="numbers",
            advice='Set embed.encoder.precision = "float32", or use another model.',
        )
    columns = embeddings_schema(encoder.width).columns
    flat = pa.array(vectors.ravel(), columns.field("vector").type.value_type)
    column = pa.FixedSizeListArray.from_arrays(flat, type=columns.field("vector").type)
    return pa.Table.from_arrays([passages["pid"].combine_chunks(), column], schema=columns)
