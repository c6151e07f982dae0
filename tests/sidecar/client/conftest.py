"""Services and guards that are let go of when a test is over."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from guardrails.core.incident import Incident
from guardrails.sidecar.client import Endpoint, RemoteGuard
from tests.sidecar.client.loopback import Line, Loopback

ABOUT = Incident(task="checkout is down", namespaces=("shop",))

Serve = Callable[..., Loopback]
Remote = Callable[..., RemoteGuard]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Let go of everything, last first."""
    with ExitStack() as open_:
        yield open_


@pytest.fixture
def serve(stack: ExitStack) -> Serve:
    """Start services."""

    def started(**options: Any) -> Loopback:
        service = Loopback(**options).start()
        stack.callback(service.stop)
        return service

    return started


@pytest.fixture
def remote(stack: ExitStack) -> Remote:
    """Make guards that ask a service."""

    def made(endpoint: Endpoint, **options: Any) -> RemoteGuard:
        return stack.enter_context(RemoteGuard(endpoint, incident=ABOUT, **options))

    return made


@pytest.fixture
def line(stack: ExitStack) -> Callable[[Loopback], Line]:
    """Lay lines to services."""

    def laid(service: Loopback) -> Line:
        one = Line(service.port)
        stack.callback(one.close)
        return one

    return laid
