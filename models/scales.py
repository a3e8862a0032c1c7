"""What a teacher's scores are measured in: declared with the scores, for a number does not say.

The gap of 2 between two logits says that one passage is e² times as likely as the other; between two
cosines it is all there can be; between two ranks it says nothing. A loss compares gaps, so it must know.
Scores are stored raw, on the scale that their teacher declares; what a loss takes, and what makes one
scale of another, stands in ``models.targets``.
"""

from typing import Literal

ScaleName = Literal[
    "logit",
    "cosine",
    "inner_product",
    "bm25",
    "probability",
    "log_probability",
    "rank",
    "unit_range",
    "standard",
    "unknown",
]

MEANING: dict[ScaleName, str] = {
    "logit": "log-odds, or what a softmax takes: any number; a gap is a ratio of odds",
    "cosine": "between -1 and 1",
    "inner_product": "any number, in units of the model that made the vectors",
    "bm25": "0 or more: the summed weights of shared words",
    "probability": "between 0 and 1",
    "log_probability": "0 or less: the logarithm of a probability",
    "rank": "made of ranks: only the order means something",
    "unit_range": "between 0 and 1: a query's worst passage and its best",
    "standard": "standard deviations from the mean of the query's passages",
    "unknown": "not declared",
}
