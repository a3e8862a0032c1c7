"""Scores of pairs of texts, kept for good: asked again, under whatever ids, it is not scored again."""
