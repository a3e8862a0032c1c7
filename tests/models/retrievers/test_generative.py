import numpy as np
import pytest

from models.identifiers import VIEWS, Identifiers
from models.retriever import Counted, Retriever

QUERIES = ["where does the rhine rise", "yellow metal", "what do barges carry"]


@pytest.fixture(scope="module")
def make(tiny_minder, tiny_identifiers):
    """A retriever of the tiny collection with other settings."""
    from models.generative import Generative

    generative = Generative.load(tiny_minder.folder)

    def make(**changes):
        search = generative.search.model_copy(update=changes)
        return Generative(generative.model, search, "float32").retriever(tiny_identifiers)

    return make


def by_hand(keys, row, identifiers, beta, b):
    """The score of one passage: each key in its order, place by place, then single tokens."""
    texts, lengths = {}, {}
    for place, view in enumerate(VIEWS):
        index = identifiers.views[view]
        text, starts, rows = (np.load(index.folder / f"{name}.npy") for name in ("text", "starts", "rows"))
        spans = list(zip(starts[:-1], starts[1:], rows, strict=True))
        texts[place] = [text[low : high - 1].tolist() for low, high, each in spans if each == row]
        lengths[view] = [high - low - 1 for low, high, _ in spans]
    delimiters = {identifiers.tokens.start, identifiers.tokens.end}
    covered, used, score = set(), set(), 0.0
    for number, key in enumerate(keys.tokens):
        view = int(keys.views[number])
        whole = key if VIEWS[view] == "body" else (identifiers.tokens.start, *key)
        found = 0
        for sequence, tokens in enumerate(texts[view]):
            for place in range(len(tokens) - len(whole) + 1):
                span = {(view, sequence, place + step) for step in range(len(whole))}
                if tuple(tokens[place : place + len(whole)]) == whole and not span & covered:
                    covered |= span
                    found += 1
        own = set(whole) - delimiters
        if found:
            first = 1 - beta + beta * (len(own - used) / len(own) if own else 0)
            score += keys.weight[number] * (first + (1 - beta) * (found - 1))
            used |= own
    # Each passage of the collection has one body.
    return score / (1 - b + b * lengths["body"][row] / np.mean(lengths["body"]))


@pytest.mark.parametrize("b", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("singles", [0, 5000])
@pytest.mark.parametrize("frequent", [1, 1500])
def test_a_score_is_the_definition(make, tiny_identifiers, singles, frequent, b):
    retriever = make(single_tokens=singles, frequent=frequent, length_norm=b)
    identifiers = Identifiers.open(tiny_identifiers)
    found = retriever.encode(QUERIES)
    hits = retriever.search(found, 5)
    for keys, rows, scores in zip(found, hits.rows, hits.scores, strict=True):
        for row, score in zip(rows.tolist(), scores.tolist(), strict=True):
            if row >= 0:
                assert score == pytest.approx(by_hand(keys, row, identifiers, 0.8, b), rel=1e-4)


def test_matches_add_up_to_the_score(make):
    retriever = make(single_tokens=5000)
    found = retriever.encode(QUERIES)
    for keys, rows, scores in zip(found, *vars(retriever.search(found, 4)).values(), strict=True):
        kept = [row for row in rows.tolist() if row >= 0][::-1]
        for matches, score in zip(retriever.matches(keys, kept), scores[: len(kept)][::-1], strict=True):
            shares = [share * keys.weight[key] for key, share in matches]
            assert sum(shares) == pytest.approx(score, rel=1e-4)
            assert shares == sorted(shares, reverse=True)


def test_a_passage_that_no_rare_key_names_is_not_found(make):
    retriever = make(own_words=0, single_tokens=0)
    (keys,) = retriever.encode(["yellow metal"])
    hits = retriever.search([keys], 12)
    scores = retriever.scores(keys, np.arange(12))
    assert sorted(hits.rows[0][hits.rows[0] >= 0]) == np.flatnonzero(scores).tolist()


def test_of_many_passages_the_best_are_ranked(make):
    every, some = make(), make(ranked=2)
    for whole, part in zip(every.encode(QUERIES), some.encode(QUERIES), strict=True):
        best, cut = every.search([whole], 1), some.search([part], 5)
        assert cut.rows[0, 0] == best.rows[0, 0]
        assert (cut.rows[0] >= 0).sum() == 2


def test_other_queries_beside_it_change_nothing(make):
    retriever = make(single_tokens=5000)
    alone = retriever.search(retriever.encode(QUERIES[1:2]), 5)
    together = retriever.search(retriever.encode(QUERIES), 5)
    assert alone.rows[0].tolist() == together.rows[1].tolist()
    np.testing.assert_allclose(alone.scores[0], together.scores[1], rtol=1e-3)


def test_costs_name_the_index_apart_from_the_model(make, tiny_identifiers):
    retriever = make()
    assert isinstance(retriever, Retriever)
    assert isinstance(retriever, Counted)
    assert retriever.index_bytes > Identifiers.open(tiny_identifiers).index_bytes
    assert retriever.costs() == {}
    keys = retriever.encode(QUERIES)
    assert retriever.costs() == {"keys_per_query": pytest.approx(np.mean([each.singles for each in keys]))}
