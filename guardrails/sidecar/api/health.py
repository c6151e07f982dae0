"""Whether the process lives, and whether it can do its work: read the cluster, write the store.

Checks run at the same time, each with a limit, and their results are used for some seconds, so that
probes of several replicas cost a cluster nothing worth mentioning.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from http import HTTPMethod
from typing import Final, Protocol

from guardrails.sidecar.api.answers import Checked, Health, Ready, encoded
from guardrails.sidecar.api.bodies import NoBody, NoQuery
from guardrails.sidecar.api.operations import AnyOperation, Call, Operation, Returns
from guardrails.sidecar.api.sending import Answer, answered
from guardrails.sidecar.api.stopping import Stopping
from guardrails.sidecar.stores.base import RunStore
from guardrails.sidecar.stores.calls import blocking

LIMIT_SECONDS: Final = 5.0
"""How long one check may take. Kubelet's probe has to allow more than this."""
FRESH_SECONDS: Final = 5.0
"""How long results are used: half of the usual time between two probes."""
_LINE: Final = 500


class Readiness(Protocol):
    """One thing that the service needs, such as the cluster."""

    @property
    def name(self) -> str:
        """`kubernetes` or `prometheus`, say."""
        ...

    async def check(self) -> None:
        """Use it once, as an end's judge would; raise what is wrong, in one line."""
        ...


class StoreAnswers:
    """The check of the store."""

    name = "store"

    def __init__(self, store: RunStore) -> None:
        self._store = store

    async def check(self) -> None:
        """Ask the store whether it could be used now."""
        await blocking(self._store, self._store.ping)


class HealthApi:
    """The probes.

    Args:
        checks: What has to work.
        limit_seconds: For each.
        fresh_seconds: How long results are used.
        monotonic: Seconds that never go back.
        stopping: Of the service; made when left out.
    """

    def __init__(
        self,
        checks: Sequence[Readiness],
        *,
        limit_seconds: float = LIMIT_SECONDS,
        fresh_seconds: float = FRESH_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
        stopping: Stopping | None = None,
    ) -> None:
        self._checks = tuple(checks)
        self._limit = limit_seconds
        self._fresh = fresh_seconds
        self._monotonic = monotonic
        self._last: Ready | None = None
        self._until = 0.0
        self._lock = asyncio.Lock()
        self.stopping = stopping or Stopping()
        """Once the service takes no new work it is not ready, though all is well."""

    async def health(self, call: Call[NoBody, NoQuery]) -> Answer:
        """Tell that the event loop runs."""
        del call
        return answered(encoded(Health()))

    async def ready(self, call: Call[NoBody, NoQuery]) -> Answer:
        """Tell whether everything that is needed works."""
        del call
        ready = await self.readiness()
        return answered(encoded(ready), status=200 if ready.ready else 503)

    async def readiness(self) -> Ready:
        """Check everything, or return what was found just now."""
        if self.stopping.begun:
            said = Checked(name="service", ok=False, error="it is shutting down", seconds=0.0)
            return Ready(ready=False, checks=(said,))
        async with self._lock:
            if self._last is None or self._monotonic() >= self._until:
                checked = await asyncio.gather(*(self._checked(one) for one in self._checks))
                self._last = Ready(ready=all(one.ok for one in checked), checks=tuple(checked))
                self._until = self._monotonic() + self._fresh
            return self._last

    async def _checked(self, check: Readiness) -> Checked:
        began = self._monotonic()
        error = ""
        try:
            async with asyncio.timeout(self._limit):
                await check.check()
        except TimeoutError:
            error = f"no answer within {self._limit:g} s"
        except Exception as found:  # noqa: BLE001  # whatever it raises, it does not work
            error = " ".join(str(found).split())[:_LINE] or type(found).__name__
        return Checked(
            name=check.name,
            ok=not error,
            error=error,
            seconds=round(self._monotonic() - began, 3),
        )

    def operations(self) -> tuple[AnyOperation, ...]:
        """Return the table of these."""
        return (
            Operation(
                method=HTTPMethod.GET,
                path="/healthz",
                name="healthz",
                summary="The process lives",
                handler=self.health,
                body=NoBody,
                query=NoQuery,
                returns={200: Returns(said="It does.", kind=Health)},
                roles=None,
            ),
            Operation(
                method=HTTPMethod.GET,
                path="/readyz",
                name="readyz",
                summary="The service can do its work now",
                about=(
                    "Really reads the cluster and Prometheus, and asks the store. Each check is "
                    "named."
                ),
                handler=self.ready,
                body=NoBody,
                query=NoQuery,
                returns={
                    200: Returns(said="It can.", kind=Ready),
                    503: Returns(said="Something does not work.", kind=Ready),
                },
                roles=None,
            ),
        )
