"""Where the trainings of a stage are kept, so that a stage that is cut off can go on.

A stage may have several trainings, one after the other, and work between them that starts from where one
ended, such as mining. Each has a folder, and its end is kept when the next begins: a stage that is run again
repeats the work between, and takes from the folders what was learned (``models.resuming``).
"""

from collections.abc import Callable
from pathlib import Path


class Resumption:
    """The trainings of one stage, in their order.

    Args:
        folder: outlives the process; whoever publishes what the stage made removes it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        self._keep_last: Callable[[], None] | None = None

    def begin(self) -> Path:
        """End the training before, and give the folder of the next."""
        if self._keep_last is not None:
            self._keep_last()
        self._count += 1
        return self._folder / str(self._count)

    def at_end(self, keep: Callable[[], None]) -> None:
        """Name what keeps the training that has begun, should another follow."""
        self._keep_last = keep
