import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.checkpoints import Checkpoint, moments, newest, set_moments, write

STATES = st.dictionaries(
    st.text(max_size=5), st.none() | st.integers() | st.floats(allow_nan=False), max_size=3
)


@given(step=st.integers(1, 10**6), state=STATES, values=st.lists(st.floats(width=32), min_size=1))
def test_what_was_written_is_read(tmp_path_factory, step, state, values):
    folder = tmp_path_factory.mktemp("kept")
    tensors = {"a": torch.tensor(values), "b.c": torch.tensor(step)}
    write(folder, Checkpoint(step, state, tensors))
    found = newest(folder)
    assert (found.step, found.state) == (step, state)
    assert found.tensors.keys() == tensors.keys()
    assert all(
        torch.equal(found.tensors[name].nan_to_num(7), tensors[name].nan_to_num(7)) for name in tensors
    )


def test_the_one_before_goes_once_the_next_is_whole(tmp_path):
    for step in (9, 10):
        write(tmp_path, Checkpoint(step, {}, {"a": torch.ones(2)}))
        assert [path.name for path in tmp_path.iterdir()] == [f"step-{step}"]


def test_tensors_that_share_memory_are_written_as_if_they_did_not(tmp_path):
    both = torch.arange(6.0)
    write(tmp_path, Checkpoint(1, {}, {"whole": both, "part": both[2:4], "turned": both.view(2, 3).T}))
    assert newest(tmp_path).tensors["turned"].tolist() == [[0, 3], [1, 4], [2, 5]]


def test_a_write_that_was_cut_off_leaves_the_checkpoint_before(tmp_path, monkeypatch):
    write(tmp_path, Checkpoint(1, {}, {"a": torch.ones(2)}))
    monkeypatch.setattr("models.checkpoints.save_file", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path, Checkpoint(2, {}, {"a": torch.ones(2)}))
    assert newest(tmp_path).step == 1


def test_no_checkpoint_is_none(tmp_path):
    assert newest(tmp_path / "nowhere") is None


def test_an_optimizer_goes_on_from_anothers_moments():
    def learner():
        torch.manual_seed(0)
        layer = torch.nn.Linear(3, 1)
        return layer, torch.optim.AdamW(layer.parameters(), lr=0.1)

    def step(layer, optimizer):
        layer(torch.ones(1, 3)).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()

    (first, optimizer), (second, other) = learner(), learner()
    step(first, optimizer)
    second.load_state_dict(first.state_dict())
    set_moments(other, {name: value.clone() for name, value in moments(optimizer).items()})
    step(first, optimizer)
    step(second, other)
    assert torch.equal(first.weight, second.weight)
