"""A teacher that is opened for its vectors: of texts one by one, or of pairs that it reads together.

Vectors of passages may be there already, in the table ``embeddings``. Whether the teacher's encoder made
them is not a matter of names: some passages are encoded anew and compared.
"""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import polars as pl
from jaxtyping import Float

from data.errors import ConfigError
from models.encoders.asymmetric import TwoTowers
from models.encoders.text_encoder import TextEncoder
from models.student import Lesson
from models.texts import passage_texts

PAIRS = "pair_targets"
COMPARED = 8
# Share of a vector's length. bfloat16 moves vectors of MiniLM by about 0.01; a text without its title, or
# another model, moves them by far more.
TOLERANCE = 0.05


@runtime_checkable
class PairEncoder(Protocol):
    """A teacher that reads a pair together and has a vector for each of its two texts."""

    def embed_pairs(
        self, queries: Sequence[str], passages: Sequence[str]
    ) -> tuple[Float[np.ndarray, "pair dim"], Float[np.ndarray, "pair dim"]]:
        """Vectors of the queries and of the passages; their inner product is a pair's score."""
        ...


def open_teacher(lesson: Lesson, mode: str) -> TwoTowers | PairEncoder:
    """Open the teacher of a lesson: for the mode ``pair_targets`` one that reads pairs, else one of texts.

    Raises:
        ConfigError: it has no such vectors, as BM25 or a cross-encoder with a head.
    """
    assert lesson.teacher is not None  # noqa: S101  (whoever opens it has declared Need.TEACHER)
    model: Any = lesson.teacher.model_of(lesson.teacher_weights)
    # A student that teaches in its turn.
    found: Any = model.encoder() if hasattr(model, "encoder") else model
    if isinstance(found, TextEncoder):
        found = TwoTowers(found, found)
    if isinstance(found, PairEncoder if mode == PAIRS else TwoTowers):
        return found
    kinds = '"dual_pooling"' if mode == PAIRS else '"dual_encoder", or a student that encodes texts'
    raise ConfigError(
        where=f"teachers.{lesson.teacher.name}",
        found=f"a {type(model).__name__} for a student of the mode {mode!r}",
        expected=f"a teacher of kind {kinds}",
        advice="Name another teacher for this student, or choose the mode that fits its teacher.",
    )


def texts_of(lesson: Lesson, pids: pl.Series) -> list[str]:
    """Texts of some passages, in the order of ``pids`` and in the teacher's template."""
    assert lesson.teacher is not None  # noqa: S101
    wanted = pl.LazyFrame({"pid": pids})
    found = wanted.join(lesson.passages, on="pid", how="left", maintain_order="left")
    return passage_texts(found.select("title", "text").collect().to_arrow(), lesson.teacher.template)


def stored_vectors(lesson: Lesson, pids: pl.Series) -> npt.NDArray[np.float32]:
    """Rows of the table ``embeddings``, in the order of ``pids``."""
    assert lesson.embeddings is not None  # noqa: S101  (whoever asks has declared Need.EMBEDDINGS)
    wanted, table = pl.LazyFrame({"pid": pids}), lesson.embeddings.select("pid", "vector")
    found = wanted.join(table, on="pid", how="left", maintain_order="left").collect()
    return np.array(found["vector"].to_numpy(), dtype=np.float32)


def difference(lesson: Lesson, teacher: TwoTowers) -> float:
    """How far the table ``embeddings`` lies from what the teacher makes of the same passages.

    The largest distance among some passages, as a share of the vector's length; infinite if widths differ.
    """
    assert lesson.embeddings is not None  # noqa: S101
    pids = lesson.embeddings.select("pid").collect()["pid"]
    some = pids.gather(np.linspace(0, len(pids) - 1, min(COMPARED, len(pids))).astype(np.int64).tolist())
    stored, made = stored_vectors(lesson, some), teacher.encode_passages(texts_of(lesson, some))
    if stored.shape != made.shape:
        return float("inf")
    return float((np.linalg.norm(stored - made, axis=1) / np.linalg.norm(made, axis=1)).max())


def check_inherited(lesson: Lesson, teacher: TwoTowers) -> None:
    """Refuse to inherit vectors that the teacher's encoder did not make.

    Raises:
        ConfigError: the table ``embeddings`` is another encoder's, or of other texts.
    """
    found = difference(lesson, teacher)
    if found <= TOLERANCE:
        return
    name = lesson.teacher.name if lesson.teacher else ""
    raise ConfigError(
        where="embed.encoder",
        found=f"vectors of passages that differ from those of the teacher {name!r} by {found:.2g}",
        expected=f"its own: at most {TOLERANCE} of a vector's length, which rounding explains",
        advice="Give [embed] the teacher's encoder (model, layers, passage_prompt, max_tokens) and template.",
    )
