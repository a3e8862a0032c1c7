"""``python -m benchmarks.ngram_index --tokens 10000000``: what an index of n-grams costs to build and to ask.

The text is the sentences of the bundled collection in another order each time, with a tenth of the words
exchanged, so that short n-grams recur as they do in a language and long ones do not.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from data.ngrams.build import Sequences, build
from data.ngrams.index import NgramIndex

ROOT = Path(__file__).resolve().parent.parent
CORPUS = ROOT / "data" / "sample" / "corpus.jsonl"
LONGEST = 10
ASKED = 2000
# A step of a beam: 64 queries of 10 hypotheses.
ROWS = 640


def main() -> None:
    """Build, ask and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tokens", type=int, default=1_000_000)
    wanted = parser.parse_args().tokens
    sequences, vocabulary = synthetic(wanted, np.random.default_rng(0))
    before = _peak_mb()
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        header = build(
            Path(folder), [sequences], longest=LONGEST, vocabulary=vocabulary, vocabulary_digest="words"
        )
        seconds = time.perf_counter() - started
        index = NgramIndex.open(Path(folder))
        figures = {
            "tokens": header.tokens,
            "vocabulary": vocabulary,
            "n-grams of 1 to 10": header.ngrams,
            "build, s": round(seconds, 1),
            "index, MB": round(index.index_bytes / 2**20),
            "peak memory, MB": round(_peak_mb()),
            "of it before the build, MB": round(before),
        }
        print(json.dumps(figures | _asked(index), indent=1))


def synthetic(tokens: int, random: np.random.Generator) -> tuple[Sequences, int]:
    """Passages of at least so many tokens in all, and the size of their vocabulary."""
    texts = [json.loads(line)["text"].lower().split() for line in CORPUS.read_text().splitlines()]
    words = {word: number for number, word in enumerate(sorted({word for text in texts for word in text}))}
    numbers = [np.array([words[word] for word in text], dtype=np.int32) for text in texts]
    everything = np.concatenate(numbers)
    parts: list[np.ndarray] = []
    for _ in range(-(-tokens // len(everything))):
        parts += [numbers[place] for place in random.permutation(len(numbers))]
    flat = np.concatenate(parts)
    # Exchanged for another word of the collection: the frequent ones stay frequent.
    places = np.flatnonzero(random.random(len(flat)) < 0.1)
    flat[places] = random.choice(everything, len(places))
    lengths = np.array([len(part) for part in parts], dtype=np.int64)
    return Sequences(flat, lengths, np.arange(len(parts))), len(words)


def _asked(index: NgramIndex) -> dict[str, float]:
    """Microseconds of a question by the length of the n-gram, each of which stands somewhere in the text."""
    random = np.random.default_rng(1)
    places = index.places(index.everything, index.size)
    figures: dict[str, float] = {}
    for depth in (1, 2, 3, 6):
        starts = places[random.integers(0, index.size, 2 * ASKED)]
        ngrams = [found for start in starts if min(found := index.text[start : start + depth].tolist()) >= 0][
            :ASKED
        ]
        ranges = [index.range_of(ngram) for ngram in ngrams]
        depths = [depth] * len(ngrams)
        found = index.next_tokens_of(ranges, depths)
        figures |= {
            f"tokens after {depth}, mean": round(float(np.mean([len(each.tokens) for each in found])), 1),
            f"count of {depth}, µs": _each_us(index.count, ngrams),
            f"next tokens of {depth}, µs": _each_us(
                lambda ngram, depth=depth: index.next_tokens(ngram, depth), ranges
            ),
            f"next tokens of {depth} for {ROWS} at once, µs each": _each_us(
                lambda start, ranges=ranges, depths=depths: index.next_tokens_of(
                    ranges[start : start + ROWS], depths[start : start + ROWS]
                ),
                range(0, ROWS * (len(ngrams) // ROWS), ROWS),
                ROWS,
            ),
        }
    figures["next tokens of none, µs"] = _each_us(
        lambda _: index.next_tokens(index.everything, 0), range(100)
    )
    return figures


def _each_us(ask: Callable[..., object], asked: Sequence[object], at_once: int = 1) -> float:
    started = time.perf_counter()
    for one in asked:
        ask(one)
    return round((time.perf_counter() - started) / (len(asked) * at_once) * 1e6, 1)


def _peak_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
