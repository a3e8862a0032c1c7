"""Where a model that writes comes from: a checkpoint that writes already, or an encoder and a new decoder.

    encoder (some layers)  ←cross-attention─  decoder_layers  →  words, as in the encoder's embeddings

A decoder is "warm" if its layers are copies of the encoder's last ones, and "fresh" if they start from
nothing. Both share one matrix of word embeddings: what is read, what was written, and what is written next.
Source: Rothe, Narayan, Severyn 2020, https://arxiv.org/abs/1907.12461 (BERT2BERT). Differs: a warm decoder
also starts its cross-attention from the self-attention, and its last linear layer from the identity, where
theirs start from nothing: a run of some hundred steps is too short to find out what a text is read for.
"""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, cast

import torch
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    EncoderDecoderModel,
)

from data.errors import ConfigError
from models.encoders.layers import cut_layers
from models.encoders.seq2seq import Seq2Seq
from models.hardware import device

DecoderStart = Literal["warm", "fresh"]


def open_seq2seq(  # noqa: PLR0913  (settings, by name)
    folder: Path,
    *,
    max_tokens: int,
    layers: Sequence[int] | None = None,
    decoder_layers: int = 2,
    decoder: DecoderStart = "warm",
    seed: int = 0,
) -> Seq2Seq:
    """Open a checkpoint that writes, or give an encoder a decoder.

    Args:
        folder: of a T5 or BART checkpoint, of what ``Seq2Seq.save`` wrote, or of an encoder such as BERT.
        max_tokens: longer texts lose their beginning.
        layers: of the encoder to keep, counted from 0; None keeps all. Only for an encoder.
        decoder_layers: of the new decoder.
        decoder: how these start.
        seed: of what starts from nothing.

    Raises:
        ConfigError: layers of a model that writes already are to be cut, or the encoder is not like BERT.
        InputError: a layer is named that the encoder does not have.
    """
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    # What is asked for stands at the end of a text.
    tokenizer.truncation_side = "left"
    if AutoConfig.from_pretrained(folder).is_encoder_decoder:
        if layers is not None:
            raise ConfigError(
                where=f"model {str(folder)!r}",
                found=f"layers {list(layers)} of a model that writes already",
                expected="none: it is taken whole",
                advice="Leave layers out, or name an encoder.",
            )
        model: Any = AutoModelForSeq2SeqLM.from_pretrained(folder, use_safetensors=True)
        if isinstance(model, EncoderDecoderModel):
            _share_words(model)
    else:
        encoder: Any = AutoModel.from_pretrained(folder, use_safetensors=True)
        if layers is not None:
            cut_layers(encoder, layers)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = _with_decoder(encoder, tokenizer, decoder_layers, decoder)
    return Seq2Seq(cast("Any", model).to(device()), tokenizer, max_tokens)


def _with_decoder(encoder: Any, tokenizer: Any, depth: int, start: DecoderStart) -> EncoderDecoderModel:  # noqa: ANN401
    stack = getattr(getattr(encoder, "encoder", None), "layer", None)
    if stack is None or tokenizer.cls_token_id is None:
        raise ConfigError(
            where=f"model {encoder.config.name_or_path!r}",
            found=f"{type(encoder).__name__}, whose layers no decoder can be made of",
            expected="an encoder like BERT, or a sequence-to-sequence checkpoint such as T5 or BART",
            advice="Name another backbone.",
        )
    settings = copy.deepcopy(encoder.config)
    settings.is_decoder = settings.add_cross_attention = True
    settings.num_hidden_layers = depth
    decoder: Any = AutoModelForCausalLM.from_config(settings)
    if start == "warm":
        own = decoder.base_model
        own.embeddings.load_state_dict(encoder.embeddings.state_dict())
        # The last layers: their states are what the words were predicted from.
        for place, layer in enumerate(own.encoder.layer):
            start_of = stack[max(0, len(stack) - depth + place)]
            layer.load_state_dict(start_of.state_dict(), strict=False)
            # It looks at the text as the encoder does: what is alike is found before anything is learned.
            layer.crossattention.load_state_dict(start_of.attention.state_dict())
        # States of the encoder's kind pass to the words as they are, but for the activation.
        torch.nn.init.eye_(decoder.cls.predictions.transform.dense.weight)
    model: Any = EncoderDecoderModel(encoder=encoder, decoder=decoder)
    _share_words(model)
    special = {
        "decoder_start_token_id": tokenizer.cls_token_id,
        "eos_token_id": tokenizer.sep_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
    for name, token in special.items():
        setattr(model.config, name, token)
        setattr(model.generation_config, name, token)
    return model.eval()


def _share_words(model: Any) -> None:  # noqa: ANN401  (EncoderDecoderModel)
    """Make one parameter of the three matrices of word embeddings: the encoder's."""
    words = model.encoder.get_input_embeddings().weight
    model.decoder.get_input_embeddings().weight = words
    model.decoder.get_output_embeddings().weight = words
