"""Ctrl-C and SIGTERM: a run that is stopped ends in order, and says that the next one goes on from there.

Locks die with their process, and what is committed stays: shards of scores, checkpoints of a training, whole
artifacts. So nothing has to be saved at the end; the draft of the stage is removed, the run is recorded as
Crashed by Prefect, and the exit code is the shell's for the signal.
"""

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

BY_CTRL_C, BY_SIGTERM = 128 + signal.SIGINT, 128 + signal.SIGTERM


class Terminated(KeyboardInterrupt):
    """The process was sent SIGTERM."""


@contextmanager
def terminable() -> Generator[None]:
    """Let SIGTERM end the block as Ctrl-C does, instead of the process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(number: int, frame: FrameType | None) -> None:
    del number, frame
    raise Terminated


def exit_code(stopped: KeyboardInterrupt) -> int:
    """The shell's code for a process that a signal ended.

    >>> exit_code(KeyboardInterrupt()), exit_code(Terminated())
    (130, 143)
    """
    return BY_SIGTERM if isinstance(stopped, Terminated) else BY_CTRL_C
