"""Detectors of others: run beside the shipped ones, stored with the session, and harmless."""

import json
from typing import Any

import msgspec
import pytest

from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.events import EndRequested, Event, ExitKind, ModelReplied
from guardrails.core.findings import Found
from guardrails.core.mast import FailureMode
from guardrails.detectors.base import finding
from guardrails.detectors.scene import Scene
from guardrails.engine import Guard, SessionKey, replay
from guardrails.errors import PluginError, PolicyError
from guardrails.policy.models import DetectorSettings, Settings
from guardrails.testing.recorder import Recorder


class Count(msgspec.Struct, frozen=True):
    """Turns so far."""

    turns: int = 0


class Shouting:
    """Finds an agent that shouts twice."""

    name = "Shouting"
    modes = frozenset({FailureMode.DISOBEY_ROLE})

    def begin(self) -> Count:
        return Count()

    def observe(
        self, state: Count, event: Event, scene: Scene, /
    ) -> tuple[Count, tuple[Found, ...]]:
        if not isinstance(event.fact, ModelReplied) or not event.fact.text.isupper():
            return state, ()
        turns = state.turns + 1
        if turns != 2:
            return Count(turns), ()
        said = finding(
            event, FailureMode.DISOBEY_ROLE, self.name, why="shouts", evidence=(event.fact.text,)
        )
        return Count(turns), (said,)


class Raising(Shouting):
    """Raises at the second turn."""

    name = "Raising"

    def observe(
        self, state: Count, event: Event, scene: Scene, /
    ) -> tuple[Count, tuple[Found, ...]]:
        if event.step == 2:
            raise ValueError("no")
        return state, ()


def shouted(session: Any, times: int) -> None:
    """Let the agent shout."""
    for _ in range(times):
        session.observe(ModelReplied(text="RESTART IT"))


def test_a_detector_of_others_finds_and_counts() -> None:
    """Its findings are records, and count in the failure vector."""
    recorder = Recorder()
    guard = Guard(detectors=[Shouting()], hooks=[recorder])
    session = guard.begin(SessionKey("k"), adapter="test")
    shouted(session, 2)
    assert [one.why for one in recorder.findings] == ["shouts"]
    assert session.state.vector == {"FM-1.2": 1}


def test_its_state_survives_a_restart() -> None:
    """A session that is stored and restored goes on as one that was not."""
    guard = Guard(detectors=[Shouting()])
    session = guard.begin(SessionKey("k"), adapter="test")
    shouted(session, 1)
    session = guard.restore(SessionKey("k"), session.snapshot())
    shouted(session, 1)
    assert session.state.vector == {"FM-1.2": 1}


def test_a_replay_is_given_it_too() -> None:
    """The same events give the same findings."""
    recorder = Recorder()
    session = Guard(detectors=[Shouting()], hooks=[recorder]).begin(SessionKey("k"), adapter="test")
    shouted(session, 2)
    assert replay(recorder.events, detectors=[Shouting()]).findings == session.findings
    assert replay(recorder.events).findings == ()


def test_one_that_raises_harms_nothing_but_itself() -> None:
    """It is counted and not asked again; the others go on, also after a restart."""
    guard = Guard(detectors=[Raising(), Shouting()])
    session = guard.begin(SessionKey("k"), adapter="test")
    shouted(session, 3)
    assert session.state.vector == {"FM-1.2": 1}
    assert guard.hooks.failures == {"detector:Raising": 1}
    assert session.state.detectors.broken == {"Raising": "ValueError: no"}
    again = guard.restore(SessionKey("k"), session.snapshot())
    assert again.state.detectors.broken == {"Raising": "ValueError: no"}
    shouted(again, 2)
    assert guard.hooks.failures == {"detector:Raising": 1}


def test_a_policy_names_installed_ones(monkeypatch) -> None:
    """By the name of their entry point; a wrong name, or something else, is told at once."""
    from guardrails.policy import plugins  # noqa: PLC0415  # patched below

    class Point:
        """An entry point."""

        name, value, group, dist = "shouting", "here:thing", "guarded_agent.detectors", None

        def __init__(self, thing: object) -> None:
            self.load = lambda: thing

    named = Settings(detectors=DetectorSettings(extra=("shouting",)))
    monkeypatch.setattr(plugins, "entry_points", lambda group: [Point(Shouting())])
    session = Guard(settings=named).begin(SessionKey("k"), adapter="test")
    shouted(session, 2)
    assert session.state.vector == {"FM-1.2": 1}
    with pytest.raises(PolicyError, match=r"detectors.extra: no installed package brings 'shout'"):
        Guard(settings=Settings(detectors=DetectorSettings(extra=("shout",))))
    monkeypatch.setattr(plugins, "entry_points", lambda group: [Point(Shouting)])
    with pytest.raises(PluginError, match="no instance, and not a Detector"):
        Guard(settings=named)


def test_findings_of_a_skipped_detector_are_dropped() -> None:
    """A detector that does not suit an agent can be switched off by its name."""
    end = EndRequested(exit=ExitKind.FINAL_ANSWER, claim=Claim(kind=ClaimKind.MITIGATED))
    for skip, modes in (((), ["FM-3.1"]), (("Termination",), [])):
        guard = Guard(settings=Settings(detectors=DetectorSettings(skip=skip)))
        session = guard.begin(SessionKey("k"), adapter="test")
        session.observe(ModelReplied(text="done"))
        session.observe(end)
        found = [one.mode for one in session.findings if one.detector == "Termination"]
        assert found == modes
        assert json.loads(session.snapshot())["state"]["run"] == session.run


def test_findings_of_an_older_session_are_kept() -> None:
    """Sessions before schema 5 had them beside the state."""
    guard = Guard(detectors=[Shouting()])
    session = guard.begin(SessionKey("k"), adapter="test")
    shouted(session, 2)
    stored = json.loads(session.snapshot())
    stored["findings"] = stored["state"].pop("findings")
    stored["state"]["schema"] = 4
    again = guard.restore(SessionKey("k"), json.dumps(stored).encode())
    assert again.findings == session.findings
    assert again.state.vector == {"FM-1.2": 1}
