"""The real service on loopback: one that can be stopped and started, and a line that can break."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

import uvicorn
from starlette.middleware import Middleware
from starlette.types import ASGIApp

from guardrails.core.events import Event
from guardrails.core.evidence import GateReport, GateVerdict
from guardrails.core.hooks import Hook
from guardrails.core.ids import RunId
from guardrails.core.incident import Incident
from guardrails.gates.base import Gate, GateRequest, GateRun, OnProgress
from guardrails.policy.models import Settings
from guardrails.sidecar.app import make_app
from guardrails.sidecar.client import Endpoint
from guardrails.sidecar.runs import events_of
from guardrails.sidecar.service import Service
from guardrails.sidecar.stores.base import RunStore
from guardrails.sidecar.stores.memory import MemoryRuns
from guardrails.testing.gates import ScriptedGate, scripted_report
from tests.settings import FREE

WITHIN = 20.0
"""Seconds after which a test that waits has failed."""


class PatientGate:
    """A gate that is at work until it is let go."""

    name = "patient"

    def __init__(self, verdict: GateVerdict) -> None:
        self._verdict = verdict
        self.at_work = threading.Event()
        self.let_go = threading.Event()

    async def open(self, incident: Incident) -> GateRun:
        """Open for an incident."""
        del incident
        return self

    async def evaluate(self, request: GateRequest, *, on_progress: OnProgress) -> GateReport:
        """Wait, and report."""
        del request, on_progress
        self.at_work.set()
        async with asyncio.timeout(WITHIN):
            # Not in a thread, which would outlive its process; an event of another loop's thread.
            while not self.let_go.is_set():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        return scripted_report(self._verdict)


@dataclass(kw_only=True)
class Loopback:
    """A service on a port of its own, whose process can die while its store lives on."""

    gate: Gate | None = None
    settings: Settings = FREE
    store: RunStore = field(default_factory=MemoryRuns)
    hooks: Sequence[Hook] = ()
    auth: Callable[[ASGIApp], ASGIApp] | None = None
    port: int = 0
    service: Service = field(init=False)
    _server: uvicorn.Server | None = None
    _thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def endpoint(self) -> Endpoint:
        """Where it is, for a client that does not wait long."""
        return Endpoint(url=self.url, patience=0.3, give_up_after=0.3)

    def start(self) -> Self:
        """Start a process that knows only what the store has."""
        self.service = Service(
            store=self.store,
            settings=lambda _policy, _model: self.settings,
            gate=lambda _settings: self.gate,
            hooks=self.hooks,
        )
        auth = None if self.auth is None else Middleware(self.auth)
        config = uvicorn.Config(
            make_app(self.service, auth=auth), log_level="error", lifespan="off", ws="none"
        )
        # asyncio sends small answers at once only on sockets that say they are TCP.
        listening = socket.socket(proto=socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", self.port))
        self.port = listening.getsockname()[1]
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [listening]}, daemon=True
        )
        self._thread.start()
        return self

    def stop(self) -> None:
        """End the process as a kill does: what it was doing is not written any more."""
        if self._server is not None and self._thread is not None:
            for live in self.service.live:
                live.keeper.closed = True
            self._server.should_exit = self._server.force_exit = True
            self._thread.join(WITHIN)
            assert not self._thread.is_alive()
            self._server = self._thread = None

    def facts(self, run: str) -> list[str]:
        """Return the kinds of a run's facts as they are stored, in order."""
        return [type(one.fact).__name__ for one in self.events(run)]

    def events(self, run: str) -> list[Event]:
        """Return a run's events as they are stored, in order."""
        return events_of(list(self.store.records(RunId(run))))


class Line:
    """A TCP line to a server, which loses answers when it is told to.

    Args:
        to: The server's port.
    """

    def __init__(self, to: int) -> None:
        self._to = to
        self.lose = 0
        """How many of the next answers get lost: the server did what it was asked."""
        self.lost = 0
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listening.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        """Take no more connections."""
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self._listening.accept()
                threading.Thread(target=self._joined, args=(caller,), daemon=True).start()

    def _joined(self, caller: socket.socket) -> None:
        """Carry bytes both ways until one side hangs up."""
        with caller, socket.create_connection(("127.0.0.1", self._to)) as server:
            asks = threading.Thread(
                target=self._pump, args=(caller, server), kwargs={"answers": False}, daemon=True
            )
            asks.start()
            self._pump(server, caller, answers=True)
            asks.join(WITHIN)

    def _pump(self, source: socket.socket, sink: socket.socket, *, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65_536):
                if answers and self.lose:
                    self.lose -= 1
                    self.lost += 1
                    break
                sink.sendall(data)
        for one in (source, sink):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def scripted(*played: GateVerdict | GateReport | Exception) -> ScriptedGate:
    """Return a gate that plays verdicts."""
    return ScriptedGate(*played)
