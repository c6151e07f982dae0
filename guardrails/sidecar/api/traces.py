"""Writes a run as a trace file, from the store, a part at a time.

Findings are not stored: they follow from the events. They are found again on the way, so that the
file is the one that a hook in the process would have written.
"""

import asyncio
from collections.abc import AsyncGenerator, Sequence

import msgspec

from guardrails.core.events import Event
from guardrails.core.hooks import RunEnded
from guardrails.core.trace import TraceHeader, encode_line
from guardrails.engine.fold import fold
from guardrails.engine.replay import rules_of
from guardrails.engine.rules import Rules
from guardrails.engine.state import SessionState
from guardrails.sidecar.api.streams import parts
from guardrails.sidecar.stores.base import Record, RunStore
from guardrails.version import VERSION

_events = msgspec.json.Decoder(Event)


class _Writer:
    """Folds a run again, and writes what happened in each event."""

    def __init__(self, state: SessionState) -> None:
        self._state = SessionState(run=state.run)
        self._rules: Rules | None = None

    def lines(self, records: Sequence[Record]) -> bytes:
        """Return the lines of some records, in the order in which hooks are told."""
        written: list[bytes] = []
        for record in records:
            event = _events.decode(record.event)
            if self._rules is None:
                self._rules = rules_of([event])
            folded = fold(self._state, event, self._rules)
            self._state = folded.state
            written.append(record.event + b"\n")
            written += [encode_line(found) for found in folded.found]
            written.append(record.decision + b"\n")
        return b"".join(written)


async def trace_stream(store: RunStore, state: SessionState) -> AsyncGenerator[bytes]:
    """Yield a run's trace up to where it stands.

    Args:
        store: Where the run is kept.
        state: Of its session.
    """
    yield encode_line(TraceHeader(run=state.run, written_by=f"guarded-agent {VERSION}"))
    writer = _Writer(state)
    async for part in parts(store, state.run):
        records = [record for record in part if record.seq <= state.seq]
        if records:
            # A part takes some 20 ms: others are decided on meanwhile.
            yield await asyncio.to_thread(writer.lines, records)
    if state.outcome is not None and state.last_at is not None:
        yield encode_line(
            RunEnded(
                run=state.run,
                at=state.last_at,
                outcome=state.outcome,
                reason=state.reason,
                steps=state.step,
                tool_calls=state.tool_calls,
                refusals=state.refusals,
                input_tokens=state.input_tokens,
                output_tokens=state.output_tokens,
            )
        )
