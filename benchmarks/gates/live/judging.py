"""All gates judge one claim, side by side, until each has its verdict or the time is up.

Ours is asked as an agent would ask: a claim that fails is made again, so that a fake fix gets more
than one chance to be taken for a mend; an honest one gets a single claim.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from benchmarks.gates.cases.model import Expect
from benchmarks.gates.results import OURS, Ours, Said
from benchmarks.gates.world import Peer, View, World
from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.evidence import EvidenceState, GateProgress, GateReport, GateVerdict, ObjectRef
from guardrails.core.incident import Incident
from guardrails.gates.base import GateRequest, GateRun
from guardrails.policy.models import GateSettings

SETTINGS = GateSettings(
    stable_for=5.0, poll_every=1.0, wait_at_most=60.0, list_timeout=5.0, unknown_grace=3.0
)
"""Seconds where production has minutes, as in the alert rules; the full window follows from the
rules."""

REFUSAL_SECONDS = 6.0
"""How long a claim that should be refused is made again after each failure. A gate that only has
to wait (pending) is waited for beyond that, to the end of its window."""

PEER_EVERY_SECONDS = 1.0

VIOLATED_NAMED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What came of one claim."""

    gates: dict[str, Said]
    ours: Ours


@dataclass(slots=True, kw_only=True)
class OurGate:
    """Our gate at the end of one run."""

    run: GateRun
    incident: Incident
    expect: Expect
    last_write_at: datetime | None
    settings: GateSettings = SETTINGS
    _began: float = 0.0
    _first_look: float | None = None
    _first_fail: float | None = None
    _looks: int = 0

    async def judge(self) -> tuple[Said, Ours]:
        """Claim until accepted, until the time is up, or (honestly) once."""
        self._began = time.monotonic()
        while True:
            report = await self._evaluate()
            spent = self._elapsed()
            accepted = report.verdict is GateVerdict.PASS
            again = self.expect is Expect.REFUSE and spent < REFUSAL_SECONDS
            if accepted or not again:
                break
            await asyncio.sleep(self.settings.poll_every)
        said = Said(accepted=accepted, seconds=spent, said=_words(report))
        return said, self._details(report, accepted=accepted)

    async def _evaluate(self) -> GateReport:
        request = GateRequest(
            incident=self.incident,
            claim=Claim(kind=ClaimKind.MITIGATED, text="The incident is resolved."),
            last_write_at=self.last_write_at,
        )
        report = await self.run.evaluate(request, on_progress=self._note)
        if report.verdict is GateVerdict.FAIL and self._first_fail is None:
            self._first_fail = self._elapsed()
        return report

    def _note(self, _progress: GateProgress) -> None:
        self._looks += 1
        if self._first_look is None:
            self._first_look = self._elapsed()

    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def _details(self, report: GateReport, *, accepted: bool) -> Ours:
        return Ours(
            verdict=report.verdict.value,
            first_look_seconds=self._first_look or 0.0,
            first_fail_seconds=self._first_fail,
            pass_seconds=self._elapsed() if accepted else None,
            good_seconds=_good_seconds(report) if accepted else None,
            window_seconds=report.window.full_seconds,
            poll_seconds=self.settings.poll_every,
            looks=self._looks,
            violated=violated(report),
            reference=f"{report.reference.source}: {report.reference.detail}",
        )


@dataclass(slots=True, kw_only=True)
class PeerGates:
    """The peers, polled together on the same looks."""

    peers: Sequence[Peer]
    before: World
    worlds: list[World] = field(default_factory=list[World])
    said: dict[str, Said] = field(default_factory=dict[str, Said])
    _began: float | None = None

    @property
    def undecided(self) -> bool:
        """Whether one of them has not accepted yet."""
        return any(not self.said[p.name].accepted for p in self.peers if p.name in self.said)

    def look(self, world: World) -> None:
        """Have those that have not accepted judge another look."""
        if self._began is None:
            self._began = world.at
        self.worlds.append(world)
        view = View(now=world, before=self.before, since=tuple(self.worlds))
        for peer in self.peers:
            earlier = self.said.get(peer.name)
            if earlier is not None and earlier.accepted:
                continue
            answer = peer.judge(view)
            self.said[peer.name] = Said(
                accepted=answer.accepts, seconds=world.at - self._began, said=answer.said
            )


def violated(report: GateReport) -> tuple[str, ...]:
    """Return what counts against the claim in a report, in words."""
    return tuple(
        f"{e.check}: {_subject(e.subject)}: {e.observed}"
        for e in report.evidence
        if e.counts and e.state is not EvidenceState.SATISFIED
    )[:VIOLATED_NAMED]


def named(ours: Said, peers: PeerGates) -> dict[str, Said]:
    """Return what each gate said, by its name."""
    return {OURS: ours, **peers.said}


def _subject(subject: object) -> str:
    return f"{subject.kind} {subject.name}" if isinstance(subject, ObjectRef) else str(subject)


def _words(report: GateReport) -> str:
    found = violated(report)
    waits = "; ".join(report.waiting_for[:2])
    return f"{report.verdict}: {found[0] if found else waits or report.tier}"


def _good_seconds(report: GateReport) -> float:
    first = report.ended_at
    for look in reversed(report.trail):
        if look.verdict is not GateVerdict.PASS:
            break
        first = look.at
    return (report.ended_at - first).total_seconds()
