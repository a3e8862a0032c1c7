from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.encoders.ranker import Reading
from models.losses.word_levels import Towers, attention_level, hidden_level, sides

DIRECTIONS = ("query_to_passage", "passage_to_query", "both")


def drawn(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def made(seed=0, dim=4):
    """One pair: [CLS] a b [SEP] in the query, [CLS] c d e [SEP] in the passage; the ranker cuts d in two."""
    towers = Towers(
        query_states=drawn(1, 4, dim, seed=seed),
        query_places=torch.tensor([[-1, 0, 1, -1]]),
        passage_states=drawn(1, 5, dim, seed=seed + 1),
        passage_places=torch.tensor([[-1, 0, 1, 2, -1]]),
    )
    # [CLS] a b [SEP] c d d e [SEP]
    reading = Reading(
        attention=(2 * drawn(1, 9, 9, seed=seed + 2)).softmax(dim=-1),
        states=drawn(1, 9, dim, seed=seed + 3),
        query_places=torch.tensor([[-1, 0, 1, -1, -1, -1, -1, -1, -1]]),
        passage_places=torch.tensor([[-1, -1, -1, -1, 0, 1, 1, 2, -1]]),
    )
    return towers, reading


def worked(towers, reading, *, turned):
    """Query to passage, or the other way, with loops."""
    own_rows, own_keys = towers.query_states[0, 1:3], towers.passage_states[0, 1:4]
    rows, keys = [[1], [2]], [[4], [5, 6], [7]]
    if turned:
        own_rows, own_keys, rows, keys = own_keys, own_rows, keys, rows
    total = 0.0
    for row, pieces in enumerate(rows):
        own = torch.stack([own_rows[row] @ key / 2 for key in own_keys]).softmax(dim=0)  # √4
        theirs = torch.zeros(len(keys))
        for piece in pieces:
            seen = torch.stack([reading.attention[0, piece, key].sum() for key in keys])
            theirs += seen / seen.sum() / len(pieces)
        total += ((own - theirs) ** 2).sum().item() / len(rows)
    return total


@given(st.integers(0, 30))
def test_attention_in_each_direction_is_what_loops_give(seed):
    towers, reading = made(seed)
    query, passage = sides(towers, reading)
    there, back = (worked(towers, reading, turned=turned) for turned in (False, True))
    found = [attention_level(query, passage, reading, each).item() for each in DIRECTIONS]
    assert found == pytest.approx([there, back, (there + back) / 2], rel=1e-4)


def test_the_directions_differ():
    towers, reading = made()
    found = {attention_level(*sides(towers, reading), reading, each).item() for each in DIRECTIONS}
    assert len(found) == 3


@given(st.integers(0, 30), st.floats(0.1, 0.9))
def test_what_goes_to_special_tokens_does_not_matter(seed, share):
    towers, reading = made(seed)
    query, passage = sides(towers, reading)
    more = reading.attention * (1 - share)
    more[:, :, 0] += share  # a sink, as real rankers have it
    plain = attention_level(query, passage, reading, "both").item()
    assert attention_level(query, passage, replace(reading, attention=more), "both").item() == pytest.approx(
        plain, abs=1e-5
    )


def test_hidden_states_of_words_are_compared_where_both_have_them():
    towers, reading = made()
    # The ranker's states are the retriever's, in both pieces of d alike: nothing is left to learn.
    states = torch.zeros(1, 9, 4)
    states[0, [1, 2]] = towers.query_states[0, 1:3]
    states[0, [4, 5, 6, 7]] = towers.passage_states[0, [1, 2, 2, 3]]
    same = replace(reading, states=states)
    query, passage = sides(towers, same)
    assert hidden_level(query, passage, same, torch.nn.Identity()).item() == pytest.approx(0, abs=1e-9)
    assert hidden_level(query, passage, reading, torch.nn.Identity()).item() > 0.5


def test_a_text_without_words_adds_nothing():
    towers, reading = made()
    empty = replace(towers, passage_places=torch.full((1, 5), -1))
    query, passage = sides(empty, reading)
    assert attention_level(query, passage, reading, "both").item() == 0
    assert torch.isfinite(hidden_level(query, passage, reading, torch.nn.Identity()))


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_the_gradient_reaches_both_towers_and_not_the_ranker(direction):
    towers, reading = made()
    attention, states = reading.attention.requires_grad_(), reading.states.requires_grad_()
    own = [towers.query_states.requires_grad_(), towers.passage_states.requires_grad_()]
    query, passage = sides(towers, reading)
    loss = attention_level(query, passage, reading, direction)
    (loss + hidden_level(query, passage, reading, torch.nn.Identity())).backward()
    assert all(each.grad.any() for each in own)
    assert attention.grad is None
    assert states.grad is None
