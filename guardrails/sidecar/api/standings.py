"""Where the runs of a list stand, without reading each of them for every answer.

Where a run stands changes only by its events, so what was told up to one of them is told again
until there is another. So the cost of a list grows with what happened, not with who looks at it.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Final

import msgspec

from guardrails.core.events import RunStarted
from guardrails.core.ids import RunId
from guardrails.sidecar.api.answers import Standing
from guardrails.sidecar.api.views import standing_view
from guardrails.sidecar.runs import LiveRun, LostRecordsError, events_of
from guardrails.sidecar.service import Service, UnknownRunError
from guardrails.sidecar.stores.base import RunRow
from guardrails.sidecar.stores.calls import blocking

READ_AT_MOST: Final = 100
"""Runs that one answer reads from the store. A run read is a run that another one in memory makes
room for, and agents wait meanwhile; the next answer reads further."""
KEPT: Final = 4_096
"""Standings that are kept, some 2 kB each; more than the longest list."""


class Standings:
    """Tells where runs stand.

    Args:
        service: Whose runs.
    """

    def __init__(self, service: Service) -> None:
        self._service = service
        self._kept: OrderedDict[RunId, Standing] = OrderedDict()

    async def of(self, rows: Sequence[RunRow]) -> Mapping[RunId, Standing]:
        """Return where runs stand, as far as it is known after reading some of them.

        Args:
            rows: As the store has them, those changed last first: they are read first.

        Raises:
            StoreError: The store cannot be used.
        """
        live = {one.run: one for one in self._service.live}
        read = 0
        found: dict[RunId, Standing] = {}
        for row in rows:
            known = self._kept.get(row.run)
            if known is None or known.seq < row.seq:
                here = live.get(row.run)
                if here is None or here.session.state.seq < row.seq:
                    here, read = (None, read) if read >= READ_AT_MOST else (row, read + 1)
                known = known if here is None else await self._read(row.run, here, known)
            if known is not None:
                found[row.run] = self._keep(row.run, known)
        return found

    async def _read(
        self, run: RunId, where: LiveRun | RunRow, known: Standing | None
    ) -> Standing | None:
        try:
            live = where if isinstance(where, LiveRun) else await self._service.current(run)
        except (UnknownRunError, LostRecordsError):
            return None  # deleted, or lost by the store, since it was listed
        model = known.model if known is not None else await self._model(run)
        return standing_view(live, model=model)

    async def _model(self, run: RunId) -> str:
        """Return the model that a run began with: nothing but its first event has it."""
        store = self._service.store
        records = store.records(run)
        first = events_of(await blocking(store, lambda: list(islice(records, 1))))
        fact = first[0].fact if first else None
        return fact.model if isinstance(fact, RunStarted) else ""

    def _keep(self, run: RunId, standing: Standing) -> Standing:
        self._kept[run] = standing
        self._kept.move_to_end(run)
        if len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        progress = self._service.progress(run)
        return (
            standing if progress is None else msgspec.structs.replace(standing, progress=progress)
        )
