"""One operation of the API: who may ask for it, what it takes, what it answers.

The table of these gives the routes, the checks of rights and the OpenAPI document, so that none of
them can say what the others do not.
"""

import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPMethod
from typing import Any, Final, Generic, Literal, TypeVar, cast

import msgspec
import structlog
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from guardrails.sidecar.api.answers import encoded
from guardrails.sidecar.api.problems import (
    FORBIDDEN,
    INTERNAL,
    PROBLEM_TYPE,
    WRONG_METHOD,
    Problem,
    ProblemError,
    problem,
    told,
)
from guardrails.sidecar.api.reading import BODY_LIMIT, BodyReader, body_of, query_of
from guardrails.sidecar.api.sending import Answer, Stream, answered, send_answer, send_stream
from guardrails.sidecar.auth.roles import Caller

B = TypeVar("B", bound=msgspec.Struct)
Q = TypeVar("Q", bound=msgspec.Struct)

Role = Literal["agent", "viewer", "operator"]
READERS: Final[frozenset[Role]] = frozenset({"agent", "viewer", "operator"})
AGENTS: Final[frozenset[Role]] = frozenset({"agent", "operator"})
OPERATORS: Final[frozenset[Role]] = frozenset({"operator"})
"""Who answers and allows: an agent must not answer its own question."""

log = structlog.get_logger("guarded_agent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[B, Q]):
    """One request, read."""

    scope: Scope
    body: B
    query: Q
    caller: Caller | None
    """None where nobody is asked who they are."""

    @property
    def run(self) -> str:
        """The run in the path."""
        return str(self.scope["path_params"]["run"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Returns:
    """What an operation answers with, under one status."""

    said: str
    """When."""
    kind: type[msgspec.Struct] | None = None
    """Of a JSON body."""
    media: str = "application/json"
    also: str = ""
    """Another content type that is sent where it is asked for; a stream of text."""
    location: bool = False
    """Whether a header tells where the thing is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Generic[B, Q]):
    """One operation.

    Args:
        handler: Does it.
    """

    method: HTTPMethod
    path: str
    name: str
    """`operationId`."""
    summary: str
    handler: Callable[[Call[B, Q]], Awaitable[Answer | Stream]]
    body: type[B]
    query: type[Q]
    returns: Mapping[int, Returns]
    roles: frozenset[Role] | None = READERS
    """None for everybody, without a token."""
    problems: Sequence[int] = ()
    """Statuses of problems, besides those that every operation of its form has."""
    about: str = ""
    """More to say, in Markdown."""
    headers: Mapping[str, Mapping[str, object]] = field(
        default_factory=dict[str, Mapping[str, object]]
    )
    """Headers of a request, as OpenAPI describes them."""
    example: Mapping[str, object] = field(default_factory=dict[str, object])
    """A body that is taken."""

    @property
    def takes_body(self) -> bool:
        """True when the request has one."""
        return bool(self.body.__struct_fields__)


AnyOperation = Operation[Any, Any]
"""An operation whose types matter to nobody but its handler."""


class Endpoint:
    """The operations on one path, as an ASGI application.

    Args:
        path: With `{run}`.
        operations: One for each method.
        limit: Bytes of a body.
    """

    def __init__(
        self,
        path: str,
        operations: Sequence[AnyOperation],
        *,
        limit: int = BODY_LIMIT,
    ) -> None:
        self.path = path
        self._limit = limit
        self._by_method = {
            one.method.value: (one, BodyReader(one.body) if one.takes_body else None)
            for one in operations
        }
        self._allow = ", ".join(sorted(self._by_method))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; whatever goes wrong is answered too."""
        try:
            answer = await self._answer(scope, receive)
        except ClientDisconnect:
            return  # there is nobody to tell
        except Exception as error:  # noqa: BLE001  # told to the caller, and logged below
            answer = failed(error, path=self.path)
        if isinstance(answer, Answer):
            await send_answer(send, answer)
        else:
            await send_stream(receive, send, answer)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer | Stream:
        found = self._by_method.get(scope["method"])
        if found is None:
            raise ProblemError(
                kind=WRONG_METHOD,
                detail=f"{scope['method']} is not for {self.path}: {self._allow}",
                headers={"allow": self._allow},
            )
        operation, reader = found
        caller = _caller_of(scope)
        if caller is not None and operation.roles is not None:
            _check_role(caller, operation)
        query = query_of(scope, operation.query)
        if reader is None:
            body: msgspec.Struct = operation.body()
        else:
            body = reader(await body_of(scope, receive, limit=self._limit))
        call = Call(scope=scope, body=body, query=query, caller=caller)
        return await operation.handler(call)


def _caller_of(scope: Scope) -> Caller | None:
    state = cast("Mapping[str, object]", scope.get("state") or {})
    return cast("Caller | None", state.get("caller"))


def _check_role(caller: Caller, operation: AnyOperation) -> None:
    roles = operation.roles or frozenset()
    if caller.role not in roles:
        needed = " or ".join(sorted(roles))
        raise ProblemError(
            kind=FORBIDDEN,
            detail=f"{operation.name} needs role {needed}; {caller.name!r} has {caller.role!r}",
        )


def failed(error: Exception, *, path: str) -> Answer:
    """Return the answer to a request that failed; what the caller cannot mend is logged whole."""
    known = told(error)
    if known is not None:
        if known.kind.status >= INTERNAL.status:
            log.warning("guarded_agent.http.unavailable", path=path, error=str(error))
        return problem_answer(known.problem(), headers=known.headers)
    found = uuid.uuid4().hex
    log.error("guarded_agent.http.failed", id=found, path=path, exc_info=error)
    detail = f"it is in the service's log under id {found}"
    return problem_answer(problem(INTERNAL, detail, found_by=found))


def problem_answer(told: Problem, *, headers: Mapping[str, str] | None = None) -> Answer:
    """Return a problem as an answer."""
    return answered(encoded(told), status=told.status, media=PROBLEM_TYPE, headers=headers)
