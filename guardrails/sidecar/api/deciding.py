"""Takes facts and decides on them: the operations that an agent waits for."""

import time
from collections.abc import AsyncGenerator, Sequence
from http import HTTPMethod
from typing import Final

from guardrails.core.decisions import Decision
from guardrails.sidecar.api.answers import (
    Decided,
    DecidedFacts,
    Judging,
    Numbered,
    encoded,
    stamped,
)
from guardrails.sidecar.api.bodies import AskCall, AskEnd, NoQuery, StateFacts
from guardrails.sidecar.api.examples import CALL, END, FACTS
from guardrails.sidecar.api.operations import (
    AGENTS,
    AnyOperation,
    Call,
    Operation,
    Returns,
    failed,
)
from guardrails.sidecar.api.reading import wants_stream
from guardrails.sidecar.api.runs import RUN, RunsApi
from guardrails.sidecar.api.sending import Answer, Stream, answered
from guardrails.sidecar.api.stopping import Stopping
from guardrails.sidecar.api.streams import EVENT_STREAM, USUAL, Pace, end_stream, told_by_gate
from guardrails.sidecar.facts import Posted
from guardrails.sidecar.metrics import ServiceMetrics
from guardrails.sidecar.runs import LiveRun

_AGAIN: Final = {"retry-after": "1"}
"""When to ask for an end again. The request itself waits, so it may come at once."""


class DecidingApi:
    """The operations that decide.

    Args:
        runs: Finds runs.
        metrics: Where the time of decisions is counted; None to count none.
        pace: Of streams.
        stopping: Of the service: nobody waits for a gate then.
    """

    def __init__(
        self,
        runs: RunsApi,
        *,
        metrics: ServiceMetrics | None = None,
        pace: Pace = USUAL,
        stopping: Stopping | None = None,
    ) -> None:
        self._stopping = stopping or Stopping()
        self._runs = runs
        self._pace = pace
        self._metrics = metrics
        self._service = runs.service

    async def facts(self, call: Call[StateFacts, NoQuery]) -> Answer:
        """Take facts in their order, and decide on each."""
        live = await self._runs.found(call.run)
        posted = [one.posted() for one in call.body.events]
        decisions = await self._posted(live, posted, asked="facts") if posted else []
        records = await self._runs.events_after(live.run, call.body.since)
        body = DecidedFacts(
            decisions=tuple(
                Numbered(number=one.number, decision=decision)
                for one, decision in zip(posted, decisions, strict=True)
            ),
            number=live.number,
            seq=live.session.state.seq,
            events=None if records is None else stamped(records),
        )
        return answered(encoded(body))

    async def call(self, call: Call[AskCall, NoQuery]) -> Answer:
        """Decide whether a tool may run."""
        live = await self._runs.found(call.run)
        (decision,) = await self._posted(live, [call.body.posted()], asked="call")
        return answered(await self._decided(live, call.body, decision))

    async def end(self, call: Call[AskEnd, NoQuery]) -> Answer | Stream:
        """Have an end judged, and wait for that, or tell how it goes."""
        live = await self._runs.found(call.run)
        body = call.body
        if wants_stream(call.scope):
            return Stream(parts=self._ending(live, body), media=EVENT_STREAM)
        async with told_by_gate(self._service, live.run) as told:
            wait = 0.0 if self._stopping.begun else body.wait
            settling = self._service.settle(live.run, body.posted(), seconds=wait)
            decision = await self._stopping.cut(settling)
            progress = told.last
        if decision is None:
            waiting = encoded(Judging(number=body.number, progress=progress))
            return answered(waiting, status=202, headers=_AGAIN)
        return answered(await self._decided(live, body, decision))

    def _ending(self, live: LiveRun, body: AskEnd) -> AsyncGenerator[bytes]:
        return end_stream(
            self._service,
            live.run,
            settled=self._service.settle(
                live.run, body.posted(), seconds=0.0 if self._stopping.begun else None
            ),
            stopping=self._stopping,
            decided=lambda decision: self._decided(live, body, decision),
            failed=lambda error: failed(error, path=f"{RUN}/end").body,
            pace=self._pace,
        )

    async def _posted(
        self, live: LiveRun, posted: Sequence[Posted], *, asked: str
    ) -> list[Decision]:
        began = time.perf_counter()
        decisions = await self._service.post(live.run, posted)
        if self._metrics is not None:
            self._metrics.decided(asked, time.perf_counter() - began)
        return decisions

    async def _decided(self, live: LiveRun, body: AskCall | AskEnd, decision: Decision) -> bytes:
        records = await self._runs.events_after(live.run, body.since)
        return encoded(
            Decided(
                number=body.number,
                decision=decision,
                seq=live.session.state.seq,
                events=None if records is None else stamped(records),
            )
        )

    def operations(self) -> tuple[AnyOperation, ...]:
        """Return the table of these."""
        return (
            Operation(
                method=HTTPMethod.POST,
                path=f"{RUN}/events",
                name="stateFacts",
                summary="State facts, and have them decided",
                about=(
                    "Facts are numbered by the caller from 1 in each run. A number stated twice is "
                    "answered as before. With a gap, the facts before it are taken, and the "
                    "problem tells the number that is `expected`."
                ),
                handler=self.facts,
                body=StateFacts,
                query=NoQuery,
                returns={200: Returns(said="They were decided.", kind=DecidedFacts)},
                roles=AGENTS,
                problems=(404, 409, 422),
                example={"events": FACTS, "since": 1},
            ),
            Operation(
                method=HTTPMethod.POST,
                path=f"{RUN}/decisions",
                name="askCall",
                summary="May this tool run?",
                handler=self.call,
                body=AskCall,
                query=NoQuery,
                returns={200: Returns(said="It was decided.", kind=Decided)},
                roles=AGENTS,
                problems=(404, 409, 422),
                example=CALL,
            ),
            Operation(
                method=HTTPMethod.POST,
                path=f"{RUN}/end",
                name="askEnd",
                summary="May the run end?",
                about=(
                    "Waits up to `wait` seconds for the gate. While that is at work the answer is "
                    "202: ask again with the same number. With `Accept: text/event-stream` it "
                    "sends events `progress`, and at last `decision` (or `problem`). The gate goes "
                    "on when the caller leaves."
                ),
                handler=self.end,
                body=AskEnd,
                query=NoQuery,
                returns={
                    200: Returns(said="It was decided.", kind=Decided, also=EVENT_STREAM),
                    202: Returns(said="The gate is still at work: ask again.", kind=Judging),
                },
                roles=AGENTS,
                problems=(404, 409, 422),
                example=END,
            ),
        )
