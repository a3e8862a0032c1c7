"""``make bench``: every measurement as one table. Ratios hold across machines, rates do not."""

import os

os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")

from benchmarks.inference import Result, encoding, scoring
from benchmarks.material import COLLECTIONS, pairs_of, queries_of
from benchmarks.small_query_encoder import query_encoding


def main() -> None:
    """Measure and print."""
    pairs = [pair for folder in COLLECTIONS for pair in pairs_of(folder)]
    texts = sorted({passage for _, passage in pairs})
    names = ", ".join(folder.name for folder in COLLECTIONS)
    print(f"{len(pairs)} pairs and {len(texts)} passages of {names}\n")
    print("| what | sentence-transformers | here | ratio | agreement |")
    print("|---|---|---|---|---|")
    for result in (scoring(pairs), encoding(texts)):
        print(_line(result))
    queries = [query for folder in COLLECTIONS for query in queries_of(folder)]
    print(f"\nEncoding {len(queries)} queries, queries/s\n")
    print("| by | MiniLM, 6 layers | 2 of them | ratio |")
    print("|---|---|---|---|")
    for speed in query_encoding(queries):
        rates = f"{speed.whole_per_s:.0f} | {speed.cut_per_s:.0f}"
        print(f"| {speed.engine} | {rates} | {speed.ratio:.2f} |")


def _line(result: Result) -> str:
    rates = (f"{rate:.1f} {result.unit}/s" for rate in (result.library_per_s, result.ours_per_s))
    return f"| {result.what} | {' | '.join(rates)} | {result.ratio:.1f} | {result.agreement} |"


main()
