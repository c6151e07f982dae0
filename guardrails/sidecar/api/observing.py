"""Times every request by the route that it took, and answers for what nobody else did."""

import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from guardrails.sidecar.api.operations import failed
from guardrails.sidecar.api.sending import send_answer
from guardrails.sidecar.metrics import OTHER, ServiceMetrics

LEFT: Final = 499
"""Nobody is there any more to take an answer. No status of HTTP, but what proxies write for it."""


class Observing:
    """ASGI middleware, the outermost.

    Args:
        app: What it stands around.
        metrics: Where requests are counted; None to count none.
    """

    def __init__(self, app: ASGIApp, *, metrics: ServiceMetrics | None) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and time it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = LEFT

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        metrics = self._metrics
        if metrics is not None:
            metrics.in_flight.inc()
        try:
            await self._app(scope, receive, watched)
        except Exception as error:
            answer = failed(error, path=route_of(scope))
            if status != LEFT:
                raise  # the answer had begun: closing the connection tells that it is not whole
            await send_answer(watched, answer)
        finally:
            if metrics is not None:
                metrics.in_flight.dec()
                metrics.request(
                    route=route_of(scope),
                    method=scope["method"],
                    status=status,
                    seconds=time.perf_counter() - began,
                )


def route_of(scope: Scope) -> str:
    """Return the template of the route that a request took; `other` if it took none."""
    route = scope.get("route")
    return str(getattr(route, "path", OTHER)) if route is not None else OTHER
