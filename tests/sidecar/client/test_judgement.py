"""How a client hears of the gate: by a stream, by asking again, and what it does in between."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.events import EndRequested, ExitKind
from guardrails.core.evidence import GateProgress, GateReport, GateVerdict
from guardrails.core.hooks import Record
from guardrails.core.ids import RunId
from guardrails.core.outcome import Outcome
from guardrails.engine import SessionKey
from guardrails.gates.base import GateRequest, OnProgress
from tests.sidecar.client.conftest import Remote, Serve
from tests.sidecar.client.loopback import WITHIN, PatientGate

KEY = SessionKey("thread-1")
CLAIM = EndRequested(
    exit=ExitKind.FINAL_ANSWER, claim=Claim(kind=ClaimKind.MITIGATED, text="It is fixed.")
)


class TellingGate(PatientGate):
    """A gate that says what it waits for, and passes once it was heard."""

    async def evaluate(self, request: GateRequest, *, on_progress: OnProgress) -> GateReport:
        """Say it, and wait to be let go."""
        for said in ("the rollout of checkout", "quiet alerts"):
            now = datetime(2026, 1, 1, tzinfo=UTC)
            on_progress(GateProgress(at=now, verdict=GateVerdict.PENDING, waiting_for=(said,)))
            await asyncio.sleep(0.05)
        return await super().evaluate(request, on_progress=on_progress)


class Hearing:
    """A sink that lets a gate go once it was heard."""

    name = "hearing"

    def __init__(self, gate: PatientGate, *, at: str) -> None:
        self._gate, self._at = gate, at
        self.heard: list[str] = []

    def on_record(self, run: RunId, record: Record, /) -> None:
        """Note what is waited for."""
        del run
        if isinstance(record, GateProgress):
            self.heard += record.waiting_for
            if self._at in record.waiting_for:
                self._gate.let_go.set()


class Paths:
    """Counts how ends are asked for, and may answer streams with something else."""

    def __init__(self, app: ASGIApp, *, streams: bool = True) -> None:
        self._app, self._streams = app, streams
        self.asked: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Hand a request on."""
        if scope["type"] == "http" and scope["path"].endswith("/end"):
            headers = dict(scope["headers"])
            kind = headers[b"accept"].decode()
            self.asked.append(kind)
            if kind == "text/event-stream" and not self._streams:
                others = [(k, v) for k, v in scope["headers"] if k != b"accept"]
                scope = {**scope, "headers": [*others, (b"accept", b"application/json")]}
        await self._app(scope, receive, send)


async def test_what_the_gate_waits_for_is_heard_while_it_waits(
    serve: Serve, remote: Remote
) -> None:
    """In order and at once: the gate goes on only after its second word was heard here."""
    gate, paths = TellingGate(GateVerdict.PASS), list[Paths]()
    service = serve(gate=gate, auth=_noted(paths))
    hearing = Hearing(gate, at="quiet alerts")
    guard = remote(service.endpoint, hooks=[hearing])
    session = guard.begin(KEY, adapter="test")
    decision = await asyncio.wait_for(guard.settle(session, CLAIM), WITHIN)
    assert decision.outcome is Outcome.RESOLVED
    assert hearing.heard[-1] == "quiet alerts"
    assert paths[0].asked == ["application/json", "text/event-stream"]


async def test_without_streams_the_service_is_asked_again(serve: Serve, remote: Remote) -> None:
    """A proxy in between answers with something else; the next end asks for no stream."""
    gate, paths = TellingGate(GateVerdict.PASS), list[Paths]()
    service = serve(gate=gate, auth=_noted(paths, streams=False))
    guard = remote(service.endpoint)
    for run in ("one", "two"):
        gate.let_go.clear()
        gate.at_work.clear()
        session = guard.begin(SessionKey(run), adapter="test")
        settling = asyncio.create_task(guard.settle(session, CLAIM))
        await asyncio.to_thread(gate.at_work.wait, WITHIN)
        gate.let_go.set()
        decision = await asyncio.wait_for(settling, WITHIN)
        assert decision.outcome is Outcome.RESOLVED
    assert paths[0].asked.count("text/event-stream") == 1


async def test_a_service_that_lets_nobody_wait_is_not_asked_all_the_time(
    serve: Serve, remote: Remote
) -> None:
    """One that is about to stop answers at once: the pauses between requests grow."""
    gate, paths = PatientGate(GateVerdict.PASS), list[Paths]()

    def hasty(app: ASGIApp) -> ASGIApp:
        async def hurried(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["path"].endswith("/end") and gate.at_work.is_set():
                await receive()
                await send(_head())
                body = b'{"number":1,"decision":null}' if not _streamed(scope) else b""
                await send({"type": "http.response.body", "body": body})
                return
            await app(scope, receive, send)

        paths.append(Paths(hurried))
        return paths[-1]

    service = serve(gate=gate, auth=hasty)
    guard = remote(service.endpoint)
    session = guard.begin(KEY, adapter="test")
    settling = asyncio.create_task(guard.settle(session, CLAIM))
    await asyncio.to_thread(gate.at_work.wait, WITHIN)
    await asyncio.sleep(1.0)
    settling.cancel()
    await asyncio.gather(settling, return_exceptions=True)
    gate.let_go.set()
    assert 2 <= len(paths[0].asked) <= 12


def _noted(found: list[Paths], *, streams: bool = True) -> Callable[[ASGIApp], ASGIApp]:
    def made(app: ASGIApp) -> ASGIApp:
        found.append(Paths(app, streams=streams))
        return found[-1]

    return made


def _head() -> Message:
    headers = [(b"content-type", b"application/json")]
    return {"type": "http.response.start", "status": 202, "headers": headers}


def _streamed(scope: Scope) -> bool:
    return dict(scope["headers"])[b"accept"] == b"text/event-stream"
