"""How a text becomes tokens of an identifier, wherever it stands.

A word has the same tokens at the start of a text as within it, for every text is read with a space before it:
tokenizers of BART's and T5's kind take the space into the word, those of BERT's kind drop it. Special tokens
in a text are read as the letters they are written with. Two of them delimit what must be whole: the first
that the tokenizer has of bos, cls and pad begins it, and of eos and sep ends it.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from data.digests import digest_of
from data.errors import ArtifactDamaged, ConfigError
from models.weights import fetch

TOKENIZER = "tokenizer.json"
DELIMITERS = "delimiters.json"
STARTS, ENDS = ("bos", "cls", "pad"), ("eos", "sep")


class IdentifierTokens:
    """A tokenizer, without what a model would add to a text, and the delimiters of whole identifiers."""

    def __init__(self, backend: Any, start: int, end: int) -> None:  # noqa: ANN401  (tokenizers.Tokenizer)
        self._backend = backend
        self._backend.no_truncation()
        self._backend.no_padding()
        self._backend.encode_special_tokens = True
        self.start, self.end = start, end
        vocabulary = self._backend.get_vocab(with_added_tokens=True)
        self.size = max(vocabulary.values()) + 1
        self.digest = vocabulary_digest(vocabulary)

    @staticmethod
    def of_model(name: str) -> "IdentifierTokens":
        """Take the tokenizer of a model.

        Raises:
            ConfigError: it is not a fast one, or has no special tokens that could delimit an identifier.
        """
        from transformers import AutoTokenizer

        tokenizer: Any = AutoTokenizer.from_pretrained(fetch(name))
        start, end = (
            next(
                (found for role in roles if (found := getattr(tokenizer, f"{role}_token_id")) is not None),
                None,
            )
            for roles in (STARTS, ENDS)
        )
        if start is None or end is None or start == end or not tokenizer.is_fast:
            raise ConfigError(
                where=f"tokenizer of {name!r}",
                found=f"{start} to begin and {end} to end an identifier with"
                + ("" if tokenizer.is_fast else ", and no tokenizer.json"),
                expected=f"two special tokens, one of {', '.join(STARTS)} and one of {', '.join(ENDS)}",
                advice="Use the tokenizer of a BERT, BART or T5 model.",
            )
        copy = type(tokenizer.backend_tokenizer).from_str(tokenizer.backend_tokenizer.to_str())
        return IdentifierTokens(copy, start, end)

    @staticmethod
    def open(folder: Path) -> "IdentifierTokens":
        """Open what ``save`` wrote.

        Raises:
            ArtifactDamaged: a file is missing or cannot be read.
        """
        from transformers import PreTrainedTokenizerFast

        try:
            delimiters = json.loads((folder / DELIMITERS).read_bytes())
            backend = PreTrainedTokenizerFast(tokenizer_file=str(folder / TOKENIZER)).backend_tokenizer
            return IdentifierTokens(backend, delimiters["start"], delimiters["end"])
        except Exception as error:  # the library raises bare exceptions
            msg = (
                f"{folder}: found no readable tokenizer ({error}); expected {TOKENIZER} and {DELIMITERS}. "
                "Build the index anew."
            )
            raise ArtifactDamaged(msg) from error

    def save(self, folder: Path) -> None:
        """Write the tokenizer and the delimiters; no path and no name of the model is among it."""
        (folder / TOKENIZER).write_text(self._backend.to_str(pretty=True), encoding="utf-8")
        (folder / DELIMITERS).write_text(json.dumps({"start": self.start, "end": self.end}))

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Tokens of each text, as they stand within a longer one; neither delimiter is among them."""
        delimiters = (self.start, self.end)
        led = [f" {text}" if (text := each.strip()) else "" for each in texts]
        found = self._backend.encode_batch_fast(led, add_special_tokens=False)
        return [[token for token in each.ids if token not in delimiters] for each in found]

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of an identifier, without its delimiters."""
        shown = [token for token in tokens if token not in (self.start, self.end)]
        return self._backend.decode(shown, skip_special_tokens=False).strip()


def vocabulary_digest(vocabulary: Mapping[str, int]) -> str:
    """Digest of which token has which number: ``tokenizer.get_vocab()``.

    >>> vocabulary_digest({"the": 1, "rhine": 2}) == vocabulary_digest({"rhine": 2, "the": 1})
    True
    """
    return digest_of(dict(vocabulary), 32)
