"""The list-wise losses of sentence-transformers, which score pairs with a CrossEncoder, on given scores."""

import torch


class GivenScores:
    """Stands for a CrossEncoder: its passages are places in a table of scores."""

    num_labels = 1
    device = torch.device("cpu")

    def __init__(self, scores):
        self.scores = scores

    def preprocess(self, pairs, prompt=None, task=None):
        return {"place": torch.tensor([place for _, place in pairs])}

    def __call__(self, tokens):
        return {"scores": self.scores.reshape(-1)[tokens["place"]]}


def of_library(kind, student, teacher, **options):
    """What a loss of the library gives for scores [query, candidate]."""
    queries, length = student.shape
    places = [[row * length + column for column in range(length)] for row in range(queries)]
    loss = kind(GivenScores(student), **options)
    return loss([[f"q{row}" for row in range(queries)], places], list(teacher))
