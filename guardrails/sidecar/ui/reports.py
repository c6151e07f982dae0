"""The report of a run from its store, as `guarded-agent report` would write it from its trace."""

import asyncio
from collections import OrderedDict
from typing import Final

import msgspec

from guardrails.core.ids import RunId
from guardrails.core.trace import Line, StoredRun, TraceHeader
from guardrails.sidecar.api.traces import trace_stream
from guardrails.sidecar.service import Service
from guardrails.sidecar.ui.pages import Pages

KEPT: Final = 8
"""Reports that are kept written; one of 1,000 steps has some megabytes."""

_decoder = msgspec.json.Decoder(Line)


class RunReports:
    """Writes reports, one at a time: a long one takes a second of a core.

    Args:
        service: Whose runs.
        pages: Writes a report.
    """

    def __init__(self, service: Service, pages: Pages) -> None:
        self._service = service
        self._pages = pages
        self._written: OrderedDict[tuple[RunId, int], str] = OrderedDict()
        self._lock = asyncio.Lock()

    async def report(self, run: str) -> str:
        """Return the report of a run up to where it stands.

        Raises:
            UnknownRunError: There is no such run.
            StoreError: The store cannot be used.
        """
        live = await self._service.current(run)
        state = live.session.state
        key = state.run, state.seq
        async with self._lock:
            found = self._written.get(key)
            if found is None:
                trace = b"".join([part async for part in trace_stream(self._service.store, state)])
                found = await asyncio.to_thread(self._write, state.run, trace)
                self._written[key] = found
                if len(self._written) > KEPT:
                    self._written.popitem(last=False)
            self._written.move_to_end(key)
            return found

    def _write(self, run: RunId, trace: bytes) -> str:
        lines = [_decoder.decode(line) for line in trace.splitlines() if line]
        records = tuple(one for one in lines if not isinstance(one, TraceHeader))
        return self._pages.report(StoredRun(run=run, records=records))
