"""Judges recordings: every gate on the looks of a case, in the time that they were made.

Ours reads them through the production decoders, from what the servers answered; only the network
is left out. What was not recorded is an unread list, never an empty one.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from benchmarks.gates.cases.model import Expect
from benchmarks.gates.live.judging import SETTINGS, PeerGates, violated
from benchmarks.gates.live.reading import EVERYTHING
from benchmarks.gates.packing import Pack
from benchmarks.gates.peers import PEERS
from benchmarks.gates.recording import Frame, Recording, query_path
from benchmarks.gates.results import OURS, CaseResult, Said
from benchmarks.gates.world import World
from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.evidence import GateProgress, GateReport, GateVerdict
from guardrails.gates.alerts.alertmanager import AlertmanagerReader
from guardrails.gates.alerts.http import HttpReader
from guardrails.gates.alerts.prometheus import PrometheusReader
from guardrails.gates.base import GateRequest
from guardrails.gates.evidence_gate import EvidenceGate
from guardrails.gates.kubernetes.objects import KubeObject
from guardrails.gates.kubernetes.reduction import slim
from guardrails.gates.kubernetes.resources import RESOURCES
from guardrails.gates.reference import record_baseline
from guardrails.gates.snapshot import ListKey, ObjectList, Read, ReadStatus

REFERENCE, START = "reference", "start"

NEAR_SECONDS = 4
"""Between a moment of the run and the frame that stands for it; the app is quiet then."""

_AT = re.compile(r"%40%20(\d+)")
"""The time in a query, as `query_path` quotes it."""


class EndOfRecordingError(Exception):
    """A gate wants to look again, and there is nothing more to see."""


@dataclass(slots=True, kw_only=True)
class Film:
    """The frames of a case, and the one that is shown; also the clock of those who watch."""

    recording: Recording
    pack: Pack
    frames: Sequence[Frame]
    index: int = 0
    decoded: dict[tuple[str, str], Any] = field(default_factory=dict[tuple[str, str], Any])
    """By what it is decoded as, and digest: most lists stay as they are from look to look."""

    @property
    def frame(self) -> Frame:
        """The frame that is shown."""
        return self.frames[self.index]

    def show(self, mark: str) -> None:
        """Show the frame with a mark."""
        self.index = next(i for i, frame in enumerate(self.frames) if frame.mark == mark)

    def now(self) -> datetime:
        """Return the time of the frame."""
        return datetime.fromtimestamp(self.frame.at, UTC)

    def monotonic(self) -> float:
        """Return the same, in seconds."""
        return self.frame.at

    async def sleep(self, seconds: float) -> None:
        """Show the first frame that is at least that much later.

        Raises:
            EndOfRecordingError: There is none.
        """
        due = self.frame.at + seconds
        later = [i for i in range(self.index + 1, len(self.frames)) if self.frames[i].at >= due]
        if not later:
            raise EndOfRecordingError
        self.index = later[0]

    def decode(self, digest: str, type_: Any) -> Any:
        """Return what is kept under a digest, decoded."""
        key = (str(type_), digest)
        if key not in self.decoded:
            self.decoded[key] = msgspec.json.decode(self.pack.blob(digest), type=type_)
        return self.decoded[key]

    def world(self) -> World:
        """Return the frame as peers see it."""
        alerts = self.frame.prometheus.get("/api/v1/alerts")
        return World(
            at=self.frame.at,
            lists={
                plural: self.decode(digest, list[dict[str, Any]])
                for plural, digest in self.frame.lists.items()
            },
            alerts=None if alerts is None else _alerts(self.pack.blob(alerts)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedCluster:
    """The lists of the frame that is shown."""

    film: Film

    async def list(self, key: ListKey) -> ObjectList:
        """Return a recorded list, decoded as a live one is."""
        resource = RESOURCES.get(key.kind)
        if resource is None or resource.plural not in EVERYTHING:
            # As where nobody grants it: what may be refused is named, and what may not is unknown.
            may = resource is not None and resource.refusable
            status = ReadStatus.FORBIDDEN if may else ReadStatus.ERROR
            return _unread(key, status, "this kind is not in the recording")
        home = self.film.recording.namespace
        digest = self.film.frame.lists.get(resource.plural)
        if digest is None:
            return _unread(key, ReadStatus.FORBIDDEN, "it could not be read then")
        if key.namespace not in {"", home}:
            return _unread(key, ReadStatus.ERROR, "this namespace is not in the recording")
        kinds: Any = list[resource.type]
        items: Sequence[KubeObject] = self.film.decode(digest, kinds)
        wanted = [slim(one) for one in items if key.name in {"", one.metadata.name}]
        return ObjectList(key=key, objects=tuple(wanted))

    async def identity(self) -> str:
        """Return the cluster's identity."""
        return self.film.recording.cluster


