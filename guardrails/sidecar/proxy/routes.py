"""The proxy's routes: an agent points its base URL here, and is guarded.

A request is worked on apart from the connection that it came by. Whoever hangs up while the model
is at work stops that work; after that it is finished and kept, and the same request is given it.
"""

import asyncio
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from guardrails.core.clock import Clock, SystemClock
from guardrails.errors import GuardrailsError, UsageError
from guardrails.sidecar.facts import GapError
from guardrails.sidecar.limits.sessions import TooManySessionsError
from guardrails.sidecar.proxy.books import client_of
from guardrails.sidecar.proxy.conversation import Visit
from guardrails.sidecar.proxy.reading import Requests
from guardrails.sidecar.proxy.replying import Failure, Reply
from guardrails.sidecar.proxy.settings import ProxySettings
from guardrails.sidecar.proxy.turns import Loop
from guardrails.sidecar.proxy.upstream import (
    TOKEN,
    Headers,
    Models,
    ProxyError,
    RefusedError,
    headers_for,
)
from guardrails.sidecar.proxy.wire import WIRES
from guardrails.sidecar.proxy.wire.base import Turn, Wire, WireError
from guardrails.sidecar.proxy.work import AbandonedError, Work
from guardrails.sidecar.service import Service, UnknownRunError
from guardrails.sidecar.stores.base import ConflictError, StoreError

_log = logging.getLogger("guardrails.proxy")

RUN: Final = "x-guarded-agent-run"
"""Header that names a run; every answer carries it."""
AGENT: Final = "x-guarded-agent-name"
"""Header that names the agent, where a run has several."""
_MAY_ASK: Final = frozenset({"agent", "operator"})
_COUNT: Final = "/messages/count_tokens"


