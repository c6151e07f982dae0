"""A proxy on loopback between a bare agent and a model that plays a script."""

import asyncio
import itertools
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx2
import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from guardrails.core.evidence import GateVerdict
from guardrails.policy.models import Settings
from guardrails.sidecar.proxy.routes import Proxy
from guardrails.sidecar.proxy.settings import ProxySettings, Upstream
from guardrails.sidecar.proxy.wire import WIRES
from guardrails.sidecar.service import Service
from guardrails.sidecar.stores.base import RunStore
from guardrails.sidecar.stores.memory import MemoryRuns
from guardrails.testing.gates import ScriptedGate
from tests.settings import FREE

Json = dict[str, Any]
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "parameters": {
                "type": "object",
                "properties": {"command": {"type": "string"}},
                "required": ["command"],
            },
        },
    }
    for name in ("kubectl", "submit")
]


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What the model's server answers."""

    body: Json | bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    before: Callable[[], Awaitable[object]] | None = None
    """Awaited before it answers."""


_numbers = itertools.count(1)


def said(text: str, *, finish: str = "stop", before: Any = None) -> Reply:
    """A turn of words."""
    return Reply(body=_body({"role": "assistant", "content": text}, finish), before=before)


def calling(*calls: tuple[str, str] | tuple[str, str, str], text: str = "") -> Reply:
    """A turn of calls: id, command, and the tool unless it is kubectl."""
    listed = [
        {
            "id": one[0],
            "type": "function",
            "function": {
                "name": one[2] if len(one) > 2 else "kubectl",
                "arguments": one[1]
                if one[1].startswith(("{", "["))
                else msgspec.json.encode({"command": one[1]}).decode(),
            },
        }
        for one in calls
    ]
    message = {"role": "assistant", "content": text or None, "tool_calls": listed}
    return Reply(body=_body(message, "tool_calls"))


def _body(message: Json, finish: str) -> Json:
    return {
        "id": f"chatcmpl-{next(_numbers)}",
        "object": "chat.completion",
        "created": 1,
        "model": "scripted",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
        "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
    }


@dataclass
class Model:
    """A server that plays its script, and remembers what it was asked."""

    script: list[Reply]
    asked: list[Json] = field(default_factory=list)
    headers: list[Mapping[str, str]] = field(default_factory=list)
    url: str = ""

    async def play(self, request: Request) -> Response:
        """Answer one request."""
        data = await request.body()
        body = msgspec.json.decode(data) if data else {}
        self.asked.append(body)
        self.headers.append(dict(request.headers))
        reply = self.script.pop(0) if self.script else said("the script is over")
        if reply.before is not None:
            await reply.before()
        wire = WIRES.get(request.url.path)
        streams = body.get("stream") and reply.status == 200
        if streams and isinstance(reply.body, bytes):
            return Response(reply.body, media_type="text/event-stream")
        if wire is not None and streams:
            asked = wire.asked(body)
            frames = b"".join(wire.frames(wire.turn(reply.body), asked=asked))
            return Response(frames, media_type="text/event-stream")
        content = reply.body if isinstance(reply.body, bytes) else msgspec.json.encode(reply.body)
        return Response(
            content,
            status_code=reply.status,
            headers=dict(reply.headers),
            media_type="application/json",
        )

    def shown(self, at: int = -1) -> list[Json]:
        """Return the messages of one request."""
        return list(self.asked[at]["messages"])


