from safetensors.torch import load_file, save_file

from models.gate.new_head import new_head, new_parameters


def test_a_head_that_the_file_lacks_is_named(cross_encoders):
    assert new_head(cross_encoders["headless"]) == ["classifier.bias", "classifier.weight"]


def test_a_checkpoint_that_holds_its_head_has_nothing_new(cross_encoders):
    assert new_head(cross_encoders["whole"]) == []
    assert new_parameters([]).value == 0


def test_a_head_of_another_shape_is_new_too(cross_encoders, tmp_path):
    for path in cross_encoders["whole"].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    tensors = load_file(tmp_path / "model.safetensors")
    tensors["classifier.weight"] = tensors["classifier.weight"].repeat(3, 1)
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    assert new_head(tmp_path) == ["classifier.weight"]


def test_the_loaders_own_warning_is_not_printed_as_well(cross_encoders, capsys):
    new_head(cross_encoders["headless"])
    assert "MISSING" not in capsys.readouterr().err
