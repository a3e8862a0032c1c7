import pytest

from data.errors import StageFailed
from flows import serve
from flows.config import CONFIGS


def test_every_served_profile_has_a_configuration():
    assert [(CONFIGS / f"{profile}.toml").is_file() for profile in serve.PROFILES] == [True] * 2


def test_the_served_deployments_are_those_of_prefect_yaml():
    import yaml

    from flows.config import ROOT

    declared = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
    assert tuple(each["name"] for each in declared) == serve.PROFILES


def test_a_server_that_does_not_answer_says_what_to_try(monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setattr(serve, "PATIENCE_S", 0)
    with pytest.raises(StageFailed, match="Try another --port"):
        serve._start_server(1)
    monkeypatch.delenv("PREFECT_API_URL")
