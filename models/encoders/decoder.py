"""The part of a sequence-to-sequence model that writes, in two steps: states, and words of them.

Between the two a caller may choose whose logits it wants: of few positions, of few words. The architectures
differ in what they do there: T5 scales states (or not), BART adds a bias, BERT has one more layer.
"""

from typing import Any

import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor
from transformers import EncoderDecoderModel
from transformers.cache_utils import EncoderDecoderCache


class Decoder:
    """The decoder of a model of transformers."""

    def __init__(self, model: Any) -> None:  # noqa: ANN401
        self._model = model
        self._is_pair = isinstance(model, EncoderDecoderModel)

    @property
    def vocabulary(self) -> int:
        """How many tokens there are."""
        return int(self._model.get_output_embeddings().weight.shape[0])

    def states(
        self,
        tokens: Int64[Tensor, "row token"],
        is_token: Bool[Tensor, "row text_token"],
        memory: Float[Tensor, "row text_token _"],
        cache: EncoderDecoderCache | None = None,
    ) -> Float[Tensor, "row token dim"]:
        """State after each of ``tokens``.

        Args:
            tokens: what is written, after what the cache holds.
            is_token: where a text is read, and not padding.
            memory: states of the texts; only their shape counts if the cache holds what is made of them.
            cache: is added to.
        """
        model = self._model
        decoder = model.decoder.base_model if self._is_pair else model.get_decoder()
        return decoder(
            input_ids=tokens,
            encoder_hidden_states=memory,
            encoder_attention_mask=is_token.long(),
            past_key_values=cache,
            use_cache=cache is not None,
        ).last_hidden_state

    def logits(
        self, states: Float[Tensor, "*any dim"], tokens: Int64[Tensor, " spoken"] | None
    ) -> Float[Tensor, "*any spoken"]:
        """Logits of ``tokens``; None: of the whole vocabulary."""
        output = self._model.get_output_embeddings()
        further = getattr(self._model, "final_logits_bias", None)
        weight, bias = output.weight, output.bias if further is None else further[0]
        if tokens is not None:
            weight, bias = weight[tokens], None if bias is None else bias[tokens]
        return F.linear(self._before_words(states), weight, bias)

    def _before_words(self, states: Tensor) -> Tensor:
        if self._is_pair:
            return self._model.decoder.cls.predictions.transform(states)
        scaled = getattr(self._model.config, "scale_decoder_outputs", False)
        return states * self._model.config.d_model**-0.5 if scaled else states
