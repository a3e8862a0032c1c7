import pytest
from pydantic import ValidationError

from data.digests import FileDigests
from data.errors import ConfigError
from data.identity import canonical
from data.spreading import offered
from flows import runners
from flows.runners import RunnerConfig, environments, spreading


def test_the_runner_enters_no_address(tmp_path):
    chosen = RunnerConfig(kind="dask", workers=7, address="tcp://host:8786")
    assert canonical(chosen, FileDigests(tmp_path / "digests.json")) == {}


def test_nobody_maps_in_a_local_run():
    with spreading(RunnerConfig()):
        assert offered() is None


def test_cores_are_shared_and_every_worker_sees_one_gpu(monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    found = environments(3, gpus=2, cores=8)
    assert {each["OMP_NUM_THREADS"] for each in found} == {"2"}
    assert [each["CUDA_VISIBLE_DEVICES"] for each in found] == ["0", "1", "0"]


def test_gpus_are_those_that_the_run_may_see(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    assert [each["CUDA_VISIBLE_DEVICES"] for each in environments(2, gpus=2)] == ["3", "5"]


@pytest.mark.parametrize("kind", ["dask", "ray"])
def test_a_runner_whose_package_is_missing_says_how_to_install_it(monkeypatch, kind):
    monkeypatch.setattr(runners, "find_spec", lambda name: None)
    message = rf"runner.kind: found '{kind}', without the package prefect-{kind}; .* -e '.\[{kind}\]'"
    with pytest.raises(ConfigError, match=message):
        spreading(RunnerConfig(kind=kind))


def test_an_unknown_kind_names_those_there_are():
    with pytest.raises(ValidationError, match="'local', 'dask' or 'ray'"):
        RunnerConfig.model_validate({"kind": "spark"})
