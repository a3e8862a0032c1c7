"""Prompts through a causal model, and the odds of two words after each.

Prompts of like length pass together, so many tokens at a time, padded on the left: the last position is
then the last of every prompt, and the head is computed there alone, not for [batch, length, vocabulary].
Positions are counted from a prompt's first token, so that padding moves nothing.
"""

from collections.abc import Mapping, Sequence
from itertools import starmap
from typing import Any

import numpy as np
import torch
from torch import Tensor

from data.errors import ConfigError
from data.progress import meter
from models.encoders.inference import BATCH_TOKENS, WINDOW, batch_slices
from models.retriever import Rows, Scores


def one_token(tokenizer: Any, word: str, field: str) -> int:  # noqa: ANN401  (a tokenizer of transformers)
    """The token that ``word`` is.

    Raises:
        ConfigError: it is several, or one that the tokenizer does not know.
    """
    tokens = tokenizer(word, add_special_tokens=False)["input_ids"]
    if len(tokens) == 1 and tokens[0] != tokenizer.unk_token_id:
        return int(tokens[0])
    raise ConfigError(
        where=f"teachers.{field} = {word!r}",
        found="the tokens " + (" ".join(map(repr, tokenizer.convert_ids_to_tokens(tokens))) or "of nothing"),
        expected="exactly one that the tokenizer knows",
        advice=f"Try {word.strip()!r}, {' ' + word.strip()!r} or {word.strip().capitalize()!r}.",
    )


class Prompts:
    """Turns pairs of texts into the tokens of prompts; a prompt that is too long loses the passage's end."""

    def __init__(self, tokenizer: Any, parts: Sequence[str], limit: int) -> None:  # noqa: ANN401
        self.tokenizer = tokenizer
        self.parts = parts
        self.limit = limit
        # What stands before a text that is whole (a mark of its beginning); what would follow must not.
        plain = self._tokens("a")
        marked = tokenizer("a")["input_ids"]
        self.front: list[int] = marked[: marked.index(plain[0])]

    def whole(self, query: str, passage: str) -> list[int]:
        """Tokens of one prompt, however long."""
        # Part by part: texts may hold braces, and even the names of the fields.
        given = {"{query}": query, "{passage}": passage}
        return self.front + self._tokens("".join(given.get(part, part) for part in self.parts))

    def tokens(self, query: str, passage: str) -> list[int]:
        """Tokens of one prompt, ``limit`` at most.

        Raises:
            ConfigError: the prompt is too long without any passage.
        """
        found = self.whole(query, passage)
        if len(found) <= self.limit:
            return found
        ends = [end for _, end in self._offsets(passage)]
        keep = len(ends)
        while len(found) > self.limit and keep:
            # Tokens at the seams may merge anew, so that one cut can be too little.
            keep = max(keep - (len(found) - self.limit), 0)
            found = self.whole(query, passage[: ends[keep - 1]] if keep else "")
        if len(found) > self.limit:
            raise self._too_long(query, len(found))
        return found

    def check_room(self, queries: Sequence[str]) -> None:
        """Refuse queries that leave no room for a passage, before anything is scored.

        Raises:
            ConfigError: the prompt of a query is too long without any passage.
        """
        most = self.limit - len(self.whole("", ""))
        # A letter is four bytes at most and a token one or more: the others need not be counted.
        for query in (each for each in queries if 4 * len(each) >= most):
            if (size := len(self.whole(query, ""))) >= self.limit:
                raise self._too_long(query, size)

    def _too_long(self, query: str, size: int) -> ConfigError:
        return ConfigError(
            where=f"the query {query[:60]!r}",
            found=f"a prompt of {size} tokens without any passage",
            expected=f"fewer than {self.limit}, so that a passage has room",
            advice="Raise max_tokens, shorten the prompt, or leave the query out.",
        )

    def _tokens(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]

    def _offsets(self, text: str) -> list[tuple[int, int]]:
        encoded = self.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
        return encoded["offset_mapping"]


class LlmRerankerTeacher:
    """A model, its prompts, and the texts of a collection."""

    def __init__(  # noqa: PLR0913  (a model, how it is asked, and about what)
        self,
        model: Any,  # noqa: ANN401  (a causal model of transformers)
        prompts: Prompts,
        answers: tuple[int, int],
        queries: Sequence[str],
        passages: Sequence[str],
        *,
        batch_tokens: int | None = None,
    ) -> None:
        self.model = model
        self.prompts = prompts
        self.answers = answers
        self.queries = queries
        self.passages = passages
        self.device: str = model.device.type
        self.batch_tokens = batch_tokens or BATCH_TOKENS.get(self.device, BATCH_TOKENS["cuda"])

    def score(self, query_rows: Rows, passage_rows: Rows) -> Scores:
        """Log-odds of yes for each pair."""
        pairs = list(zip(query_rows.tolist(), passage_rows.tolist(), strict=True))
        texts = [(self.queries[query], self.passages[passage]) for query, passage in pairs]
        order = np.argsort([-len(query) - len(passage) for query, passage in texts], kind="stable")
        scores = np.empty(len(texts), dtype=np.float32)
        with meter("asking", "pair", len(texts)) as bar:
            for start in range(0, len(order), WINDOW):
                window = order[start : start + WINDOW]
                prompts = list(starmap(self.prompts.tokens, (texts[row] for row in window)))
                lengths = np.array([len(prompt) for prompt in prompts])
                longest_first = np.argsort(-lengths, kind="stable")
                for some in batch_slices(lengths[longest_first], self.batch_tokens):
                    rows = longest_first[some]
                    scores[window[rows]] = self._odds([prompts[row] for row in rows])
                    bar.update(len(rows))
        return scores

    @torch.inference_mode()
    def _odds(self, prompts: Sequence[list[int]]) -> Scores:
        longest = max(map(len, prompts))
        # The token that fills is masked, so that any will do.
        tokens = torch.tensor([[0] * (longest - len(prompt)) + prompt for prompt in prompts])
        mask = torch.tensor([[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts])
        positions = (mask.cumsum(1) - 1).clamp(min=0)
        last: Tensor = (
            self.model(
                input_ids=tokens.to(self.device),
                attention_mask=mask.to(self.device),
                position_ids=positions.to(self.device),
                use_cache=False,
                logits_to_keep=1,
            )
            .logits[:, -1]
            .float()
        )
        yes, no = self.answers
        return (last[:, yes] - last[:, no]).cpu().numpy()

    def facts(self) -> dict[str, str]:
        """How pairs were scored."""
        return {"precision": str(self.model.dtype).removeprefix("torch."), "engine": "transformers"}

    def work_as(self, facts: Mapping[str, str]) -> None:
        """Nothing was chosen by measuring."""
