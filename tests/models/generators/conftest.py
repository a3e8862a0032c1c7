import pytest

TEXT = "where does the rhine rise who wrote operas in vienna is gold a metal that rusts"
MARKS = {"pad": "<pad>", "eos": "</s>", "unk": "<unk>", "bos": "<s>"}


@pytest.fixture(scope="session")
def tiny_writer(tmp_path_factory):
    """Folders of a random T5 and a random BART of a few kilobytes, by kind; what they write is nonsense."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import (
        BartConfig,
        BartForConditionalGeneration,
        PreTrainedTokenizerFast,
        T5Config,
        T5ForConditionalGeneration,
    )

    vocabulary = {word: place for place, word in enumerate([*MARKS.values(), *dict.fromkeys(TEXT.split())])}
    words = Tokenizer(models.WordLevel(vocabulary, MARKS["unk"]))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    marks = {f"{name}_token": mark for name, mark in MARKS.items()}
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, **marks)
    sizes = {"vocab_size": len(vocabulary), "d_model": 16, "pad_token_id": 0, "eos_token_id": 1}
    start = {"decoder_start_token_id": 0}
    t5 = T5Config(**sizes, **start, d_ff=32, d_kv=8, num_layers=1, num_heads=2)
    bart = BartConfig(
        **sizes,
        **start,
        bos_token_id=3,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=32,
        decoder_ffn_dim=32,
        max_position_embeddings=64,
    )
    folders = {}
    for kind, make, config in (
        ("t5", T5ForConditionalGeneration, t5),
        ("bart", BartForConditionalGeneration, bart),
    ):
        torch.manual_seed(0)
        folders[kind] = tmp_path_factory.mktemp(kind)
        model = make(config)
        # Every query starts with a word, so that none is empty.
        model.generation_config.begin_suppress_tokens = list(range(len(MARKS)))
        model.save_pretrained(folders[kind])
        tokenizer.save_pretrained(folders[kind])
    return folders
