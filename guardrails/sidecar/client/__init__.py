"""`Guard` and `Session` for programs that leave the decisions to the service.

Give `RemoteGuard(Endpoint(url=...))` wherever a `Guard` is taken, or let `connect` choose by the
environment. The engine's fold follows the service's events, so adapters need no other code.
"""

from guardrails.errors import (
    DeniedError,
    LostRunError,
    RefusedError,
    ServiceError,
    UnreachableError,
)
from guardrails.sidecar.client.answers import at_service
from guardrails.sidecar.client.connecting import connect
from guardrails.sidecar.client.endpoint import Endpoint
from guardrails.sidecar.client.guard import RemoteGuard
from guardrails.sidecar.client.session import RemoteSession

__all__ = [
    "DeniedError",
    "Endpoint",
    "LostRunError",
    "RefusedError",
    "RemoteGuard",
    "RemoteSession",
    "ServiceError",
    "UnreachableError",
    "at_service",
    "connect",
]
