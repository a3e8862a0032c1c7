import pytest

from models.encoders.sentence_model import open_model


def test_a_folder_is_opened_as_what_it_is(tiny_backbone):
    model = open_model(tiny_backbone)
    assert model.encode(["gold"]).shape == (1, 32)


def test_nothing_is_fetched_for_a_name(tmp_path):
    with pytest.raises(OSError, match=r"."):
        open_model(tmp_path / "nowhere")
