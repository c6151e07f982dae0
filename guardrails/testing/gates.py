"""A gate that plays prepared reports, for tests of adapters, policies and whole agents."""

from datetime import UTC, datetime, timedelta

from guardrails.core.claims import ClaimKind
from guardrails.core.evidence import (
    Evidence,
    EvidenceState,
    GateReport,
    GateVerdict,
    ObjectRef,
    ReferenceInfo,
    ReferenceSource,
    Tier,
    Window,
)
from guardrails.core.ids import CheckId
from guardrails.core.incident import Incident
from guardrails.gates.base import GateRequest, OnProgress
from guardrails.gates.composition import sample

_AT = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
_STATES = {
    GateVerdict.FAIL: EvidenceState.VIOLATED,
    GateVerdict.PENDING: EvidenceState.VIOLATED,
    GateVerdict.UNKNOWN: EvidenceState.UNKNOWN,
    GateVerdict.PASS: EvidenceState.SATISFIED,
}


def scripted_report(verdict: GateVerdict, *, with_evidence: bool = True) -> GateReport:
    """Build the smallest report that has a verdict, and whose evidence leads to it again.

    Args:
        verdict: The verdict; the one fact in the report has the state that goes with it.
        with_evidence: False for the report of a gate that had nothing to judge by.
    """
    fact = Evidence(
        check=CheckId("rollout-complete"),
        state=_STATES[verdict],
        subject=ObjectRef(kind="Deployment", name="checkout", namespace="shop"),
        field="status.updatedReplicas",
        observed="3" if verdict is GateVerdict.PASS else "0",
        expected="3",
        at=_AT,
        settles_by=_AT + timedelta(hours=1) if verdict is GateVerdict.PENDING else None,
    )
    evidence = (fact,) if with_evidence else ()
    return GateReport(
        gate="scripted",
        claim=ClaimKind.MITIGATED,
        verdict=verdict,
        tier=Tier.STATE if verdict is GateVerdict.PASS else None,
        required_tier=Tier.STATE,
        reference=ReferenceInfo(source=ReferenceSource.NONE),
        window=Window(state_seconds=0, full_seconds=0),
        started_at=_AT,
        ended_at=_AT,
        evidence=evidence,
        trail=(sample(evidence, required=(), now=_AT),) if evidence else (),
        summary=f"scripted {verdict}",
    )


class ScriptedGate:
    """Plays verdicts, reports or exceptions in order, the last one for ever.

    >>> gate = ScriptedGate(GateVerdict.FAIL, GateVerdict.PASS)
    """

    name = "scripted"

    def __init__(self, *played: GateVerdict | GateReport | Exception) -> None:
        if not played:
            raise ValueError("give at least one verdict, report or exception to play")
        self._played = [scripted_report(p) if isinstance(p, GateVerdict) else p for p in played]
        self.requests: list[GateRequest] = []
        """What the gate was asked, in order."""
        self.opened: list[Incident] = []
        """Incidents that it was opened for."""

    async def open(self, incident: Incident) -> "ScriptedGate":
        """Note the incident."""
        self.opened.append(incident)
        return self

    async def evaluate(
        self, request: GateRequest, *, on_progress: OnProgress | None = None
    ) -> GateReport:
        """Play the next report.

        Raises:
            Exception: The one that stands next in the script.
        """
        del on_progress
        self.requests.append(request)
        last = len(self._played) == 1
        played = self._played[0] if last else self._played.pop(0)
        if isinstance(played, Exception):
            raise played
        return played
