"""``python -m benchmarks.growing_collection``: memory and latency of a generator against a dense student.

The collection grows by distractors, whose sentences are those of real passages in another order; the models
stay as they are before training, since neither memory nor time asks how good they are. Each system is
measured in a process of its own, with one query at a time, and each prints one row:

    model      weights that a query passes            index     what must be kept beside them
    resident   memory of the process after searching, less what it had when Python and torch were loaded
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa

from benchmarks.material import COLLECTIONS
from data.sources.beir import BeirConfig
from tasks.ingest import IngestConfig, tabulate

SYSTEMS = ("dense", "gdr", "minder")
SIZES = (2_000, 16_000, 100_000)
LAYERS = (0, 5)
QUERIES, DEPTH = 40, 100


def main() -> None:
    """Measure every system at every size, or, in a process of its own, one of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=list(SIZES))
    parser.add_argument("--one", nargs=2, metavar=("SYSTEM", "SIZE"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        print(json.dumps(measured(given.one[0], int(given.one[1]))))
        return
    print(f"passages of {COLLECTIONS[-1].name}, then distractors of their sentences\n")
    print("| system | passages | model, MB | index, MB | resident, MB | encode, ms | search, ms |")
    print("|---|---|---|---|---|---|---|")
    for system in SYSTEMS:
        for size in given.sizes:
            command = [sys.executable, "-m", "benchmarks.growing_collection", "--one", system, str(size)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
            row = json.loads(done.stdout.splitlines()[-1])
            cells = (f"{row[name]:.1f}" for name in ("model", "index", "resident", "encode", "search"))
            print(f"| {system} | {size:,} | {' | '.join(cells)} |", flush=True)


def measured(system: str, size: int) -> dict[str, float]:
    """Sizes in MB, and median milliseconds of one query that comes alone."""
    import torch  # noqa: F401  (its libraries are no part of what is measured)

    passages, queries = collection(size)
    with tempfile.TemporaryDirectory() as folder:
        prepared = PREPARED[system](passages, Path(folder))
        before = psutil.Process().memory_info().rss
        retriever = OPENED[system](prepared)
        encode, search = [], []
        for query in queries:
            started = time.perf_counter()
            encoded = retriever.encode([query])
            between = time.perf_counter()
            retriever.search(encoded, DEPTH)
            encode.append(between - started)
            search.append(time.perf_counter() - between)
        return {
            "model": 4 * retriever.parameters / 1e6,
            "index": retriever.index_bytes / 1e6,
            "resident": (psutil.Process().memory_info().rss - before) / 1e6,
            "encode": 1e3 * float(np.median(encode)),
            "search": 1e3 * float(np.median(search)),
        }


def collection(size: int) -> tuple[pa.Table, list[str]]:
    """So many passages, the real ones first, and some queries."""
    tables = tabulate(BeirConfig(path=COLLECTIONS[-1]).read(), IngestConfig())
    titles, texts = (tables.passages[name].to_pylist() for name in ("title", "text"))
    sentences = [sentence for text in texts for sentence in text.split(". ")]
    draw = np.random.default_rng(0)
    while len(texts) < size:
        drawn = draw.choice(len(sentences), size=int(draw.integers(3, 9)))
        texts.append(". ".join(sentences[place] for place in drawn))
        titles.append(titles[int(draw.integers(len(titles)))])
    names = [f"p{row:07}" for row in range(size)]
    table = pa.table({"pid": names, "title": titles[:size], "text": texts[:size]})
    return table, tables.queries["text"].to_pylist()[:QUERIES]


def _encoder() -> Any:  # noqa: ANN401  (SentenceTransformer)
    from models.encoders.sentence_model import open_model
    from models.encoders.tower import tower
    from models.weights import fetch

    lengths = {"query_max_tokens": 32, "passage_max_tokens": 180}
    return tower(open_model(fetch("all-MiniLM-L6-v2")), LAYERS, "cosine", **lengths)


def _vectors(passages: pa.Table, folder: Path) -> Path:
    """Vectors by the encoder, in a file, so that making them leaves nothing in memory."""
    command = [sys.executable, "-c", ENCODE, str(folder), str(passages.num_rows)]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603
    return folder


ENCODE = """
import sys
from pathlib import Path
import numpy as np
from benchmarks.growing_collection import _encoder, collection
from models.encoders.text_encoder import TextEncoder
from models.clustering.hierarchical_kmeans import Splitting, hierarchical_kmeans
from models.hardware import resolve_precision
from models.texts import passage_texts
folder, size = Path(sys.argv[1]), int(sys.argv[2])
encoder = TextEncoder(_encoder(), precision=resolve_precision("auto"))
vectors = encoder.encode_passages(passage_texts(collection(size)[0]))
np.save(folder / "vectors.npy", vectors)
hierarchical_kmeans(vectors, Splitting()).tree.save(folder)
"""


def _index(passages: pa.Table, folder: Path) -> Path:
    """The index of identifiers, without pseudo-queries."""
    from data.ngrams.build import build
    from models.identifier_tokens import IdentifierTokens
    from models.identifiers import VIEWS, IdentifierConfig

    config = IdentifierConfig()
    tokens = IdentifierTokens.of_model(config.tokenizer)
    tokens.save(folder)
    for view in VIEWS:
        (folder / view).mkdir()
        texts = {"title": passages["title"], "body": passages["text"]}.get(view)
        found = texts.to_pylist() if texts is not None else []
        build(
            folder / view,
            [config.sequences(view, found, np.arange(len(found)), tokens)],
            longest=config.longest(view),
            vocabulary=tokens.size,
            vocabulary_digest=tokens.digest,
        )
    return folder


def _dense(folder: Path) -> Any:  # noqa: ANN401
    from models.encoders.text_encoder import TextEncoder
    from models.hardware import resolve_precision
    from models.retrievers.dense import DenseRetriever

    encoder = TextEncoder(_encoder(), precision=resolve_precision("auto"))
    return DenseRetriever(encoder, np.load(folder / "vectors.npy"))


def _gdr(folder: Path) -> Any:  # noqa: ANN401
    from models.clustering.cluster_tree import ClusterTree
    from models.clustering.prefix_tree import PrefixTree
    from models.coarse_course import index
    from models.encoders.coarse_model import CoarseModel, new_decoder
    from models.student import Shelf
    from models.students.gdr import GdrConfig

    config, queries = GdrConfig(name="gdr", backbone="any", decoder={"layers": 2}), _encoder()
    tree, vectors = ClusterTree.load(folder), np.load(folder / "vectors.npy")
    sizes = config.decoder.model_dump(include={"layers", "adaptor_layers", "rank"})
    decoder = new_decoder(queries, PrefixTree.of(tree), sizes, 0.0, 0)
    pids = pa.table({"pid": [str(row) for row in range(len(vectors))]})
    return index(config, CoarseModel(queries, decoder), tree, Shelf(pids, vectors), 1.0)


def _minder(folder: Path) -> Any:  # noqa: ANN401
    from models.students.minder import MinderConfig

    config = MinderConfig(name="minder", layers=LAYERS, decoder_layers=1, search={"beams": 5})
    return config.build(0).generative.retriever(folder)


PREPARED = {"dense": _vectors, "gdr": _vectors, "minder": _index}
OPENED = {"dense": _dense, "gdr": _gdr, "minder": _minder}

if __name__ == "__main__":
    main()
