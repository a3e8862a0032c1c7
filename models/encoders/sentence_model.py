"""A model of sentence-transformers that makes one vector per text, opened from a folder of this machine."""

from pathlib import Path
from typing import Literal

from sentence_transformers import SentenceTransformer

from models.hardware import device

Similarity = Literal["cosine", "dot"]


def open_model(folder: Path) -> SentenceTransformer:
    """Open a folder of this machine; weights that are no safetensors are refused."""
    return SentenceTransformer(
        str(folder), device=device(), local_files_only=True, model_kwargs={"use_safetensors": True}
    )
