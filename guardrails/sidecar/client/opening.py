"""Runs of a service, opened or found again: each becomes a session that follows it here."""

from collections.abc import Sequence
from typing import Final

import msgspec

from guardrails.core.clock import Clock
from guardrails.core.events import EndRequested, Event, ExitKind
from guardrails.core.hooks import HookSet
from guardrails.core.ids import RunId
from guardrails.engine import Rules
from guardrails.engine.guard import ABANDONED
from guardrails.engine.replay import rules_of
from guardrails.errors import LostRunError, RefusedError, ServiceError
from guardrails.sidecar.client.api import DecisionApi
from guardrails.sidecar.client.outbox import Outbox
from guardrails.sidecar.client.session import RemoteSession, RemoteSnapshot
from guardrails.sidecar.client.wire import Opened, Opening

BEGIN_ATTEMPTS: Final = 3
"""How often a run is opened anew because another one is open under its key."""


class RemoteRuns:
    """Makes sessions of a service's runs.

    Args:
        api: Asks the service.
        clock: Where the time comes from.
        hooks: Telemetry sinks of this program.
    """

    def __init__(self, api: DecisionApi, *, clock: Clock, hooks: HookSet) -> None:
        self._api = api
        self._clock = clock
        self._hooks = hooks
        self._known_rules: tuple[tuple[str, str], Rules] | None = None

    def begin(self, opening: Opening) -> RemoteSession:
        """Open a run; one that another program left open under its key ends, as one of ours would.

        Raises:
            ServiceError: No run could be opened.
        """
        refused: RefusedError | None = None
        for _ in range(BEGIN_ATTEMPTS):
            try:
                opened = self._api.open(opening)
            except RefusedError as error:
                if error.status != 409:  # noqa: PLR2004  # conflict
                    raise
                refused = error
            else:
                if opened.run == opening.run:
                    return self._session(opened, tell=True)
            other = self._api.find(opening.key)
            if other is not None:
                refused = None
                end = EndRequested(exit=ExitKind.CANCELLED, detail=ABANDONED)
                self.attach(other).observe(end)
        if refused is not None:
            raise refused  # nobody stands in the way: it is about what was asked
        raise ServiceError(f"the guard has other runs open under the key {opening.key!r}")

    def attach(self, run: RunId, *, at_rest: RemoteSnapshot | None = None) -> RemoteSession:
        """Return a run that the service has, with what a snapshot says it was not told yet.

        Raises:
            ServiceError: The service does not have it, or cannot be asked.
        """
        taken = self._api.read(run, since=0)
        opened = Opened(run=run, number=taken.number, events=taken.events)
        session = self._session(opened, tell=False, at_rest=at_rest)
        session.hold_again()
        return session

    def _session(
        self, opened: Opened, *, tell: bool, at_rest: RemoteSnapshot | None = None
    ) -> RemoteSession:
        events = opened.events
        if not events or events[0].seq != 1:
            events = self._api.read(opened.run, since=0).events
        if not events:
            raise LostRunError(f"the guard has no events of run {opened.run}")
        known = {} if at_rest is None else {one.number: one for one in at_rest.waiting}
        waiting = [one for number, one in known.items() if number > opened.number]
        session = RemoteSession(
            opened.run,
            api=self._api,
            rules=self._rules_of(events),
            clock=self._clock,
            hooks=self._hooks,
            outbox=Outbox(number=opened.number, waiting=waiting),
        )
        session.begun_with(events, tell=tell)
        return session

    def _rules_of(self, events: Sequence[Event]) -> Rules:
        """Return what a run is decided by; the last rules are kept, since runs have mostly those.

        Raises:
            PolicyError: The policy names a detector that is not installed here.
        """
        started = msgspec.structs.asdict(events[0].fact)
        key = (str(started.get("policy")), str(started.get("machine")))
        if self._known_rules is None or self._known_rules[0] != key:
            self._known_rules = (key, rules_of(events))
        return self._known_rules[1]
