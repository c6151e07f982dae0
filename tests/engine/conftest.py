"""What the engine tests share: a session against a gate that plays verdicts."""

from collections.abc import Callable

import pytest

from guardrails.core.evidence import GateReport, GateVerdict
from guardrails.core.incident import Incident
from guardrails.engine import Guard, Session, SessionKey
from guardrails.policy.models import Settings
from guardrails.testing.clock import ManualClock
from guardrails.testing.gates import ScriptedGate
from guardrails.testing.recorder import Recorder
from tests.settings import FREE

Begin = Callable[..., tuple[Guard, Session]]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def begin(clock: ManualClock, recorder: Recorder) -> Begin:
    """Return a function that opens a session against a gate playing the verdicts given."""

    def _begin(
        *played: GateVerdict | GateReport | Exception,
        settings: Settings | None = None,
        incident: Incident | None = None,
    ) -> tuple[Guard, Session]:
        gate = ScriptedGate(*played) if played else None
        used = settings or FREE
        guard = Guard(settings=used, gate=gate, hooks=[recorder], clock=clock)
        about = incident or Incident(task="checkout is down", namespaces=("shop",))
        return guard, guard.begin(SessionKey("t"), adapter="test", incident=about)

    return _begin
