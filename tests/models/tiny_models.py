"""Random models of a few kilobytes and tokenizers of a few words: what they say is nonsense."""

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BartConfig, PreTrainedTokenizerFast, T5Config

# Of a BERT, a RoBERTa, a Llama.
SIZES = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 64,
}


def word_tokenizer(text, marks, pattern):
    """One token per word of ``text``, after the ``marks``, by role; ``pattern`` says where these stand."""
    vocabulary = {word: place for place, word in enumerate([*marks.values(), *dict.fromkeys(text.split())])}
    words = Tokenizer(models.WordLevel(vocabulary, marks["unk"]))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    placed = [(mark, vocabulary[mark]) for mark in pattern.split() if mark in vocabulary]
    words.post_processor = processors.TemplateProcessing(single=pattern, special_tokens=placed)
    named = {f"{role}_token": mark for role, mark in marks.items()}
    return PreTrainedTokenizerFast(tokenizer_object=words, **named)


def t5_config(tokenizer, **settings):
    """A T5 of one layer a side."""
    sizes = {"d_model": 16, "d_ff": 32, "d_kv": 8, "num_layers": 1, "num_heads": 2}
    return T5Config(**_marks(tokenizer) | sizes | settings)


def bart_config(tokenizer, **settings):
    """A BART of one layer a side."""
    sizes = {"d_model": 16, "max_position_embeddings": 64}
    for side in ("encoder", "decoder"):
        sizes |= {f"{side}_layers": 1, f"{side}_attention_heads": 2, f"{side}_ffn_dim": 32}
    return BartConfig(**_marks(tokenizer) | sizes | settings)


def _marks(tokenizer):
    return {
        "vocab_size": len(tokenizer),
        "pad_token_id": tokenizer.pad_token_id,
        "decoder_start_token_id": 0,
    }


def random_model(architecture, config):
    """A model of random numbers, always the same."""
    torch.manual_seed(0)
    return architecture(config)


def saved(found, tokenizer, folders):
    """Write each model, by its name, with the tokenizer; give their folders, made by ``tmp_path_factory``."""
    written = {name: folders.mktemp(name) for name in found}
    for name, model in found.items():
        model.save_pretrained(written[name])
        tokenizer.save_pretrained(written[name])
    return written
