"""Several gates that must all pass."""

import asyncio

import msgspec
import pytest

from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.evidence import GateReport, GateVerdict
from guardrails.core.incident import Incident
from guardrails.gates.base import Gate, GateRequest, OnProgress
from guardrails.gates.composition import replays
from guardrails.gates.together import GatesTogether
from guardrails.testing import ScriptedGate, scripted_report
from guardrails.testing.clock import ManualClock

PASS, FAIL, PENDING, UNKNOWN = (
    GateVerdict.PASS,
    GateVerdict.FAIL,
    GateVerdict.PENDING,
    GateVerdict.UNKNOWN,
)
INCIDENT = Incident(task="x", namespaces=("shop",))
REQUEST = GateRequest(incident=INCIDENT, claim=Claim(kind=ClaimKind.MITIGATED))


class Endless:
    """A gate that never comes to an end."""

    name = "endless"

    def __init__(self) -> None:
        self.cancelled = False
        self.asked = asyncio.Event()

    async def open(self, incident: Incident) -> "Endless":
        """Open."""
        return self

    async def evaluate(
        self, request: GateRequest, *, on_progress: OnProgress | None = None
    ) -> GateReport:
        """Wait for ever."""
        self.asked.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        raise AssertionError


class Unopenable:
    """A gate that cannot be opened."""

    name = "closed"

    async def open(self, incident: Incident) -> Endless:
        """Break."""
        raise RuntimeError("no licence")


async def judge(first: Gate, *others: Gate) -> GateReport:
    """Judge one end by all."""
    run = await GatesTogether(first, others, clock=ManualClock()).open(INCIDENT)
    return await run.evaluate(REQUEST)


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (PASS, PASS, PASS),
        (PASS, FAIL, FAIL),
        (FAIL, PASS, FAIL),
        (PASS, UNKNOWN, UNKNOWN),
        (UNKNOWN, PENDING, UNKNOWN),
        (PENDING, PASS, PENDING),
        (FAIL, UNKNOWN, FAIL),
    ],
)
async def test_the_worst_verdict_stands(
    one: GateVerdict, other: GateVerdict, both: GateVerdict
) -> None:
    """A pass needs every gate's."""
    assert (await judge(ScriptedGate(one), ScriptedGate(other))).verdict is both


async def test_a_fail_ends_the_others() -> None:
    """The agent hears of it at once."""
    endless = Endless()
    assert (await judge(endless, ScriptedGate(FAIL))).verdict is FAIL
    assert endless.cancelled


async def test_waiting_together_is_cancellable() -> None:
    """Every gate hears of it."""
    gates = Endless(), Endless()
    task = asyncio.create_task(judge(*gates))
    for gate in gates:
        await gate.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert all(gate.cancelled for gate in gates)


async def test_a_gate_that_cannot_be_opened_is_unknown() -> None:
    """Never a pass, and it is named."""
    report = await judge(ScriptedGate(PASS), Unopenable())
    assert report.verdict is UNKNOWN
    assert "gate closed: RuntimeError: no licence" in report.summary
    assert replays(report)


async def test_a_gate_that_raises_is_unknown() -> None:
    """Its exception is its evidence."""
    report = await judge(ScriptedGate(PASS), ScriptedGate(ValueError("boom")))
    assert report.verdict is UNKNOWN
    assert report.evidence[0].observed == "ValueError: boom"


async def test_a_pass_that_does_not_follow_from_its_evidence_is_unknown() -> None:
    """Nobody passes by saying so."""
    empty = msgspec.structs.replace(scripted_report(PASS), evidence=())
    report = await judge(ScriptedGate(PASS), ScriptedGate(empty))
    assert report.verdict is UNKNOWN
    assert "does not replay" in report.summary


async def test_a_pass_of_all_replays() -> None:
    """The facts of others are added under the names of their gates, and raise no tier."""
    report = await judge(ScriptedGate(PASS), ScriptedGate(PASS))
    assert replays(msgspec.json.decode(msgspec.json.encode(report), type=GateReport))
    assert [e.check for e in report.evidence] == ["rollout-complete", "scripted:rollout-complete"]