class Proxy:
    """The model proxy of a service.

    Args:
        service: The guard.
        settings: What it is told.
        authenticated: Whether requests carry the guard's tokens, so that a key in `Authorization`
            is not the model's unless the token came in `x-guarded-agent-token`.
        models: Where turns come from; made of the settings when left out.
        wires: The formats, by path.
        clock: Where the time comes from.

    Example:
        ```python
        proxy = Proxy(service, settings)
        app = Starlette(routes=proxy.routes(), lifespan=lambda app: proxy.running())
        ```
    """

    def __init__(
        self,
        service: Service,
        settings: ProxySettings,
        *,
        authenticated: bool = True,
        models: Models | None = None,
        wires: Mapping[str, Wire] = WIRES,
        clock: Clock | None = None,
    ) -> None:
        self._settings = settings
        self._authenticated = authenticated
        self._models = models or Models(settings)
        self._wires = wires
        self._loop = Loop(
            service,
            settings,
            self._models,
            wires={wire.name: wire for wire in wires.values()},
            clock=clock or SystemClock(),
        )
        self._requests = Requests()
        self._tasks: set[asyncio.Task[Turn]] = set()

    @property
    def counts(self) -> Mapping[str, int]:
        """What came of requests since the start, for metrics; see `Loop.counts`."""
        return self._loop.counts

    def routes(self) -> list[Route]:
        """Return the routes, each with the paths of its provider's API."""
        guarded = [
            Route(path, self._guarded(wire), methods=["POST"]) for path, wire in self._wires.items()
        ]
        return [
            *guarded,
            Route(f"/v1{_COUNT}", self._counted, methods=["POST"]),
            Route("/v1/models", self._listed, methods=["GET"]),
            Route("/v1/models/{model:path}", self._listed, methods=["GET"]),
        ]

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Have connections to the models while this is open.

        Requests that are worked on at its end are broken off; what they came to is kept, and the
        same requests go on from there elsewhere.
        """
        async with self._models.opened():
            try:
                yield
            finally:
                for task in self._tasks:
                    task.cancel()
                await asyncio.gather(*self._tasks, return_exceptions=True)

    # Guarded

    def _guarded(self, wire: Wire) -> "_Guarded":
        async def answer(request: Request) -> Response:
            try:
                asked, history = self._requests.read(wire, await request.body())
                headers = self._headers(wire.name, request)
                visit = Visit(
                    wire=wire,
                    asked=asked,
                    history=history,
                    client=self._client(request),
                    run=request.headers.get(RUN, ""),
                    agent=request.headers.get(AGENT, ""),
                )
            except (ProxyError, WireError) as error:
                failure = failure_of(error)
                return _json(wire.failed(failure.status, failure.text), failure.status)
            work = Work(may_open=wire.name != "responses")
            task = asyncio.create_task(self._loop.answer(visit, headers, work))
            self._tasks.add(task)
            task.add_done_callback(self._finished)
            return Reply(
                task=task,
                work=work,
                wire=wire,
                asked=asked,
                ping_seconds=self._settings.ping_seconds,
                deadline_seconds=self._settings.deadline_seconds,
                failure_of=failure_of,
            )

        return _Guarded(answer)

    def _finished(self, task: asyncio.Task[Turn]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, GuardrailsError):
            _log.error("a request to the proxy failed", exc_info=error)

    # Passed on

    async def _counted(self, request: Request) -> Response:
        return await self._passed("anthropic", "POST", _COUNT, request)

    async def _listed(self, request: Request) -> Response:
        model = request.path_params.get("model", "")
        wanted = "anthropic" if "anthropic-version" in request.headers else "chat"
        known = [str(name) for name in self._settings.upstreams]
        wire = wanted if wanted in known else next(iter(known), wanted)
        path = f"/models/{model}" if model else "/models"
        return await self._passed(wire, "GET", path, request)

    async def _passed(self, wire: str, method: str, path: str, request: Request) -> Response:
        shape = next((one for one in self._wires.values() if one.name == wire), None)
        try:
            headers = self._headers(wire, request)
            query = f"?{request.url.query}" if request.url.query else ""
            content = await request.body()
            answer = await self._models.passed(wire, method, path + query, headers, content)
        except ProxyError as error:
            body = {} if shape is None else shape.failed(error.status, error.text)
            return _json(body, error.status)
        return Response(answer.body, status_code=answer.status, headers=dict(answer.headers))

    # Who asks

    def _headers(self, wire: str, request: Request) -> Headers:
        role = getattr(getattr(request.state, "caller", None), "role", None)
        if role is not None and role not in _MAY_ASK:
            raise ProxyError(403, f"role {role} may not use the model proxy; it takes role agent")
        upstream = self._models.upstream(wire)
        own = not self._authenticated or TOKEN in request.headers
        return headers_for(wire, upstream, request.headers, own=own)

    def _client(self, request: Request) -> str:
        """Return who sends a request: by name where callers have one, else by key."""
        caller = getattr(request.state, "caller", None)
        name = str(getattr(caller, "name", ""))
        if self._authenticated and name:
            return client_of(name, "")
        key = request.headers.get("authorization") or request.headers.get("x-api-key") or ""
        return client_of(name, key)


@dataclass(frozen=True, slots=True)
class _Guarded:
    """An endpoint as an application of its own.

    Of a function the router makes one with two more layers, for errors that are answered here.
    """

    answer: Callable[[Request], Awaitable[Response]]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        response = await self.answer(Request(scope, receive, send))
        await response(scope, receive, send)


def failure_of(error: BaseException) -> Failure:
    """Return how an error is told to whoever sent the request."""
    match error:
        case RefusedError(refusal=refusal):
            return Failure(
                status=refusal.status,
                text=str(error),
                headers=refusal.headers,
                body=refusal.body,
            )
        case ProxyError(status=status, text=text):
            return Failure(status=status, text=text)
        case WireError():
            return Failure(status=400, text=str(error))
        case UnknownRunError():
            return Failure(status=404, text=f"{error}; see {RUN}")
        case ConflictError() | GapError():
            return Failure(status=409, text=str(error))
        case TooManySessionsError():
            headers = {"retry-after": str(error.retry_after)}
            return Failure(status=429, text=str(error), headers=headers)
        case StoreError():
            return Failure(status=503, text=f"the run cannot be stored: {error}")
        case AbandonedError() | asyncio.CancelledError():
            return Failure(status=503, text="the request was broken off; send it again")
        case UsageError():
            return Failure(status=400, text=str(error))
        case _:
            return Failure(status=500, text="the guard failed; see its log, and report it")


def _json(body: Mapping[str, Any], status: int) -> Response:
    return Response(msgspec.json.encode(body), status_code=status, media_type="application/json")
