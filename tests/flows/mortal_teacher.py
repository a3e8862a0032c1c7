"""A teacher that other processes can import, and one of them ends by kill -9 while it scores."""

import os
import signal
import time
from pathlib import Path

import numpy as np

from models.teacher import TeacherConfig


class MortalConfig(TeacherConfig):
    """``folder``: where it writes what it is asked. In the ask ``dies_at`` its process dies, once."""

    folder: str
    dies_at: int | None = None

    def load(self, weights, queries, passages):
        return Mortal(self, queries, passages)


class Mortal:
    def __init__(self, config, queries, passages):
        self.config, self.queries, self.passages = config, queries, passages

    def score(self, query_rows, passage_rows):
        folder = Path(self.config.folder)
        pairs = [f"{q} {p}" for q, p in zip(query_rows.tolist(), passage_rows.tolist(), strict=True)]
        (folder / f"{time.time_ns()}-{os.getpid()}").write_text("\n".join(pairs))
        time.sleep(0.05)
        if self.config.dies_at is not None and len([*folder.iterdir()]) >= self.config.dies_at:
            try:
                (folder.parent / "died").touch(exist_ok=False)
                os.kill(os.getpid(), signal.SIGKILL)
            except FileExistsError:
                pass  # it dies once
        texts = zip(query_rows.tolist(), passage_rows.tolist(), strict=True)
        return np.float32([len(self.queries[q]) / (1 + len(self.passages[p])) for q, p in texts])

    def facts(self):
        return {}

    def work_as(self, facts):
        pass


def refuse(piece, first):
    from data.errors import ConfigError

    raise ConfigError(where="runner", found=f"piece {piece}", expected="none", advice="Leave it out.")


def first_of(piece, first):
    return piece, first, os.getpid()
