"""Term weights of texts, as SPLADE makes them, without the logits of every token.

    w_v = max over tokens i of  log(1 + relu(x_iv)),        x_iv = h_i · e_v + b_v
        = log(1 + relu(b_v + max over tokens i of h_i · e_v))

where h_i is what the head of a masked language model makes of token i and e_v, b_v are row v of its decoder.
log(1 + relu) grows, so that the maximum may come first; it is then all that is kept of a text's logits. Its
gradient passes one token of each term whose weight is above 0: backwards, a few hundred products a text
instead of a matrix product over the vocabulary. Values and gradients are those of a SparseEncoder that ends
in ``SpladePooling("max")``, but for rounding. Source: Formal et al. 2021, https://arxiv.org/abs/2109.10086
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from transformers.modeling_outputs import BaseModelOutput

from models.repeats import Features

# Tokens whose logits are held at a time: more are no faster; 60 MB for 30,522 terms in float32.
TOKENS = 512


class TermWeights(nn.Module):
    """A SparseEncoder's transformer and pooling in one: token tensors in, ``sentence_embedding`` out.

    Under autocast the body and the product with the decoder run in its precision, the head in float32.
    """

    def __init__(self, model: Any) -> None:  # noqa: ANN401  (SparseEncoder)
        super().__init__()
        self.transformer = model.transformers_model
        self._lowered: tuple[tuple[object, ...], Tensor] | None = None

    @property
    def decoder(self) -> Any:  # noqa: ANN401  (Linear)
        """The layer from states to logits."""
        return self.transformer.get_output_embeddings()

    @property
    def vocabulary(self) -> int:
        """Number of terms."""
        return len(self.decoder.weight)

    def forward(self, features: Features) -> Features:
        """Give the term weights [text, vocab], in float32."""
        states, lengths = self.states(features)
        decoder = self.decoder
        weights = _Weights.apply(states, decoder.weight, decoder.bias, lengths, self._decoder_for(states))
        return {"sentence_embedding": weights}

    def highest(self, features: Features) -> Float[Tensor, "text vocab"]:
        """Give each term's highest logit in each text; no gradient."""
        states, lengths = self.states(features)
        tops = [logits.amax(0) for _, logits in _logits(states, self._decoder_for(states), lengths)]
        return torch.stack(tops).float() + self.decoder.bias

    def states(self, features: Features) -> tuple[Float[Tensor, "packed dim"], list[int]]:
        """What the decoder is given, text after text without padding, and the length of each text."""
        body = self.transformer.base_model
        names = ("input_ids", "attention_mask", "token_type_ids")
        given = {name: features[name] for name in names if features.get(name) is not None}
        mask = features["attention_mask"].bool()
        hidden = body(**given).last_hidden_state[mask].float()
        with torch.autocast(hidden.device.type, enabled=False):
            return self._head(hidden), mask.sum(1).tolist()

    def _decoder_for(self, states: Tensor) -> Tensor:
        """The decoder's weights in the precision of the product; to lower them takes longer than a query."""
        weights: Tensor = self.decoder.weight
        precision = _precision(states)
        # The number of its changes in place: an optimizer's step is one.
        made_from = (weights.data_ptr(), weights._version, precision)  # pyright: ignore[reportPrivateUsage]
        if self._lowered is None or self._lowered[0] != made_from:
            self._lowered = made_from, weights.detach().to(precision)
        return self._lowered[1]

    def _head(self, hidden: Float[Tensor, "packed dim"]) -> Float[Tensor, "packed dim"]:
        """Run what stands between body and decoder, whatever the architecture calls it."""
        given = BaseModelOutput(last_hidden_state=hidden[None])  # pyright: ignore[reportArgumentType]
        with (
            _instead(self.transformer.base_model, lambda *_, **__: given),
            _instead(self.decoder, lambda states: states),
        ):
            return self.transformer(input_ids=None).logits[0]


@contextmanager
def _instead(module: nn.Module, forward: Callable[..., Any]) -> Generator[None]:
    module.forward = forward
    try:
        yield
    finally:
        del module.forward


def _precision(states: Tensor) -> torch.dtype:
    kind = states.device.type
    return torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else torch.float32


def _logits(states: Tensor, decoder: Tensor, lengths: Sequence[int]) -> Iterator[tuple[int, Tensor]]:
    """Give the first row and the logits [token, vocab], without bias, of one text after another."""
    states = states.detach().to(decoder.dtype)
    with torch.autocast(states.device.type, enabled=False):
        for texts in _batches(lengths):
            start, stop = sum(lengths[: texts.start]), sum(lengths[: texts.stop])
            logits = nn.functional.linear(states[start:stop], decoder)
            for length, part in zip(lengths[texts], logits.split(lengths[texts]), strict=True):
                yield start, part
                start += length


def _batches(lengths: Sequence[int]) -> Iterator[slice]:
    """Cut texts into runs of at most ``TOKENS`` tokens, or of one text.

    >>> list(_batches([500, 12, 1, 600]))
    [slice(0, 2, None), slice(2, 3, None), slice(3, 4, None)]
    """
    start, tokens = 0, 0
    for text, length in enumerate(lengths):
        if tokens and tokens + length > TOKENS:
            yield slice(start, text)
            start, tokens = text, 0
        tokens += length
    yield slice(start, len(lengths))


class _Weights(torch.autograd.Function):
    """The equation above; backwards, d w_v / d x_iv = exp(-w_v) at the token of the maximum."""

    @staticmethod
    def forward(  # noqa: PLR0913, PLR0917  (autograd's)
        ctx: Any,  # noqa: ANN401
        states: Tensor,
        decoder: Tensor,
        bias: Tensor,
        lengths: list[int],
        lowered: Tensor,
    ) -> Tensor:
        weights = states.new_zeros(len(lengths), len(decoder))
        found: list[Tensor] = []
        for text, (first, logits) in enumerate(_logits(states, lowered, lengths)):
            top = logits.amax(0).float() + bias
            terms = top.gt(0).nonzero().squeeze(1)
            weights[text, terms] = top[terms].log1p()
            tokens = first + logits[:, terms].argmax(0)
            found.append(torch.stack([terms.new_full(terms.shape, text), terms, tokens]))
        ctx.save_for_backward(states, decoder, weights, torch.cat(found, dim=1))
        return weights

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401
        states, decoder, weights, (texts, terms, tokens) = ctx.saved_tensors
        slopes = gradients[0][texts, terms] * weights[texts, terms].neg().exp()
        # Tokens may be the highest for many terms, and terms occur in many texts: a sum over pairs.
        places, shape = torch.stack([tokens, terms]), (len(states), len(decoder))
        pairs = torch.sparse_coo_tensor(places, slopes, shape, check_invariants=False)
        with torch.autocast(states.device.type, enabled=False):
            return (
                torch.sparse.mm(pairs, decoder),
                torch.sparse.mm(pairs.t(), states),
                slopes.new_zeros(len(decoder)).index_add(0, terms, slopes),
                None,
                None,
            )
