"""A model that reads a text and writes another, and says how likely it would write any given one.

    log p(i | x) = Σ_t log p(i_t | x, i_<t)

for an identifier i of tokens i_1 … i_T and a text x. The text is read once, however many identifiers are
asked about: the keys and values that the decoder attends to are made of it once and shared. A model may be
told the few tokens that anything can be made of (``speaks``): then probabilities are shares among these, and
the most expensive layer on a CPU is a fraction of itself. What is saved is the whole model all the same.
"""

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int, Int64
from torch import Tensor
from torch.utils.checkpoint import checkpoint
from transformers import EncoderDecoderModel
from transformers.cache_utils import DynamicCache, EncoderDecoderCache

from models.encoders.decoder import Decoder
from models.encoders.writer import Attended, Writer, cache_of

Identifier = tuple[int, ...]
# Tokens of identifiers, padding included, that are decoded at once.
TOKENS_AT_ONCE = 8192


@dataclass(frozen=True)
class Memory:
    """Texts as the decoder sees them."""

    states: Float[Tensor, "text token dim"]
    is_token: Bool[Tensor, "text token"]


class Seq2Seq:
    """A sequence-to-sequence model with its tokenizer.

    Args:
        model: of transformers: T5, BART, or an encoder with a decoder (``models.encoders.seq2seq_opening``).
        tokenizer: of the texts and of the identifiers.
        max_tokens: longer texts are cut, where the tokenizer does.
    """

    def __init__(self, model: Any, tokenizer: Any, max_tokens: int) -> None:  # noqa: ANN401
        self.model = model
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        self.decoder = Decoder(model)
        self.device: torch.device = model.device
        self.tokens: Int64[Tensor, " spoken"] | None = None
        self._places: Int64[Tensor, " vocab"] | None = None

    @property
    def start(self) -> int:
        """The token that stands before all that is written."""
        return int(self.model.config.decoder_start_token_id)

    def speaks(self, tokens: Sequence[int] | Int[np.ndarray, " spoken"] | None) -> None:
        """Say what tokens identifiers are made of; None: of any. Columns of outputs are these, ascending."""
        if tokens is None:
            self.tokens = self._places = None
            return
        self.tokens = torch.as_tensor(np.unique(np.asarray(tokens, np.int64)), device=self.device)
        self._places = torch.full((self.decoder.vocabulary,), -1, device=self.device)
        self._places[self.tokens] = torch.arange(len(self.tokens), device=self.device)

    def places(self, tokens: Int64[Tensor, "*any"]) -> Int64[Tensor, "*any"]:
        """Columns of tokens in the outputs; -1 for those that are not spoken."""
        return tokens if self._places is None else self._places[tokens]

    def spoken(self, columns: Int64[Tensor, "*any"]) -> Int64[Tensor, "*any"]:
        """Tokens of columns."""
        return columns if self.tokens is None else self.tokens[columns]

    def read(self, texts: Sequence[str]) -> Memory:
        """Read texts; gradients flow where they are enabled."""
        encoded = self.tokenizer(
            list(texts), padding=True, truncation=True, max_length=self.max_tokens, return_tensors="pt"
        ).to(self.device)
        mask = encoded["attention_mask"]
        found = self.model.get_encoder()(input_ids=encoded["input_ids"], attention_mask=mask)
        return Memory(found.last_hidden_state, mask.bool())

    def log_probabilities(
        self,
        texts: Sequence[str],
        text_rows: Int64[Tensor, " identifier"],
        identifiers: Sequence[Identifier],
        *,
        recompute: bool = False,
    ) -> Float[Tensor, " identifier"]:
        """How likely each identifier is written for its text; differentiable.

        Args:
            texts: read once.
            text_rows: the text of each identifier.
            identifiers: tokens without the start; with an end where the end is part of it.
            recompute: keep nothing of the decoder for the gradients, but compute it again.
        """
        return self.token_log_probabilities(
            self.read(texts), text_rows, identifiers, recompute=recompute
        ).sum(1)

    def token_log_probabilities(
        self,
        memory: Memory,
        text_rows: Int64[Tensor, " identifier"],
        identifiers: Sequence[Identifier],
        *,
        recompute: bool = False,
    ) -> Float[Tensor, "identifier token"]:
        """Log p of every token given those before it, 0 after the end of the shorter identifiers.

        Sums of the first n are those of an identifier's beginning of n tokens; −inf is for the unspoken.
        """
        width = max(map(len, identifiers), default=0)
        parts: list[Tensor] = []
        order: list[int] = []
        attended = self.attended(memory)
        for rows in _like_lengths(identifiers):
            targets = padded([identifiers[row] for row in rows]).to(self.device)
            of_text = text_rows[torch.tensor(rows)].to(self.device)
            given = attended, memory.is_token, of_text, targets
            found = _recomputed(self._score, *given) if recompute else self._score(*given)
            parts.append(F.pad(found, (0, width - targets.shape[1])))
            order += rows
        if not parts:
            return torch.zeros(0, 0, device=self.device)
        back = torch.empty(len(order), dtype=torch.long)
        back[torch.tensor(order)] = torch.arange(len(order))
        return torch.cat(parts)[back.to(self.device)]

    def loss(
        self, texts: Sequence[str], targets: Sequence[Identifier], smoothing: float = 0.0
    ) -> Float[Tensor, ""]:
        """Cross-entropy of the targets' tokens, a mean over tokens, each text with one target.

        Args:
            texts: what is read.
            targets: what is to be written.
            smoothing: share of each token's probability that is spread over all that is spoken.
        """
        memory = self.read(texts)
        wanted = padded(targets).to(self.device)
        states = self.decoder.states(self._shifted(wanted), memory.is_token, memory.states)
        is_token = wanted >= 0
        logits = self.logits(states[is_token])
        return F.cross_entropy(logits, self.places(wanted[is_token]), label_smoothing=smoothing)

    def writer(self, texts: Sequence[str]) -> Writer:
        """Write for all texts at once, token by token, without gradients."""
        with torch.inference_mode():
            memory = self.read(texts)
            return Writer(self, self.attended(memory), memory.is_token)

    def frozen(self, precision: str) -> "Seq2Seq":
        """A copy that does not learn, with weights of ``precision``, which speaks the same tokens."""
        model = copy.deepcopy(self.model).to(getattr(torch, precision)).eval()
        found = Seq2Seq(model, self.tokenizer, self.max_tokens)
        found.speaks(None if self.tokens is None else self.tokens.cpu().numpy())
        return found

    def attended(self, memory: Memory) -> Attended:
        """Keys and values that the decoder's layers attend to, of each text; made by writing one token."""
        cache = EncoderDecoderCache(DynamicCache(), DynamicCache())
        start = torch.full((len(memory.states), 1), self.start, device=self.device)
        self.decoder.states(start, memory.is_token, memory.states, cache)
        layers: Any = cache.cross_attention_cache.layers
        return [(layer.keys, layer.values) for layer in layers]

    def step(
        self,
        tokens: Int64[Tensor, "row token"],
        is_token: Bool[Tensor, "row text_token"],
        cache: EncoderDecoderCache,
    ) -> Float[Tensor, "row token dim"]:
        """The decoder's states after ``tokens``; the cache holds what was written and what is attended."""
        # Nobody reads it: keys and values are in the cache. Its shape says how many texts there are.
        nothing = torch.zeros(*is_token.shape, 1, device=self.device)
        return self.decoder.states(tokens, is_token, nothing, cache)

    def logits(self, states: Float[Tensor, "*any dim"]) -> Float[Tensor, "*any spoken"]:
        """Logits of the tokens that are spoken."""
        return self.decoder.logits(states, self.tokens)

    def save(self, folder: Path) -> None:
        """Write a folder that ``AutoModelForSeq2SeqLM.from_pretrained`` and AutoTokenizer open."""
        state = self.model.state_dict()
        if isinstance(self.model, EncoderDecoderModel):
            # Words are shared here; whoever opens the folder has those of encoder and decoder apart.
            encoder = {name: value.clone() for name, value in state.items() if name.startswith("encoder.")}
            state = {**state, **encoder}
        self.model.save_pretrained(str(folder), state_dict=state)
        self.tokenizer.save_pretrained(str(folder))

    def _score(
        self,
        attended: Attended,
        is_token: Bool[Tensor, "text text_token"],
        of_text: Int64[Tensor, " row"],
        targets: Int64[Tensor, "row token"],
    ) -> Float[Tensor, "row token"]:
        cache = cache_of([(keys[of_text], values[of_text]) for keys, values in attended])
        states = self.step(self._shifted(targets), is_token[of_text], cache)
        written = targets >= 0
        likely = self.logits(states[written]).float().log_softmax(-1)
        places = self.places(targets[written])
        found = likely.gather(1, places.clamp_min(0)[:, None])[:, 0].masked_fill(places < 0, -torch.inf)
        return torch.zeros(targets.shape, device=self.device).masked_scatter(written, found)

    def _shifted(self, targets: Int64[Tensor, "row token"]) -> Int64[Tensor, "row token"]:
        """What the decoder has read when it is to write each target: the start, then the targets before."""
        return F.pad(targets[:, :-1].clamp_min(0), (1, 0), value=self.start)


def padded(identifiers: Sequence[Sequence[int]]) -> Int64[Tensor, "identifier token"]:
    """One row per identifier, filled up with -1.

    >>> padded([(5,), (6, 7)]).tolist()
    [[5, -1], [6, 7]]
    """
    width = max(map(len, identifiers))
    return torch.tensor([[*each, *[-1] * (width - len(each))] for each in identifiers])


def _like_lengths(identifiers: Sequence[Identifier]) -> Iterator[list[int]]:
    """Rows of identifiers, short ones first, as many at a time as may be decoded at once."""
    order = sorted(range(len(identifiers)), key=lambda row: len(identifiers[row]))
    some: list[int] = []
    for row in order:
        if some and (len(some) + 1) * len(identifiers[row]) > TOKENS_AT_ONCE:
            yield some
            some = []
        some.append(row)
    if some:
        yield some


def _recomputed(function: Callable[..., Tensor], *given: Any) -> Tensor:  # noqa: ANN401
    return cast("Tensor", checkpoint(function, *given, use_reentrant=False))
