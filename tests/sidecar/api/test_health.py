"""Probes: the process lives, and what it needs really answers."""

import asyncio
from dataclasses import dataclass, field

from guardrails.errors import PermanentSourceError
from guardrails.sidecar.api.health import HealthApi, StoreAnswers
from guardrails.sidecar.app import make_app
from guardrails.sidecar.stores.base import StoreError
from guardrails.sidecar.stores.memory import MemoryRuns
from tests.sidecar.api.apps import calling, full_app, make_service


@dataclass
class Source:
    """A source that answers, fails or is silent."""

    name: str
    error: Exception | None = None
    silent: bool = False
    asked: int = 0
    others: list[str] = field(default_factory=list)

    async def check(self) -> None:
        """Do what it was told."""
        self.asked += 1
        if self.silent:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error


class LostStore(MemoryRuns):
    """A store that is not reached."""

    def ping(self) -> None:
        """Fail as a network does."""
        raise StoreError("postgresql: connection refused")


async def test_a_process_lives_whatever_it_needs() -> None:
    """Kubelet must not kill a guard because the cluster does not answer."""
    async with calling(full_app(checks=[Source("kubernetes", StoreError("down"))])) as client:
        answer = await client.get("/healthz")
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_it_is_ready_when_all_that_it_needs_answers() -> None:
    """Each is named, the store too."""
    async with calling(full_app(checks=[Source("kubernetes"), Source("prometheus")])) as client:
        answer = await client.get("/readyz")
        assert answer.status_code == 200
        assert answer.json()["ready"] is True
        assert [(one["name"], one["ok"]) for one in answer.json()["checks"]] == [
            ("store", True),
            ("kubernetes", True),
            ("prometheus", True),
        ]


async def test_what_does_not_answer_is_named_in_one_line() -> None:
    """And the others with it: an operator sees all at once."""
    denied = PermanentSourceError("list pods in shop:\n  403 Forbidden")
    checks = [Source("kubernetes", denied), Source("prometheus", silent=True)]
    probes = HealthApi((StoreAnswers(LostStore()), *checks), limit_seconds=0.05)
    async with calling(make_app(make_service(), health=probes)) as client:
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert {one["name"]: one["error"] for one in answer.json()["checks"]} == {
            "store": "postgresql: connection refused",
            "kubernetes": "list pods in shop: 403 Forbidden",
            "prometheus": "no answer within 0.05 s",
        }


async def test_probes_of_many_cost_a_source_one_question() -> None:
    """Results are used for some seconds, also by those who ask at the same time."""
    now = [0.0]
    source = Source("kubernetes")
    probes = HealthApi([source], fresh_seconds=5, monotonic=lambda: now[0])
    async with calling(make_app(make_service(), health=probes)) as client:
        await asyncio.gather(*(client.get("/readyz") for _ in range(5)))
        assert source.asked == 1
        now[0] = 5.0
        await client.get("/readyz")
        assert source.asked == 2


async def test_a_service_that_stops_is_not_ready() -> None:
    """No new work is sent to it, while what it has goes on."""
    probes = HealthApi([])
    async with calling(make_app(make_service(), health=probes)) as client:
        assert (await client.get("/readyz")).status_code == 200
        probes.stopping.begin()
        answer = await client.get("/readyz")
        assert answer.status_code == 503
        assert answer.json()["checks"][0]["error"] == "it is shutting down"
