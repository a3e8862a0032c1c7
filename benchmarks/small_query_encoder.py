"""How much faster queries are encoded by 2 of MiniLM's 6 layers: what the asymmetric student is for.

Both encoders in turn, by sentence-transformers' own call and by this project's engine. Weights do not
matter here: the student is cut as it is before training.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sentence_transformers import SentenceTransformer

from benchmarks.inference import MODEL, race
from models.encoders.inference import Inference
from models.encoders.layers import cut_layers
from models.hardware import device, resolve_precision
from models.weights import fetch

LAYERS = (0, 5)


@dataclass(frozen=True)
class Speed:
    """Queries per second, medians over the repeats."""

    engine: str
    whole_per_s: float
    cut_per_s: float

    @property
    def ratio(self) -> float:
        """How many times as fast the small encoder is."""
        return self.cut_per_s / self.whole_per_s


def query_encoding(queries: Sequence[str]) -> list[Speed]:
    """Encode the queries with all layers and with two."""
    whole, cut = (SentenceTransformer(str(fetch(MODEL)), device=device()) for _ in range(2))
    assert cut.transformers_model is not None  # noqa: S101  (MiniLM is a transformer)
    cut_layers(cut.transformers_model, LAYERS)
    texts = list(queries)
    _, _, slow, fast = race(lambda: whole.encode(texts), lambda: cut.encode(texts))
    ours = [Inference(model, resolve_precision("auto")) for model in (whole, cut)]
    _, _, slower, faster = race(lambda: ours[0].run(texts), lambda: ours[1].run(texts))
    return [
        Speed("sentence-transformers", len(texts) / slow, len(texts) / fast),
        Speed("here", len(texts) / slower, len(texts) / faster),
    ]
