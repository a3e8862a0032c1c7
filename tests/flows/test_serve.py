import pytest

from data.errors import StageFailed
from flows import serve


def test_the_served_deployments_are_those_of_prefect_yaml(tmp_path):
    served = {f"{each.flow_name}/{each.name}": each for each in serve.served(str(tmp_path))}
    assert set(served) >= {"distill-pipeline/sample", "distill-pipeline/nq", "distill-stage/train_student"}
    assert len(served) == len(serve.declared())
    assert {each.parameters["artifacts"] for each in served.values()} == {str(tmp_path)}
    assert served["distill-stage/ingest"].parameters["stage"] == "ingest"


def test_a_server_that_does_not_answer_says_what_to_try(monkeypatch):
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.setattr(serve, "PATIENCE_S", 0)
    with pytest.raises(StageFailed, match="Try another --port"):
        serve._start_server(1)
    monkeypatch.delenv("PREFECT_API_URL")
