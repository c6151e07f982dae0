"""What the list is told of runs in this process: which changed, and what their gates said."""

import asyncio

from guardrails.core.events import EndRequested, ExitKind
from guardrails.core.ids import RunId
from guardrails.core.incident import Incident
from guardrails.sidecar.facts import Posted
from guardrails.sidecar.telling import CHANGES, Changes
from tests.sidecar.api.apps import HeldGate, make_service


def test_each_run_is_told_once_and_then_no_more() -> None:
    """Whoever asks gets what happened since they asked last."""
    changes = Changes()
    for run in ("a", "b", "a"):
        changes.note(RunId(run))
    assert changes.taken() == ({"a", "b"}, False)
    assert changes.taken() == (frozenset(), False)


def test_more_than_are_noted_are_known_to_be_more() -> None:
    """Nobody asks for a night, and the memory stays small; then all are read."""
    changes = Changes()
    for n in range(CHANGES + 10):
        changes.note(RunId(str(n)))
    runs, lost = changes.taken()
    assert (len(runs), lost) == (CHANGES, True)
    assert changes.taken() == (frozenset(), False)


async def test_what_a_gate_said_last_is_known_until_it_reports() -> None:
    """A page that is opened in the middle says at once what is waited for."""
    gate = HeldGate()
    service = make_service(gate=gate)
    live = await service.open(Incident(task="checkout is down", namespaces=("shop",)))
    end = Posted(number=1, fact=EndRequested(exit=ExitKind.FINAL_ANSWER))
    judged = asyncio.create_task(service.settle(live.run, end))
    await gate.at_work.wait()
    progress = service.progress(live.run)
    assert progress is not None
    assert progress.waiting_for == ("the rollout of checkout",)
    gate.let.set()
    await judged
    assert service.progress(live.run) is None
