"""Our gate holds the facts that we ask of others', and the kit finds gates that do not."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
import pytest

from guardrails.core.clock import Clock
from guardrails.core.evidence import GateReport, GateVerdict
from guardrails.core.incident import Incident
from guardrails.gates.base import Gate, GateRequest, OnProgress
from guardrails.gates.evidence_gate import EvidenceGate
from guardrails.gates.snapshot import Read, ReadStatus
from guardrails.policy.models import GateSettings
from guardrails.testing.conformance import gates as kit
from guardrails.testing.gates import ScriptedGate, scripted_report

DOWN = Read(status=ReadStatus.TIMEOUT, message="no answer in 10 s", temporary=True)
SETTINGS = GateSettings.model_validate(
    {"require": "state", "allow_no_alert_source": True, "stable_for": "20s", "poll_every": "5s"}
)


@pytest.fixture
def ours(new_stage: Callable[[], Any]) -> kit.GateUnderTest:
    """Our gate over scripted clusters."""
    world = new_stage().world

    def made(change: Callable[[Any], None]) -> kit.MakeGate:
        def make(clock: Clock) -> Gate:
            stage = new_stage()
            stage.cluster.clock = clock
            change(stage)
            return EvidenceGate(reader=stage.cluster, settings=SETTINGS, clock=clock)

        return make

    def unwell(stage: Any) -> None:
        app = world.app()
        app["Service"][0]["spec"]["selector"] = {"app": "other"}
        stage.cluster.script = lambda _: app

    def unreadable(stage: Any) -> None:
        stage.cluster.failed = lambda _: {"Pod": DOWN}

    return kit.GateUnderTest(
        incident=world.incident(),
        well=made(lambda _: None),
        unwell=made(unwell),
        unreadable=made(unreadable),
        window_seconds=20.0,
    )


@pytest.mark.parametrize("fact", kit.FACTS, ids=lambda fact: fact.__name__)
async def test_our_gate_holds_every_fact(ours: kit.GateUnderTest, fact: kit.GateFact) -> None:
    """What is asked of others is asked of ours."""
    await kit.run_fact(fact, ours)


def plays(*played: GateVerdict | GateReport | Exception) -> kit.MakeGate:
    """Make gates that play verdicts at once."""
    return lambda _: ScriptedGate(*played)


PASS, FAIL, UNKNOWN = GateVerdict.PASS, GateVerdict.FAIL, GateVerdict.UNKNOWN
INCIDENT = Incident(task="x", namespaces=("shop",))
GOOD: dict[str, Any] = {
    "incident": INCIDENT,
    "well": plays(PASS),
    "unwell": plays(FAIL),
    "unreadable": plays(UNKNOWN),
}


class Deaf:
    """A gate that does not let itself be cancelled."""

    name = "deaf"

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    async def open(self, incident: Incident) -> "Deaf":
        """Open."""
        return self

    async def evaluate(
        self, request: GateRequest, *, on_progress: OnProgress | None = None
    ) -> GateReport:
        """Sleep, and pass whatever happens."""
        with suppress(asyncio.CancelledError):  # what the kit has to find
            await self.clock.sleep(5)
        return scripted_report(PASS)


async def test_a_gate_without_a_window_holds_every_fact() -> None:
    """One that decides at once has nothing to wait for."""
    await kit.hold(kit.GateUnderTest(**GOOD))


@pytest.mark.parametrize(
    ("wrong", "fact"),
    [
        ({"well": plays(UNKNOWN)}, "it_passes_what_is_well"),
        (
            {"well": plays(msgspec.structs.replace(scripted_report(PASS), evidence=()))},
            "it_passes_what_is_well",
        ),
        ({"unwell": plays(PASS)}, "it_fails_what_is_not"),
        ({"unreadable": plays(PASS)}, "a_source_that_does_not_answer_never_passes"),
        ({"window_seconds": 5.0}, "nothing_passes_before_its_window"),
    ],
)
async def test_the_kit_finds_what_is_wrong(wrong: dict[str, Any], fact: str) -> None:
    """Each mistake by its own fact."""
    with pytest.raises(AssertionError, match=f"{fact}: "):
        await kit.hold(kit.GateUnderTest(**{**GOOD, **wrong}))


async def test_the_kit_finds_a_gate_that_cannot_be_cancelled() -> None:
    """It would hold up whoever presses Ctrl-C."""
    deaf = kit.GateUnderTest(**{**GOOD, "well": Deaf, "window_seconds": 5.0})
    with pytest.raises(AssertionError, match="although it was cancelled"):
        await kit.run_fact(kit.waiting_can_be_ended, deaf)
