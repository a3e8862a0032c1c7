"""What a teacher is asked: all that was mined, or only the best of it where an answer is dear."""

from pydantic import Field, PositiveInt

from models.settings import Settings


class Asked(Settings):
    """Which pairs of the collection a teacher answers; known answers always, mined or not."""

    depth: PositiveInt | None = Field(
        default=None, description="Only so many best passages of each miner; None: all that were mined."
    )
    generated: bool = Field(default=True, description="Whether generated queries are asked too.")
