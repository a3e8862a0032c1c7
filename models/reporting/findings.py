"""What a report says in words: the result, how it was obtained, and what the marks mean."""

from typing import Any

from models.metrics import RETENTION
from models.reporting import wording
from models.reporting.leaderboard import Leaderboard


def finding(board: Leaderboard) -> str:
    """The result in a sentence or two."""
    best = board.best_student()
    if best is None:
        first = board.lines[0]
        return f"{first.name} leads with {board.main} {first.values[board.main]}."
    seeds = f" (mean of {best.seeds} seeds)" if best.seeds > 1 else ""
    said = [f"The best student, {best.name}, reaches {board.main} {best.values[board.main]}{seeds}"]
    row = board.compared(best.name)
    if row:
        said.append(f", {against(row)}")
    if RETENTION in best.values:
        share = 100 * best.values[RETENTION].mean
        said.append(f". On the same passages it retains {share:.1f} % of its teacher's quality")
    return "".join(said) + "."


def against(row: dict[str, Any]) -> str:
    """A comparison in words: difference, p-value as found and after Holm's correction."""
    return (
        f"{wording.signed(row['difference'])} against {row['control']} "
        f"(p {_is(row['p_value'])}; with Holm's correction p {_is(row['p_holm'])})"
    )


def verdict(row: dict[str, Any]) -> str:
    """Whether a system beats its control, after Holm's correction.

    >>> verdict({"difference": 0.02, "p_holm": 0.2})
    'not shown to differ from it'
    """
    if row["p_holm"] >= wording.SIGNIFICANT:
        return "not shown to differ from it"
    return "beats it" if row["difference"] > 0 else "is beaten by it"


def _is(p: float) -> str:
    text = wording.p_value(p)
    return text if text.startswith("<") else f"= {text}"


def legend(board: Leaderboard) -> str:
    """What the marks stand for."""
    return (
        f"† p < {wording.decimal(wording.SIGNIFICANT, 2)}, ‡ p < {wording.decimal(wording.VERY, 2)}: "
        f"differs from {board.control} (paired randomisation test, two-sided, over {board.queries:,} "
        "queries; Holm's correction over the systems of each measure). ± is the standard deviation over "
        "seeds."
    )


def methods(board: Leaderboard) -> dict[str, str]:
    """How each number was made, by what it is called."""
    return {
        "Measures": f"{', '.join(board.measures)} by ir_measures, over all {board.queries:,} judged "
        f"queries of the split {board.split}; a query without hits counts 0. Equal scores are ordered "
        "by pid.",
        "Seeds": "A student is the mean over its seeds; for the tests its value on a query is the mean "
        "over seeds too, so that a query counts once.",
        "Significance": f"Each system against {board.control}, by the paired two-sided randomisation "
        "test on the values per query; p-values within one measure are corrected by Holm's method.",
        "Retention": "nDCG@10 of a student over nDCG@10 of its teacher, both on the student's own best "
        "passages. It may exceed 100 %. There is none where the teacher does not know all of them, such as a "
        "file of scores.",
        "Teachers": "They re-rank the passages that the miners found, and cannot find others. Their time "
        "is that of scoring all pairs in one go, divided by the queries: an ensemble's is its members', "
        "one after another; a file's is not known. Pairs that a file lacks are left out, not filled "
        "in. What an ensemble's rule takes of a query, it takes of the passages that it ranks.",
        "Latency": "Median time of one query that comes alone, over the first hundred queries, on the "
        "machine of the run: encoding and searching apart.",
        "Parameters": "Weights of the query encoder. The index is what must be in memory besides.",
        "Answer key": "Positives are the judged passages and, of a generated query, its source passage; "
        "all other scored passages count as negatives.",
    }
