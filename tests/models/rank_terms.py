"""A loss of lists, of which a test says only what matters to it."""

from models.rank_distillation import RankTerms


def rank_terms(**changes):
    """DGR's margins and weights, but for ``changes``."""
    given = {
        "loss": "distilled_ranknet",
        "base_margin": 300.0,
        "gap_margin": 100.0,
        "first_weight": 3.0,
        "normalisation": "z",
        "temperature": 1.0,
        "generation_weight": 2.0,
        "recompute": False,
    }
    return RankTerms(**given | changes)
