"""What a query generator is: passages in, queries that they answer out."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence

from models.settings import Settings


class GeneratorConfig(Settings):
    """Settings every generator shares."""

    @abstractmethod
    def generate(self, titles: Sequence[str], texts: Sequence[str], seed: int) -> Iterator[list[str]]:
        """Give the queries of each passage, in the order of the passages; a list may be empty."""