@asynccontextmanager
async def served(app: Starlette) -> AsyncGenerator[str]:
    """Serve an app on loopback."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen(64)
        config = uvicorn.Config(app, log_level="error", lifespan="on", timeout_graceful_shutdown=2)
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve(sockets=[bound]))
        while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
            await asyncio.sleep(0.005)
        try:
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            await task


@dataclass
class Agent:
    """A loop without a framework: it sends the whole history, and runs what it is told to."""

    client: httpx2.AsyncClient
    messages: list[Json]
    headers: dict[str, str] = field(default_factory=dict)
    tools: list[Json] | None = field(default_factory=lambda: TOOLS)
    results: dict[str, str] = field(default_factory=dict)
    ran: list[str] = field(default_factory=list)
    run: str = ""

    async def post(self, **more: Any) -> httpx2.Response:
        """Send the history as it is."""
        body: Json = {"model": "scripted", "messages": self.messages, **more}
        if self.tools is not None:
            body["tools"] = self.tools
        response = await self.client.post(
            "/v1/chat/completions", json=body, headers=self.headers, timeout=20
        )
        self.run = response.headers.get("x-guarded-agent-run", self.run)
        return response

    async def turn(self) -> Json:
        """Take one turn: ask, note the reply, run its calls."""
        response = await self.post()
        assert response.status_code == 200, response.text
        message = response.json()["choices"][0]["message"]
        self.messages.append(message)
        for call in message.get("tool_calls") or ():
            self.ran.append(call["function"]["arguments"])
            self.messages.append(
                {
                    "role": "tool",
                    "tool_call_id": call["id"],
                    "content": self.results.get(call["id"], "NAME READY\nweb-1 1/1"),
                }
            )
        return message

    async def to_the_end(self, most: int = 12) -> str:
        """Take turns until the model only speaks, and return what it says."""
        for _ in range(most):
            message = await self.turn()
            if not message.get("tool_calls"):
                return str(message["content"])
        raise AssertionError(f"no end within {most} turns")

    def says(self, text: str) -> None:
        """Have the user write something."""
        self.messages.append({"role": "user", "content": text})


@dataclass
class Stage:
    """Everything together."""

    model: Model
    proxy: Proxy
    service: Service
    store: RunStore
    client: httpx2.AsyncClient
    gate: ScriptedGate

    def agent(self, task: str = "checkout is down", **more: Any) -> Agent:
        """Return an agent with a task."""
        messages = [
            {"role": "system", "content": "You mend clusters."},
            {"role": "user", "content": task},
        ]
        return Agent(self.client, messages, **more)

    async def facts(self, run: str) -> list[str]:
        """Return the kinds of all facts of a run, in order."""
        return [
            msgspec.json.decode(record.event)["fact"]["type"] for record in self.store.records(run)
        ]

    async def outcome(self, run: str) -> str | None:
        """Return how a run ended."""
        outcome = (await self.service.run(run)).session.outcome
        return None if outcome is None else str(outcome)


def model_app(model: Model) -> Starlette:
    """Return the model's server."""
    paths = [*WIRES, "/v1/models", "/v1/models/{name}", "/v1/messages/count_tokens"]
    return Starlette(routes=[Route(path, model.play, methods=["GET", "POST"]) for path in paths])


@asynccontextmanager
async def stage(
    *script: Reply,
    verdicts: Sequence[GateVerdict | Exception] = (GateVerdict.PASS,),
    policy: Settings = FREE,
    store: RunStore | None = None,
    model: Model | None = None,
    **settings: Any,
) -> AsyncGenerator[Stage]:
    """Put a stage up, and take it down."""
    gate = ScriptedGate(*verdicts)
    runs = store if store is not None else MemoryRuns()
    model = model or Model(list(script))
    service = Service(
        store=runs, settings=lambda _policy, _model: policy, gate=lambda _settings: gate
    )
    async with served(model_app(model)) as url:
        model.url = url
        told = ProxySettings(
            upstreams={
                name: Upstream(base_url=f"{url}/v1") for name in ("chat", "responses", "anthropic")
            },
            **settings,
        )
        proxy = Proxy(service, told, authenticated=False)
        app = Starlette(routes=proxy.routes(), lifespan=lambda _app: proxy.running())
        async with served(app) as here, httpx2.AsyncClient(base_url=here) as client:
            yield Stage(model, proxy, service, runs, client, gate)
            await service.shutdown()
