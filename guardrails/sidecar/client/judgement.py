"""Waiting for what a service's gate says of an end: told as it goes, or asked for again and again.

A stream tells what the gate sees when it sees it, and the decision the moment it is there. Where a
stream does not come through (a proxy in between holds it back, or cuts it), requests that wait a
while do the same with some delay.
"""

import asyncio
import time
from typing import Final

import httpx2

from guardrails.core.decisions import Decision
from guardrails.errors import UnreachableError
from guardrails.sidecar.client.api import DecisionApi
from guardrails.sidecar.client.session import RemoteSession
from guardrails.sidecar.client.transport import SilentStreamError, pauses

OVERDUE: Final = 300.0
"""Seconds beyond what its policy gives the gate after which an end is waited for no longer."""


class Judgement:
    """Waits for judgements, of any number of runs.

    Args:
        api: Asks the service.
    """

    def __init__(self, api: DecisionApi) -> None:
        self._api = api
        self._streams = True
        """False once a stream did not come through, whatever stands in between."""

    async def of(self, session: RemoteSession, *, give_up_after: float) -> Decision:
        """Return the decision on the end that a run is held at.

        Args:
            session: The run.
            give_up_after: Seconds for which a service that is gone is waited for.

        Raises:
            ServiceError: The service has been gone for that long, or will not decide.
        """
        session.hold_again()
        gate = session.rules.settings.gate
        overdue = time.monotonic() + gate.wait_at_most + gate.watch_for + OVERDUE
        gone_since: float | None = None
        waits = pauses()
        async with self._api.transport.connection() as connection:
            while time.monotonic() < overdue:
                asked_at = time.monotonic()
                try:
                    if session.waiting:
                        await asyncio.to_thread(session.deliver)
                    decision = await self._asked(session, connection, whole=gone_since is not None)
                except UnreachableError as error:
                    now = time.monotonic()
                    gone_since = now if gone_since is None else gone_since
                    if now - gone_since >= give_up_after:
                        raise
                    await asyncio.sleep(max(next(waits), error.after or 0.0))
                    continue
                if decision is not None:
                    return decision
                gone_since = None
                pause = next(waits)
                if time.monotonic() - asked_at < pause:
                    await asyncio.sleep(pause)  # it stops, and lets nobody wait
                else:
                    waits = pauses()
        raise UnreachableError(f"the guard did not judge the end of run {session.run} in time")

    async def _asked(
        self, session: RemoteSession, connection: httpx2.AsyncClient, *, whole: bool
    ) -> Decision | None:
        """Ask once: by a stream, unless those do not come through or this one just broke."""
        try:
            return await session.judged(connection, streamed=self._streams and not whole)
        except SilentStreamError:
            self._streams = False
            return None
