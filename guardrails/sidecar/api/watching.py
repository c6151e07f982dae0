"""Follows a run: its events as they come, and its trace as a file."""

from http import HTTPMethod
from typing import Final

from guardrails.sidecar.api.bodies import LARGEST, NoBody, NoQuery
from guardrails.sidecar.api.operations import AnyOperation, Call, Operation, Returns
from guardrails.sidecar.api.problems import INVALID, ProblemError
from guardrails.sidecar.api.reading import header
from guardrails.sidecar.api.runs import RUN, RunsApi
from guardrails.sidecar.api.sending import Answer, Stream
from guardrails.sidecar.api.stopping import Stopping
from guardrails.sidecar.api.streams import EVENT_STREAM, USUAL, Pace, event_stream
from guardrails.sidecar.api.traces import trace_stream

JSON_LINES: Final = "application/jsonl"
LAST_EVENT: Final = "Last-Event-ID"
_DIGITS: Final = 16
"""Of the largest sequence number."""


class WatchingApi:
    """The operations that stream.

    Args:
        runs: Finds runs.
        pace: Of streams.
        stopping: Of the service: streams end then.
    """

    def __init__(
        self,
        runs: RunsApi,
        *,
        pace: Pace = USUAL,
        stopping: Stopping | None = None,
    ) -> None:
        self._runs = runs
        self._pace = pace
        self._stopping = stopping or Stopping()
        self._service = runs.service

    async def events(self, call: Call[NoBody, NoQuery]) -> Answer | Stream:
        """Tell events from the one that the caller has, until the run has ended."""
        after = _last_event(header(call.scope, LAST_EVENT.lower().encode(), absent="0"))
        live = await self._runs.current(call.run)
        state = live.session.state
        if state.ended and after >= state.seq:
            return Answer(status=204, headers=(), body=b"")  # which tells browsers to stop asking
        parts = event_stream(
            self._service, live.run, after=after, pace=self._pace, stopping=self._stopping
        )
        return Stream(parts=parts, media=EVENT_STREAM)

    async def trace(self, call: Call[NoBody, NoQuery]) -> Stream:
        """Write the run as a trace file."""
        live = await self._runs.current(call.run)
        name = f'attachment; filename="{live.run.replace(":", "-")}.jsonl"'
        return Stream(
            parts=trace_stream(self._service.store, live.session.state),
            media=JSON_LINES,
            headers=((b"content-disposition", name.encode()),),
        )

    def operations(self) -> tuple[AnyOperation, ...]:
        """Return the table of these."""
        return (
            Operation(
                method=HTTPMethod.GET,
                path=f"{RUN}/events",
                name="followEvents",
                summary="Events as they come",
                about=(
                    "Server-sent events `event`, whose id is the event's `seq`, from the store and "
                    "then live; `end` is the last one. A client that lost the connection sends "
                    f"`{LAST_EVENT}` and misses nothing. After the last event of a run that has "
                    "ended the answer is 204."
                ),
                handler=self.events,
                body=NoBody,
                query=NoQuery,
                returns={
                    200: Returns(said="Events.", media=EVENT_STREAM),
                    204: Returns(said="The run has ended, and the caller has all of it.", media=""),
                },
                problems=(404, 422),
                headers={
                    LAST_EVENT: {
                        "schema": {"type": "integer", "minimum": 0, "maximum": LARGEST},
                        "description": "The `seq` of the last event that the caller has.",
                    }
                },
            ),
            Operation(
                method=HTTPMethod.GET,
                path=f"{RUN}/trace",
                name="getTrace",
                summary="The run as a trace file",
                about="JSON lines, as every command of `guarded-agent` reads them.",
                handler=self.trace,
                body=NoBody,
                query=NoQuery,
                returns={200: Returns(said="The trace.", media=JSON_LINES)},
                problems=(404,),
            ),
        )


def _last_event(said: str) -> int:
    if not said.isascii() or not said.isdecimal() or len(said) > _DIGITS or int(said) > LARGEST:
        raise ProblemError(
            kind=INVALID, detail=f"{LAST_EVENT} is the seq of an event, not {said[:40]!r}"
        )
    return int(said)
