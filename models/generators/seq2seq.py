"""A sequence-to-sequence model reads a passage and writes the queries it might answer (doc2query).

Any T5 or BART checkpoint that was trained to write queries will do. Sources: Nogueira, Lin 2019, "From
doc2query to docTTTTTquery", for the lengths and k; https://arxiv.org/abs/2401.10487 (GDR) for the number.
"""

from collections.abc import Iterator, Sequence
from typing import Literal

import pyarrow as pa
from pydantic import Field, PositiveInt

from models.generator import GeneratorConfig
from models.hardware import Precision, resolve_precision
from models.settings import runtime
from models.texts import passage_texts
from models.weights import ModelName, fetch


class Seq2seqConfig(GeneratorConfig):
    """Which model writes, from how much of the passage, and how it chooses words."""

    kind: Literal["seq2seq"] = "seq2seq"
    model: ModelName
    decoding: Literal["top_k", "beam"] = Field(
        default="top_k", description="Draw each word from the k likeliest, or keep the likeliest queries."
    )
    top_k: PositiveInt = Field(default=10, description="Words to draw from; 10 as in docTTTTTquery.")
    per_passage: PositiveInt = Field(
        default=5, description="Queries written for a passage, equal ones included; 5 as in GDR."
    )
    prefix: str = Field(default="", description="Put before each passage, as some T5 checkpoints expect.")
    template: str = "{title} {text}"
    passage_max_tokens: PositiveInt = Field(
        default=512, description="Longer passages are cut; 512 as in docTTTTTquery."
    )
    query_max_tokens: PositiveInt = Field(
        default=64, description="Longer queries are cut; 64 as in docTTTTTquery."
    )
    precision: Precision = Field(default="auto", description="bfloat16 where the hardware has it.")
    batch_passages: PositiveInt = runtime(16, "Passages read at once; no other query is written for it.")

    def generate(self, titles: Sequence[str], texts: Sequence[str], seed: int) -> Iterator[list[str]]:
        """Give the queries of each passage, none twice.

        Raises:
            ModelUnavailable: the model is not to be had.
            ConfigError: the model does not turn texts into texts.
        """
        from models.generators.query_writer import Beam, QueryWriter, TopK

        writer = QueryWriter(
            fetch(self.model),
            precision=resolve_precision(self.precision),
            decoding=TopK(self.top_k, seed) if self.decoding == "top_k" else Beam(),
            per_passage=self.per_passage,
            passage_max_tokens=self.passage_max_tokens,
            query_max_tokens=self.query_max_tokens,
        )
        passages = passage_texts(pa.table({"title": list(titles), "text": list(texts)}), self.template)
        yield from writer.write([self.prefix + passage for passage in passages], self.batch_passages)
