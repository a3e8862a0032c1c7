"""A generative student as a teacher: how well what it would call the answer fits a passage.

    score(q, p) = Σ_k c_k(p) · w_k

over the keys k that the model writes for q, as in retrieval (``models.retrievers.generative``), but for the
passages that are asked about, whether a key finds them or not. Keys are written once per query. The index
knows passages by their rows, so that texts are given in the order of its rows.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from data.errors import ConfigError
from models.retriever import Rows, Scores
from models.retrievers.generative import GenerativeRetriever


class GenerativeTeacher:
    """A retriever that scores pairs.

    Args:
        retriever: of the passages.
        queries: texts that ``query_rows`` will count.
        passages: all passages of the index, in the order of its rows.

    Raises:
        ConfigError: there are more passages than the index has rows for.
    """

    def __init__(
        self, retriever: GenerativeRetriever, queries: Sequence[str], passages: Sequence[str]
    ) -> None:
        if retriever.rows > len(passages):
            raise ConfigError(
                where="index of identifiers",
                found=f"{retriever.rows} passages",
                expected=f"the {len(passages)} that are to be scored, in their order",
                advice="Make the index of the collection that the teacher is asked about.",
            )
        self._retriever = retriever
        self._queries = list(queries)

    def score(self, query_rows: Rows, passage_rows: Rows) -> Scores:
        """Score of each pair (queries[query_rows[i]], passages[passage_rows[i]]), higher is better."""
        scores = np.zeros(len(query_rows), dtype=np.float32)
        asked, place = np.unique(query_rows, return_inverse=True)
        keys = self._retriever.encode([self._queries[row] for row in asked.tolist()])
        for number, each in enumerate(keys):
            pairs = np.flatnonzero(place == number)
            rows, back = np.unique(passage_rows[pairs], return_inverse=True)
            scores[pairs] = self._retriever.scores(each, rows)[back]
        return scores

    def facts(self) -> dict[str, str]:
        """Nothing was chosen here."""
        return {}

    def work_as(self, facts: Mapping[str, str]) -> None:
        """Nothing: there is one way to score."""
