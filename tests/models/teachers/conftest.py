import pytest

WORDS = "query passage does the answer ? with yes or no . rhine rises in alps gold is a yellow metal { } what"
MARKS = {"unk": "<unk>", "bos": "<s>"}


@pytest.fixture(scope="session")
def tiny_writers(tmp_path_factory):
    """Folders of random causal models of two layers: with absolute positions, and with rotary ones."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

    from tests.models.tiny_models import SIZES, saved, word_tokenizer

    tokenizer = word_tokenizer(WORDS, MARKS, "<s> $A")
    size = len(tokenizer)
    shared = {"bos_token_id": 1, "eos_token_id": 1}
    made = {
        "gpt2": GPT2LMHeadModel(
            GPT2Config(vocab_size=size, n_positions=64, n_embd=16, n_layer=2, n_head=2, **shared)
        ),
        "llama": LlamaForCausalLM(
            LlamaConfig(
                **SIZES | {"num_attention_heads": 4}, num_key_value_heads=2, vocab_size=size, **shared
            )
        ),
    }
    for seed, model in enumerate(made.values()):
        torch.manual_seed(seed)
        for weights in model.parameters():
            torch.nn.init.normal_(weights, std=0.3)
    return saved(made, tokenizer, tmp_path_factory)
