"""Reads where a run stands without holding it: runs of other replicas, and those let go of.

The list shows thousands of them. If each were held by the service, the runs that it works on would
have to go.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

import msgspec

from guardrails.core.events import Event, RunStarted
from guardrails.core.ids import RunId
from guardrails.engine.fold import fold
from guardrails.engine.replay import rules_of
from guardrails.engine.rules import Rules
from guardrails.engine.session import decode_session
from guardrails.engine.state import SessionState
from guardrails.errors import TraceError
from guardrails.policy.models import Settings
from guardrails.policy.stored import settings_of_text
from guardrails.sidecar.runs import events_of
from guardrails.sidecar.stores.base import RunStore

_MADE: Final = 16
"""Rules that are kept made; a service has few policies."""

_events = msgspec.json.Decoder(Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRun:
    """A run as the store has it."""

    started: RunStarted
    settings: Settings
    state: SessionState
    key: str


class RunReader:
    """Reads runs. Its calls block, and are made one at a time.

    Args:
        store: Where they are.
    """

    def __init__(self, store: RunStore) -> None:
        self._store = store
        self._rules: OrderedDict[tuple[str, str], Rules] = OrderedDict()

    def started(self, run: RunId) -> RunStarted | None:
        """Return the first fact of a run; None if there is no such run.

        Raises:
            TraceError: The run begins with something else.
        """
        record = next(iter(self._store.records(run)), None)
        if record is None:
            return None
        fact = _events.decode(record.event).fact
        if not isinstance(fact, RunStarted):
            raise TraceError(f"run {run} does not begin with its first fact")
        return fact

    def read(self, run: RunId) -> ReadRun | None:
        """Return a run; None if there is none.

        Raises:
            StoreError: The store cannot be used.
            TraceError: What is stored cannot be read.
        """
        stored = self._store.load(run)
        started = None if stored is None else self.started(run)
        if stored is None or started is None:
            return None
        events = events_of(stored.since)
        kept = stored.snapshot
        state = decode_session(kept).state if kept else SessionState(run=run)
        for event in events:
            state = fold(state, event, self._rules_of(started, run)).state
        return ReadRun(
            started=started,
            settings=settings_of_text(stored.row.policy),
            state=state,
            key=stored.row.key,
        )

    def _rules_of(self, started: RunStarted, run: RunId) -> Rules:
        key = (started.policy, started.machine)
        found = self._rules.get(key)
        if found is None:
            first = next(iter(self._store.records(run)))
            found = self._rules[key] = rules_of([_events.decode(first.event)])
            if len(self._rules) > _MADE:
                self._rules.popitem(last=False)
        self._rules.move_to_end(key)
        return found
