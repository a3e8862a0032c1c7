"""What they do to a run whose worker was killed: test_operating.py, where there is a server."""

from uuid import uuid4

import pytest

from flows import prefect_automations
from flows.prefect_automations import automations, register


class Server:
    """Keeps automations as Prefect's server does."""

    def __init__(self):
        self.kept, self.calls = {}, []

    def __call__(self, sync_client):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        return None

    def read_automations_by_name(self, name):
        from prefect.events.schemas.automations import Automation

        return [
            Automation(id=each, **automation.model_dump())
            for each, automation in self.kept.items()
            if automation.name == name
        ]

    def create_automation(self, automation):
        self.calls.append("create")
        self.kept[uuid4()] = automation

    def update_automation(self, each, automation):
        self.calls.append("update")
        self.kept[each] = automation


@pytest.fixture
def server(monkeypatch):
    server = Server()
    monkeypatch.setattr(prefect_automations, "get_client", server)
    return server


def test_registering_again_leaves_alone_what_is_right_and_changes_what_is_not(server):
    names = register()
    assert server.calls == ["create", "create"]
    assert register() == names
    assert server.calls == ["create", "create"]
    register(silence_s=60)
    assert server.calls == ["create", "create", "update"]
    assert {each.name for each in server.kept.values()} == set(names)


def test_a_run_is_dead_after_three_missing_heartbeats():
    silent, never = automations()
    assert (silent.trigger.within.total_seconds(), never.trigger.within.total_seconds()) == (90, 600)
    assert "prefect.flow-run.heartbeat" in silent.trigger.expect
    assert {action.state.value for each in (silent, never) for action in each.actions} == {"CRASHED"}
    assert all(each.trigger.for_each == {"prefect.resource.id"} for each in (silent, never))
