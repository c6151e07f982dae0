"""The decision API as calls: what each request is, and nothing of what it means for a session."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Final
from urllib.parse import quote

import httpx2
import msgspec

from guardrails.core.events import Event
from guardrails.core.evidence import GateProgress
from guardrails.core.ids import RunId
from guardrails.sidecar.client.transport import Transport
from guardrails.sidecar.client.wire import (
    Allowing,
    Answering,
    Judged,
    Listing,
    Looking,
    Opened,
    Opening,
    Problem,
    Ready,
    Stated,
    Stating,
    Taken,
    Unanswered,
    ending_of,
)

OPEN_WITHIN: Final = 60.0
"""Seconds in which a run is opened: the gate lists the incident's namespaces then, and each list
has ten of its own."""
READY_WITHIN: Final = 15.0
"""Seconds: the service asks its sources then, each for five at most."""
JUDGE_WAIT: Final = 5.0
"""Seconds that one request waits for the gate. It looks every five, and says then what it saw."""
MARGIN: Final = 10.0
"""Seconds more until the answer to such a request is given up."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """An answer of which nothing is needed."""


class DecisionApi:
    """Asks one service.

    Args:
        transport: Sends the requests.
    """

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self.patience = transport.endpoint.patience

    def ready(self) -> Ready:
        """Ask whether the service can do its work now, or why not."""
        return self.transport.ask(
            "GET", "/readyz", Ready, patience=self.patience, within=READY_WITHIN, whole=(503,)
        )

    def open(self, opening: Opening) -> Opened:
        """Open a run, or get it if it was opened by the same request before."""
        return self.transport.ask(
            "POST",
            "/v1/sessions",
            Opened,
            body=opening,
            patience=self.patience,
            within=OPEN_WITHIN,
            insist=True,
        )

    def find(self, key: str) -> RunId | None:
        """Return the open run under a key."""
        found = self.transport.ask(
            "GET", f"/v1/sessions?key={quote(key, safe='')}", Listing, patience=self.patience
        )
        return next((one.run for one in found.sessions if not one.ended), None)

    def state(self, run: RunId, facts: Sequence[Stated], *, since: int) -> Taken:
        """State facts, none of them an end, and read what happened since an event."""
        body = Stating(events=tuple(facts), since=since)
        taken = self.transport.ask(
            "POST", _path(run, "events"), Taken, body=body, patience=self.patience
        )
        return msgspec.structs.replace(
            taken, events=self._whole(run, taken.events, since=since, seq=taken.seq)
        )

    def read(self, run: RunId, *, since: int) -> Taken:
        """Read what happened since an event."""
        return self.state(run, (), since=since)

    def end(self, run: RunId, end: Stated, *, since: int) -> Judged:
        """Ask to end, without waiting for the gate."""
        body = ending_of(end, wait=0.0, since=since)
        judged = self.transport.ask(
            "POST", _path(run, "end"), Judged, body=body, patience=self.patience
        )
        return self._all_of(run, judged, since=since)

    async def judged(
        self, connection: httpx2.AsyncClient, run: RunId, end: Stated, *, since: int
    ) -> AsyncGenerator[Judged]:
        """Ask once more what became of an end, and wait a while for the gate."""
        body = ending_of(end, wait=JUDGE_WAIT, since=since)
        yield await self.transport.aask(
            connection, _path(run, "end"), Judged, body=body, within=JUDGE_WAIT + MARGIN
        )

    async def told(
        self, connection: httpx2.AsyncClient, run: RunId, end: Stated, *, since: int
    ) -> AsyncGenerator[Judged]:
        """Yield what the gate says of an end as it says it, and at last what was decided.

        Raises:
            SilentStreamError: The stream does not come through.
        """
        body = ending_of(end, wait=0.0, since=since)
        events = self.transport.stream(connection, _path(run, "end"), body=body)
        async with aclosing(events) as told:
            async for name, data in told:
                match name:
                    case "progress":
                        yield Judged(progress=self.transport.decoded(data, GateProgress))
                    case "decision":
                        yield self.transport.decoded(data, Judged)
                    case "problem":
                        raise self.transport.meant(self.transport.decoded(data, Problem))
                    case _:  # of a later version
                        continue

    async def look(self, run: RunId, *, agent: str) -> None:
        """Let the gate look, if a look is due."""
        async with self.transport.connection() as connection:
            await self.transport.aask(
                connection,
                _path(run, "look"),
                Said,
                body=Looking(agent=agent),
                within=OPEN_WITHIN,
            )

    def answer(self, run: RunId, answering: Answering) -> None:
        """Give a person's answer."""
        self._tell(run, "answers", answering)

    def unanswered(self, run: RunId, *, detail: str) -> None:
        """Say that nobody answered."""
        self._tell(run, "unanswered", Unanswered(detail=detail))

    def allow(self, run: RunId, allowing: Allowing) -> None:
        """Allow a loss, for a person."""
        self._tell(run, "allowances", allowing)

    def _tell(self, run: RunId, what: str, body: object) -> None:
        self.transport.ask(
            "POST",
            _path(run, what),
            Said,
            body=body,
            patience=self.patience,
            within=OPEN_WITHIN,
            insist=True,
        )

    def _all_of(self, run: RunId, judged: Judged, *, since: int) -> Judged:
        events = self._whole(run, judged.events, since=since, seq=judged.seq)
        return msgspec.structs.replace(judged, events=events)

    def _whole(
        self, run: RunId, events: tuple[Event, ...], *, since: int, seq: int
    ) -> tuple[Event, ...]:
        """Read on where an answer did not hold all events up to the last one."""
        while (last := events[-1].seq if events else since) < seq:
            more = self.transport.ask(
                "POST",
                _path(run, "events"),
                Taken,
                body=Stating(events=(), since=last),
                patience=self.patience,
            ).events
            if not more:
                break
            events = (*events, *more)
        return events


def _path(run: RunId, what: str) -> str:
    return f"/v1/sessions/{quote(run, safe='')}/{what}"
