"""Applications for tests of the API: real services over a store in memory, and callers by token."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx2
import uvicorn
from prometheus_client import CollectorRegistry
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.types import ASGIApp, Receive, Scope, Send

from guardrails.core.evidence import GateProgress, GateReport, GateVerdict
from guardrails.core.hooks import Hook
from guardrails.core.incident import Incident
from guardrails.core.questions import Question
from guardrails.errors import PolicyError
from guardrails.gates.base import Gate, GateRequest, OnProgress
from guardrails.policy.models import Settings
from guardrails.sidecar.api.health import Readiness
from guardrails.sidecar.api.problems import PROBLEM_TYPE
from guardrails.sidecar.api.streams import USUAL, Pace
from guardrails.sidecar.app import make_app
from guardrails.sidecar.measured import MeasuredRuns
from guardrails.sidecar.metrics import ServiceMetrics
from guardrails.sidecar.service import Service
from guardrails.sidecar.stores.base import RunStore
from guardrails.sidecar.stores.memory import MemoryRuns
from guardrails.telemetry.metrics import PrometheusHook
from guardrails.testing.gates import ScriptedGate, scripted_report
from tests.settings import FREE

INCIDENT = {"task": "checkout is down", "namespaces": ["shop"]}
LOOK = {"type": "model_replied", "text": "I look."}
CLAIM = {
    "exit": "final_answer",
    "claim": {"kind": "mitigated", "text": "It is fixed."},
}


@dataclass(frozen=True)
class Person:
    """Whoever has a token."""

    name: str
    role: str


CALLERS = {
    "t-agent": Person("sre-agent", "agent"),
    "t-other": Person("other-agent", "agent"),
    "t-viewer": Person("dashboard", "viewer"),
    "t-operator": Person("on-call", "operator"),
}


class Tokens:
    """Asks for a token, as the real middleware does, and lets the probes through."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] not in {"/healthz", "/readyz"}:
            said = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
            caller = CALLERS.get(said.removeprefix("Bearer "))
            if caller is None:
                await _refused(send)
                return
            scope.setdefault("state", {})["caller"] = caller
        await self._app(scope, receive, send)


async def _refused(send: Send) -> None:
    body = (
        b'{"type":"urn:guarded-agent:problem:unauthenticated","title":"Who are you?",'
        b'"status":401,"detail":"send a token"}'
    )
    headers = [
        (b"content-type", PROBLEM_TYPE.encode()),
        (b"www-authenticate", b"Bearer"),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def choose(policy: str, model: str) -> Settings:
    """Know one policy, and the usual one."""
    if policy not in {"", "strict"}:
        raise PolicyError(f"no policy {policy!r}; there is strict")
    return FREE


def make_service(
    *verdicts: GateVerdict,
    store: RunStore | None = None,
    gate: Gate | None = None,
    hooks: Sequence[Hook] = (),
    settings: Callable[[str, str], Settings] = choose,
) -> Service:
    """Make a service that decides by a scripted gate."""
    scripted = gate or (ScriptedGate(*verdicts) if verdicts else None)
    return Service(
        store=store or MemoryRuns(),
        settings=settings,
        gate=lambda _settings: scripted,
        hooks=hooks,
    )


def full_app(
    *verdicts: GateVerdict,
    store: RunStore | None = None,
    gate: Gate | None = None,
    checks: Sequence[Readiness] = (),
    tokens: bool = False,
    settings: Callable[[str, str], Settings] = choose,
    pace: Pace = USUAL,
) -> Starlette:
    """Make the whole application, metrics and measured store included."""
    registry = CollectorRegistry()
    metrics = ServiceMetrics(registry)
    service = make_service(
        *verdicts,
        store=MeasuredRuns(store or MemoryRuns(), metrics),
        gate=gate,
        hooks=(PrometheusHook(registry), metrics.evidence_hook()),
        settings=settings,
    )
    return make_app(
        service,
        metrics=metrics,
        checks=checks,
        auth=Middleware(Tokens) if tokens else None,
        pace=pace,
    )


class HeldGate:
    """A gate that says where it is, and judges when it is let."""

    name = "held"

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.at_work = asyncio.Event()
        self.asked = 0

    async def open(self, incident: Incident) -> "HeldGate":
        """Stand at a run's end."""
        del incident
        return self

    async def evaluate(
        self, request: GateRequest, *, on_progress: OnProgress | None = None
    ) -> GateReport:
        """Say that it waits, and pass in the end."""
        del request
        self.asked += 1
        self.at_work.set()
        if on_progress is not None:
            now = datetime(2026, 1, 1, tzinfo=UTC)
            said = ("the rollout of checkout",)
            on_progress(GateProgress(at=now, verdict=GateVerdict.PENDING, waiting_for=said))
        await self.let.wait()
        return scripted_report(GateVerdict.PASS)


class AskingGate:
    """A gate that has a question as the run begins."""

    name = "asking"

    def __init__(self, *questions: Question) -> None:
        self.questions = questions

    async def open(self, incident: Incident) -> "AskingGate":
        """Stand at a run's end, with its questions."""
        del incident
        return self

    async def evaluate(
        self, request: GateRequest, *, on_progress: OnProgress | None = None
    ) -> GateReport:
        """Pass."""
        del request, on_progress
        return scripted_report(GateVerdict.PASS)


@asynccontextmanager
async def serving(app: ASGIApp, *, token: str = "") -> AsyncGenerator[httpx2.AsyncClient]:
    """Serve an application on loopback, and give a client of it."""
    config = uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  # it has no event to wait for
        await asyncio.sleep(0.005)
    port = server.servers[0].sockets[0].getsockname()[1]
    headers = {"authorization": f"Bearer {token}"} if token else {}
    try:
        async with httpx2.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=20
        ) as client:
            yield client
    finally:
        server.should_exit = True
        await running


def calling(app: ASGIApp, *, token: str = "") -> httpx2.AsyncClient:
    """Give a client of an application without a socket between, for whole answers."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    transport = httpx2.ASGITransport(app)
    return httpx2.AsyncClient(transport=transport, base_url="http://guard", headers=headers)


async def opened(client: httpx2.AsyncClient, **more: object) -> str:
    """Open a run, and return its id."""
    answer = await client.post("/v1/sessions", json={"incident": INCIDENT, **more})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["run"])


def sent_events(text: str) -> list[tuple[str, str]]:
    """Read server-sent events: kind and data of each; comments are left out."""
    found: list[tuple[str, str]] = []
    for block in text.split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if "data" in lines:
            found.append((lines["event"], lines["data"]))
    return found
