"""The encoder of a checkpoint: of one that also writes (T5, BART), the part that reads.

sentence-transformers opens T5's encoder by itself. BART's comes with its decoder, which would shift the
vectors to those of the next token; it is taken off here, and a folder of the encoder alone opens as such.
"""

from pathlib import Path
from typing import Any

from sentence_transformers import SentenceTransformer

from models.encoders.sentence_model import open_model


def open_encoder(folder: Path) -> SentenceTransformer:
    """Open a folder of this machine as a model of vectors; weights that are no safetensors are refused."""
    model = open_model(folder)
    first: Any = model[0]
    whole = getattr(first, "model", None)
    if whole is None or not hasattr(whole, "decoder"):
        return model
    part = whole.get_encoder()
    alone = type(part).__name__ in (whole.config.architectures or ())
    first.model = type(part).from_pretrained(folder, use_safetensors=True).to(model.device) if alone else part
    return model


def match_depth(model: SentenceTransformer) -> None:
    """Let the configuration of BART's encoder say how many layers it has, after some were cut off."""
    config: Any = getattr(model.transformers_model, "config", None)
    if hasattr(config, "encoder_layers"):
        config.encoder_layers = config.num_hidden_layers
