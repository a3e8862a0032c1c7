"""What the folder of an index of n-grams holds, and what its header says of it.

header.json         version, sizes, the vocabulary's digest; sealed
text.npy            all tokens, after each sequence one ``END``                   [place]
suffixes.npy        places of the tokens, ordered by what is read from there on   [suffix]
starts.npy          place of each sequence's first token, then the length of text [sequence + 1]
rows.npy            row of the passage that each sequence belongs to              [sequence]
firsts.npy          suffixes that begin with token v: firsts[v] … firsts[v + 1]   [vocab + 1]
pairs.npy           pairs of tokens that begin with v: pairs[v] … pairs[v + 1]    [vocab + 1]
pair_tokens.npy     second token of each pair                                     [pair]
pair_starts.npy     first suffix of each pair                                     [pair]
"""

from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from data.errors import ArtifactDamaged
from data.seals import sealed, unsealed

# Stands in the text after a sequence; below every token, so that it is read first.
END = -1
HEADER = "header.json"
IntArray = npt.NDArray[np.integer]


class Header(BaseModel):
    """What an index says of itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["n-grams"] = "n-grams"
    version: Literal[1] = 1
    tokens: int
    sequences: int
    # Distinct n-grams of one to ``longest`` tokens.
    ngrams: int
    pairs: int
    longest: int
    vocabulary: int
    vocabulary_digest: str

    def lengths(self) -> dict[str, int]:
        """Length of every array of the folder."""
        return {
            "text": self.tokens + self.sequences,
            "suffixes": self.tokens,
            "starts": self.sequences + 1,
            "rows": self.sequences,
            "firsts": self.vocabulary + 1,
            "pairs": self.vocabulary + 1,
            "pair_tokens": self.pairs,
            "pair_starts": self.pairs,
        }


def write(folder: Path, header: Header, arrays: dict[str, IntArray]) -> None:
    """Write the arrays, the header last."""
    for name, values in arrays.items():
        np.save(folder / f"{name}.npy", values)
    (folder / HEADER).write_bytes(sealed(header.model_dump_json(indent=1).encode()))


def read(folder: Path) -> tuple[Header, dict[str, IntArray]]:
    """Open what ``write`` wrote; the arrays stay on the disk until they are looked at.

    Raises:
        ArtifactDamaged: the header has other bytes or another version, or an array another length.
    """
    header = _header(folder / HEADER)
    arrays = {name: _array(folder / f"{name}.npy", length) for name, length in header.lengths().items()}
    return header, arrays


def _header(path: Path) -> Header:
    try:
        return Header.model_validate_json(unsealed(path.read_bytes()))
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split())
        raise _damaged(path, f"an unusable header ({said[:200]})", "that of an index, version 1") from error


def _array(path: Path, length: int) -> IntArray:
    try:
        # A plain array over the mapped file: numpy's own class makes every look at one element dear.
        found: IntArray = np.load(path, mmap_mode="r").view(np.ndarray)
    except (OSError, ValueError) as error:
        raise _damaged(path, f"no readable array ({error})", f"{length} integers") from error
    if found.shape != (length,) or not np.issubdtype(found.dtype, np.integer):
        raise _damaged(path, f"{found.dtype} {list(found.shape)}", f"{length} integers")
    return found


def _damaged(path: Path, found: str, expected: str) -> ArtifactDamaged:
    return ArtifactDamaged(f"{path}: found {found}; expected {expected}. Build the index anew.")
