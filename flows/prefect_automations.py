"""Two automations that end as Crashed what nobody works on any more.

    python -m flows.prefect_automations

A worker that is killed with its runs cannot say so. Its runs stop sending heartbeats, which workers are told
to send every 30 s (``PREFECT_FLOWS_HEARTBEAT_FREQUENCY``), and three of them missing is a death; a run that
was handed to a worker and never began sends none at all. Registering again changes what is there.
"""

import argparse
from datetime import timedelta

from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import StateType
from prefect.events.actions import ActionTypes, ChangeFlowRunState
from prefect.events.schemas.automations import Automation, AutomationCore, EventTrigger, Posture
from prefect.events.schemas.events import ResourceSpecification

SILENCE_S = 90
START_S = 600
HEARTBEAT = "prefect.flow-run.heartbeat"
ENDS = {f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Crashed", "Cancelled", "TimedOut")}


def automations(silence_s: float = SILENCE_S, start_s: float = START_S) -> list[AutomationCore]:
    """Say what to look for: runs that fell silent, and runs that were handed out and did not begin."""
    return [
        _crash(
            "distill: a run that fell silent crashed",
            f"no heartbeat for {silence_s:g} s: its worker was killed or lost its network",
            after={HEARTBEAT},
            expect={HEARTBEAT, *ENDS},
            within_s=silence_s,
        ),
        _crash(
            "distill: a run that never began crashed",
            f"not begun {start_s:g} s after a worker took it: the worker was killed",
            after={"prefect.flow-run.Pending"},
            expect={"prefect.flow-run.Running", *ENDS},
            within_s=start_s,
        ),
    ]


def _crash(name: str, message: str, *, after: set[str], expect: set[str], within_s: float) -> AutomationCore:
    action: ActionTypes = ChangeFlowRunState(name=None, state=StateType.CRASHED, message=message, force=False)
    return AutomationCore(
        name=name,
        trigger=EventTrigger(
            after=after,
            expect=expect,
            match=ResourceSpecification({"prefect.resource.id": ["prefect.flow-run.*"]}),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(seconds=within_s),
        ),
        actions=[action],
    )


def register(silence_s: float = SILENCE_S, start_s: float = START_S) -> list[str]:
    """Make the automations, or change those of the same name; give their names."""
    wanted = automations(silence_s, start_s)
    with get_client(sync_client=True) as client:
        for automation in wanted:
            known = client.read_automations_by_name(automation.name)
            if not known:
                client.create_automation(automation)
            elif _differs(known[0], automation):
                client.update_automation(known[0].id, automation)
    return [automation.name for automation in wanted]


def _differs(known: Automation, wanted: AutomationCore) -> bool:
    # An update forgets the runs that are being watched, so what is right already is left alone.
    fields = {"enabled", "trigger", "actions"}
    return known.model_dump(include=fields) != wanted.model_dump(include=fields)


def main() -> None:
    """Register both on the server that PREFECT_API_URL names."""
    parser = argparse.ArgumentParser(prog="python -m flows.prefect_automations", description="Register both.")
    parser.add_argument(
        "--silence-s", type=float, default=SILENCE_S, help="without a heartbeat, until a run is dead"
    )
    parser.add_argument("--start-s", type=float, default=START_S, help="a worker may take to begin a run")
    given = parser.parse_args()
    for name in register(given.silence_s, given.start_s):
        print(name)  # noqa: T201


if __name__ == "__main__":
    main()