@dataclass(slots=True, kw_only=True)
class Answers:
    """A server's recorded answers, as a transport of the production HTTP reader."""

    server: str
    film: Film | None = None

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a request as it was answered then."""
        assert self.film is not None
        answers: Mapping[str, str] = getattr(self.film.frame, self.server)
        path = request.url.path
        if "query" in request.url.params:
            path = query_path(request.url.params["query"])
        known = (d for p, d in answers.items() if p == path or p.startswith(f"{path}?"))
        digest = next(known, None) or nearest(path, answers)
        if digest is None:
            raise httpx2.ConnectError("not answered in the recording", request=request)
        return httpx2.Response(
            200, content=self.film.pack.blob(digest), headers={"content-type": "application/json"}
        )

    def reader(self) -> HttpReader:
        """Return a reader of these answers."""
        return HttpReader(
            f"http://{self.server}", name=self.server, transport=httpx2.MockTransport(self)
        )


def nearest(path: str, answers: Mapping[str, str]) -> str | None:
    """Return the answer to the same query about a time near by.

    A gate asks about moments, such as when its reference was recorded, and a replay takes these
    from the frames: a look later than the run did.
    """
    shape, at = _moment(path)
    if at is None:
        return None
    others = ((_moment(other), digest) for other, digest in answers.items())
    near = [
        (abs(when - at), digest)
        for (form, when), digest in others
        if form == shape and when is not None and abs(when - at) <= NEAR_SECONDS
    ]
    return min(near)[1] if near else None


def _moment(path: str) -> tuple[str, int | None]:
    """Split a query with `@` into what it asks and the Unix time that it asks about."""
    found = _AT.search(path)
    return (path, None) if found is None else (_AT.sub("@", path), int(found[1]))


class Projector:
    """The readers that our gate looks through; made once, as each loads a certificate store."""

    def __init__(self) -> None:
        self._servers = tuple(Answers(server=name) for name in ("prometheus", "alertmanager"))
        self.prometheus, self.alertmanager = (
            PrometheusReader(self._servers[0].reader()),
            AlertmanagerReader(self._servers[1].reader()),
        )

    def load(self, film: Film) -> None:
        """Answer from a film from now on."""
        for server in self._servers:
            server.film = film


@dataclass(slots=True, kw_only=True)
class Replay:
    """One case, judged by every gate."""

    film: Film
    projector: Projector
    progress: list[GateProgress] = field(default_factory=list[GateProgress])
    last: GateReport | None = None

    async def judge(self) -> CaseResult:
        """Return what every gate says about the recording."""
        recording = self.film.recording
        ours = await self._ours()
        return CaseResult(
            id=recording.id,
            fault=recording.id.partition("/")[0],
            kind=recording.kind,
            expect=recording.expect,
            gates={OURS: ours, **self._peers()},
        )

    def _peers(self) -> dict[str, Said]:
        film = self.film
        film.show(REFERENCE)
        gates = PeerGates(peers=PEERS, before=film.world())
        for index, frame in enumerate(film.frames):
            if not frame.mark:
                film.index = index
                gates.look(film.world())
        return gates.said

    async def _ours(self) -> Said:
        film, recording = self.film, self.film.recording
        self.projector.load(film)
        prometheus, alertmanager = self.projector.prometheus, self.projector.alertmanager
        cluster = RecordedCluster(film=film)
        with tempfile.TemporaryDirectory() as folder:
            baseline = Path(folder) / "baseline.json"
            film.show(REFERENCE)
            await record_baseline(
                cluster,
                namespaces=(recording.namespace,),
                path=baseline,
                at=film.now(),
                prometheus=prometheus,
                alertmanager=alertmanager,
            )
            film.show(START)
            gate = EvidenceGate(
                reader=cluster,
                prometheus=prometheus,
                alertmanager=alertmanager,
                settings=SETTINGS,
                clock=film,
                baselines=[baseline],
            )
            run = await gate.open(recording.incident)
        request = GateRequest(
            incident=recording.incident,
            claim=Claim(kind=ClaimKind.MITIGATED),
            last_write_at=recording.wrote_at,
        )
        film.show("")
        began = film.frame.at
        accepted = False
        with contextlib.suppress(EndOfRecordingError):  # what it found until then stands
            while not accepted:
                self.last = await run.evaluate(request, on_progress=self.progress.append)
                accepted = self.last.verdict is GateVerdict.PASS
                if recording.expect is Expect.ACCEPT:
                    break
                await film.sleep(SETTINGS.poll_every)
        return Said(accepted=accepted, seconds=film.frame.at - began, said=self._words())

    def _words(self) -> str:
        if self.last is not None:
            return f"{self.last.verdict}: {'; '.join(violated(self.last))}"
        if self.progress:
            return f"{self.progress[-1].verdict}: {'; '.join(self.progress[-1].waiting_for)}"
        return "nothing"


def replay(recording: Recording, pack: Pack, projector: Projector | None = None) -> CaseResult:
    """Judge one recording.

    Args:
        recording: The case.
        pack: Where its lists are kept.
        projector: Given when many are judged.
    """
    film = Film(recording=recording, pack=pack, frames=recording.frames)
    return asyncio.run(Replay(film=film, projector=projector or Projector()).judge())


def _alerts(body: bytes) -> list[Any]:
    return msgspec.json.decode(body)["data"]["alerts"]


def _unread(key: ListKey, status: ReadStatus, why: str) -> ObjectList:
    return ObjectList(key=key, read=Read(status=status, message=f"{key}: {why}"))
