"""The app of one case: made in a fresh namespace, waited for, and thrown away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.gates.cases.load import DATA
from benchmarks.gates.cases.model import Step
from benchmarks.gates.live.acting import Actor, Kubectl, StepError
from benchmarks.gates.live.reading import RawReader
from benchmarks.gates.peers.kstatus import KSTATUS
from benchmarks.gates.world import Thing, View, World, dig, holds
from e2e.app import MANIFESTS
from e2e.lanes import LANE_LABEL
from e2e.mesh import AMBIENT

FLOWS = DATA / "app" / "flows.yaml"

LOOK_EVERY_SECONDS = 0.6
"""Setting up is most of what the API server has to do, so it is not asked more often than this."""

ROLLED_OUT = (
    *("pods", "deployments", "statefulsets", "daemonsets", "jobs", "cronjobs"),
    "persistentvolumeclaims",
)
"""The lists that tell whether everything runs."""

APP_SECONDS = 90.0
FAULT_SECONDS = 45.0
"""How long app and fault may take to show; on a busy machine both take several times as long as on
an idle one."""

WATCHDOG = "Watchdog"

SERVICES = ("frontend", "catalog", "checkout", "payment")


class NotSetUpError(Exception):
    """A case that could not be set up; it is reported as not run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """The app in its namespace."""

    namespace: str
    kubectl: Kubectl
    reader: RawReader
    lane: int

    async def make(self, parts: Iterable[Path]) -> None:
        """Make the namespace and everything in it."""
        labels = f"{LANE_LABEL}: '{self.lane}', {AMBIENT}: ambient"
        await self.kubectl.run("apply", "-f", "-", stdin=_namespace(self.namespace, labels))
        await until(self._has_account, what="the namespace has its service account", limit=30)
        manifests = [*sorted(MANIFESTS.glob("*.yaml")), *parts]
        text = "\n---\n".join(path.read_text(encoding="utf-8") for path in manifests)
        placed = text.replace("namespace: shop", f"namespace: {self.namespace}")
        await self.kubectl.run("apply", "-f", "-", stdin=placed)

    async def wait_healthy(self, *, limit: float = APP_SECONDS) -> World:
        """Wait until everything runs, answers and is quiet; return that state.

        Raises:
            NotSetUpError: Not in time; says what was missing last.
        """
        try:
            return await until(self.healthy, what="the app is healthy", limit=limit)
        except NotSetUpError as error:
            found = await self._state()
            said = found if isinstance(found, str) else "it is by now"
            raise NotSetUpError(f"{error}: {said}") from None

    async def healthy(self) -> World | None:
        """Return the state when everything runs, answers and is quiet."""
        found = await self._state()
        return None if isinstance(found, str) else found

    async def _state(self) -> World | str:
        """Return the state, or else what is not as it should be."""
        world = await self.reader.look(self.namespace, ROLLED_OUT)
        pods = world.of("pods")
        waits = [str(dig(pod, "metadata", "name")) for pod in pods if not _well(pod)]
        if waits or not pods:
            return f"pods are not ready: {', '.join(waits) or 'none is there'}"
        if not KSTATUS.judge(View(now=world, before=world)).accepts:
            return "something is not rolled out"
        if world.alerts is None:
            return "Prometheus does not answer"
        if alerts_of(world):
            return f"alerts are active: {', '.join(alerts_of(world))}"
        answered = await self.reader.query(
            f'count(sum by (service) (rate(http_requests_total{{namespace="{self.namespace}",'
            f'code="200"}}[4s])) > 0)'
        )
        if answered != len(SERVICES):
            return f"{answered or 0:.0f} of {len(SERVICES)} Services answer"
        return await self.reader.look(self.namespace)

    async def throw_away(self) -> None:
        """Take the namespace out of its lane and delete it, without waiting for the end of it."""
        await self.kubectl.attempt("label", "namespace", self.namespace, f"{LANE_LABEL}-")
        await self.kubectl.attempt("delete", "namespace", self.namespace, "--wait=false")

    async def _has_account(self) -> bool | None:
        code, _, _ = await self.kubectl.attempt(
            "get", "serviceaccount", "default", "-n", self.namespace
        )
        return True if code == 0 else None


def alerts_of(world: World) -> list[str]:
    """Return the names of the alerts that are pending or firing, less the watchdog."""
    found = [str(dig(alert, "labels", "alertname")) for alert in world.alerts or ()]
    return [name for name in found if name != WATCHDOG]


def fires(world: World, labels: dict[str, str]) -> bool:
    """Tell whether an alert with these labels fires."""
    return any(
        alert.get("state") == "firing" and labels.items() <= (dig(alert, "labels") or {}).items()
        for alert in world.alerts or ()
    )


async def until(
    find: Callable[[], Awaitable[World | bool | None]], *, what: str, limit: float
) -> World:
    """Look until something is found.

    Raises:
        NotSetUpError: Not in time.
    """
    deadline = time.monotonic() + limit
    while True:
        found = await find()
        if found is not None and found is not False:
            return found if isinstance(found, World) else World(at=time.time(), lists={})
        if time.monotonic() > deadline:
            raise NotSetUpError(f"{what}: not within {limit:.0f} s")
        await asyncio.sleep(LOOK_EVERY_SECONDS)


async def carry_out(actor: Actor, steps: Iterable[Step], what: str) -> None:
    """Carry out steps of the set-up.

    Raises:
        NotSetUpError: One failed.
    """
    try:
        await actor.do(steps)
    except StepError as error:
        raise NotSetUpError(f"{what}: {error}") from error


def _well(pod: Thing) -> bool:
    return dig(pod, "status", "phase") == "Succeeded" or holds(pod, "Ready")


def _namespace(name: str, labels: str) -> str:
    return f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}, labels: {{{labels}}}}}\n"
