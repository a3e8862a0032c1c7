"""The margins of a rank loss, taken from the student's own scores before it learns.

    m_base = median over lists of ( s_(1) - s_(k) ),      m_gap = m_base / 3

where s_(1) and s_(k) are the best and the k-th best score of a list, by the student as it is before training,
and k is the length of the lists that are learned. A margin means nothing but in units of the score that it is
compared with. DGR's released 300 and 100 belong to squared log-odds under one model, corpus and set of
identifiers; scores of 20 could never be so far apart, and scores of 10⁴ have always been. The ratio of 3 is
theirs.

The gap between the ends of a list is what the student tells apart by now. To ask it of neighbours is to
stretch the list by about its length, and yet of the size of its scores. The median, since in a few lists one
passage has the query word by word.
"""

import math
from collections.abc import Sequence
from statistics import median

from data.errors import ConfigError

PLACES_TO_DOUBLE = 3.0


def rank_margins(lists: Sequence[Sequence[float]], k: int) -> tuple[float, float]:
    """Give m_base and m_gap of lists of a student's scores, each in any order.

    Scores times a factor give margins times that factor; a constant added to a list changes nothing. A list
    shorter than k counts with its last.

    Args:
        lists: scores; those of a list may be all equal, but not those of every list.
        k: from 2 on.

    Raises:
        ConfigError: no list has two different scores among its first k.

    >>> rank_margins([[900.0, 600.0, 300.0], [200.0, 500.0, 100.0, 80.0], [50.0, 50.0]], k=3)
    (500.0, 166.66666666666666)
    """
    ordered = [sorted(scores, reverse=True)[:k] for scores in lists]
    gaps = [scores[0] - scores[-1] for scores in ordered if len(scores) > 1]
    gaps = [gap for gap in gaps if gap > 0 and math.isfinite(gap)]
    if not gaps:
        raise ConfigError(
            where="lists",
            found=f"{len(lists)} lists in which the base scores all passages alike",
            expected="two passages or more of different scores, which give the margins their scale",
            advice="Train the base longer, raise lists.depth, or set base_margin and gap_margin.",
        )
    base = median(gaps)
    return base, base / PLACES_TO_DOUBLE
