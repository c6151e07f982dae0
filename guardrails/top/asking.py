"""What `top` asks the service: each request once, so that who looks sees at once what failed."""

from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import aclosing
from enum import StrEnum
from typing import Final, Self
from urllib.parse import quote

import httpx2
import msgspec

from guardrails.core.events import Event
from guardrails.core.findings import Finding
from guardrails.errors import RefusedError
from guardrails.sidecar.client import Endpoint
from guardrails.sidecar.client.transport import Transport
from guardrails.top.wire import Answering, Findings, Listing, RunState

MOST: Final = 1_000
"""Runs in one list; the service tells no more."""
WITHIN: Final = 10.0
"""Seconds in which a question is answered; a list reads up to a hundred runs for it."""
LONGEST_PAUSE: Final = 30.0
"""Seconds between two attempts while the service is gone. A person notices that it is back within
that time, and a hundred terminals do not stand in its way."""


class Scope(StrEnum):
    """Which runs are listed."""

    OPEN = "open"
    ENDED = "ended"
    ALL = "all"

    @property
    def query(self) -> str:
        """Return what asks for them."""
        match self:
            case Scope.OPEN:
                return "&open=true"
            case Scope.ENDED:
                return "&open=false"
            case Scope.ALL:
                return ""


class Unread(msgspec.Struct, frozen=True, kw_only=True):
    """An event that this version cannot read."""

    seq: int
    why: str = ""


class Asker:
    """Asks one service, in one event loop. Use it as an asynchronous context.

    Args:
        endpoint: Where it is, and the token.

    Raises:
        UsageError: The token cannot be read.
    """

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint
        self._transport = Transport(endpoint)
        self._connection: httpx2.AsyncClient = self._transport.connection()

    async def __aenter__(self) -> Self:
        """Begin."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let go of the connections."""
        await self._connection.aclose()
        self._transport.close()

    async def runs(self, scope: Scope, *, limit: int = MOST) -> Listing:
        """List runs, those changed last first.

        Raises:
            ServiceError: The service is not reached, or will not.
        """
        return await self._transport.aask(
            self._connection,
            f"/v1/sessions?standing=true&limit={limit}{scope.query}",
            Listing,
            within=WITHIN,
        )

    async def state(self, run: str) -> RunState:
        """Return where a run stands.

        Raises:
            ServiceError: As above.
        """
        return await self._transport.aask(self._connection, _path(run), RunState, within=WITHIN)

    async def findings(self, run: str) -> Sequence[Finding]:
        """Return the findings that hold.

        Raises:
            ServiceError: As above.
        """
        path = f"{_path(run)}/findings"
        found = await self._transport.aask(self._connection, path, Findings, within=WITHIN)
        return found.findings

    async def answer(self, run: str, question: str, text: str) -> None:
        """Give a person's answer.

        Raises:
            ServiceError: As above; `DeniedError` when the token's role may not.
        """
        await self._transport.aask(
            self._connection,
            f"{_path(run)}/answers",
            msgspec.Raw,
            body=Answering(question=question, text=text),
            within=WITHIN,
        )

    async def events(self, run: str, *, after: int) -> AsyncGenerator[Event | Unread | RunState]:
        """Yield events as they come, and the state of the run when it has ended.

        Args:
            run: Whose events.
            after: The `seq` of the last one that is known here.

        Raises:
            ServiceError: The service is not reached, or will not.
            SilentStreamError: The stream does not come through.
        """
        path = f"{_path(run)}/events"
        stream = self._transport.stream(self._connection, path, after=after)
        async with aclosing(stream) as told:
            async for name, data in told:
                match name:
                    case "event":
                        yield self._event(data)
                    case "end":
                        yield self._transport.decoded(data, RunState)
                    case _:  # of a later version
                        continue

    def _event(self, data: str) -> Event | Unread:
        try:
            return self._transport.decoded(data, Event)
        except RefusedError as error:
            seq = self._transport.decoded(data, Unread).seq
            return Unread(seq=seq, why=str(error.__cause__ or error))


def attempts(interval: float) -> Iterator[float]:
    """Yield the seconds to wait before each further attempt, longer and longer.

    >>> from itertools import islice
    >>> list(islice(attempts(2.0), 6))
    [2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    """
    pause = interval
    while True:
        yield min(pause, LONGEST_PAUSE)
        pause = min(2 * pause, LONGEST_PAUSE)


def _path(run: str) -> str:
    return f"/v1/sessions/{quote(run, safe='')}"
