import torch

from models.encoders.decoder import Decoder
from models.encoders.seq2seq_opening import open_seq2seq


def test_logits_of_some_tokens_are_columns_of_all(tiny_backbone):
    model = open_seq2seq(tiny_backbone, max_tokens=16).model
    decoder = Decoder(model)
    states = torch.randn(2, 3, 32)
    some = torch.tensor([2, 9, 11])
    whole = decoder.logits(states, None)
    assert whole.shape[-1] == decoder.vocabulary == model.config.decoder.vocab_size
    torch.testing.assert_close(decoder.logits(states, some), whole[..., some])
