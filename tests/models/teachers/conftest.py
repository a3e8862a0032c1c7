import pytest

WORDS = "query passage does the answer ? with yes or no . rhine rises in alps gold is a yellow metal { } what"
MARKS = {"unk_token": "<unk>", "bos_token": "<s>"}


@pytest.fixture(scope="session")
def tiny_writers(tmp_path_factory):
    """Folders of random causal models of two layers: with absolute positions, and with rotary ones."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import (
        GPT2Config,
        GPT2LMHeadModel,
        LlamaConfig,
        LlamaForCausalLM,
        PreTrainedTokenizerFast,
    )

    vocabulary = {word: place for place, word in enumerate(["<unk>", "<s>", *dict.fromkeys(WORDS.split())])}
    words = Tokenizer(models.WordLevel(vocabulary, "<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, **MARKS)
    size = len(vocabulary)
    shared = {"bos_token_id": 1, "eos_token_id": 1}
    made = {
        "gpt2": GPT2LMHeadModel(
            GPT2Config(vocab_size=size, n_positions=64, n_embd=16, n_layer=2, n_head=2, **shared)
        ),
        "llama": LlamaForCausalLM(
            LlamaConfig(
                vocab_size=size,
                hidden_size=16,
                intermediate_size=32,
                num_hidden_layers=2,
                num_attention_heads=4,
                num_key_value_heads=2,
                max_position_embeddings=64,
                **shared,
            )
        ),
    }
    folders = {}
    for seed, (kind, model) in enumerate(made.items()):
        torch.manual_seed(seed)
        for weights in model.parameters():
            torch.nn.init.normal_(weights, std=0.3)
        folders[kind] = tmp_path_factory.mktemp(kind)
        model.save_pretrained(folders[kind])
        tokenizer.save_pretrained(folders[kind])
    return folders
