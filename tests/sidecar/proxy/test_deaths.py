"""A process that dies at any write: the next one goes on, and nothing is lost, doubled or accepted.

The process is a service and a proxy of its own over the same runs; the store fails at one write,
before or after it is done, and at everything after that.
"""

import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx2
import msgspec
import pytest
from starlette.applications import Starlette

from guardrails.core.evidence import GateReport, GateVerdict
from guardrails.core.incident import Incident
from guardrails.gates.base import GateRequest, OnProgress
from guardrails.policy.models import HygieneSettings, Settings
from guardrails.sidecar.proxy.routes import Proxy
from guardrails.sidecar.proxy.settings import ProxySettings, Upstream
from guardrails.sidecar.proxy.upstream import PATHS, Headers, Models
from guardrails.sidecar.proxy.wire.base import Json, Turn, Wire
from guardrails.sidecar.service import Service
from guardrails.sidecar.stores.base import StoreError
from guardrails.sidecar.stores.memory import MemoryRuns
from guardrails.testing.gates import scripted_report
from tests.settings import NO_MACHINE
from tests.sidecar.proxy.stage import Agent, Model, Reply, calling, model_app, said

POLICY = Settings(
    fsm=NO_MACHINE, hygiene=HygieneSettings(early="none"), effects={"destructive": "block"}
)
WRITES = frozenset({"create", "append", "keep", "snapshot"})


class Dying:
    """A store that works up to one write of its process."""

    def __init__(self, runs: MemoryRuns, *, at: int, done: bool) -> None:
        self._runs = runs
        self._at = at
        self._done = done
        self.writes = 0
        self.dead = False

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._runs, name)
        return self._mortal(name, found) if callable(found) else found

    def _mortal(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        def done(*args: Any, **more: Any) -> Any:
            if self.dead:
                raise StoreError("the process is dead")
            if name not in WRITES:
                return work(*args, **more)
            self.writes += 1
            self.dead = self.writes == self._at
            if not self.dead:
                return work(*args, **more)
            if self._done:
                work(*args, **more)
            raise StoreError("the process dies")

        return done


@dataclass
class World:
    """What lives on: the cluster, the model, and the runs."""

    runs: MemoryRuns = field(default_factory=MemoryRuns)
    mended: bool = False
    ids: Any = field(default_factory=lambda: itertools.count(1))
    name: str = "world"

    async def open(self, incident: Incident) -> "World":
        """Be the gate."""
        del incident
        return self

    async def evaluate(
        self, request: GateRequest, *, on_progress: OnProgress | None = None
    ) -> GateReport:
        """Pass once the agent has really mended it."""
        del request, on_progress
        return scripted_report(GateVerdict.PASS if self.mended else GateVerdict.FAIL)

    def reply(self, messages: list[dict[str, Any]]) -> Reply:
        """Be the model; asked again, it writes other ids."""
        number = next(self.ids)
        results = [m for m in messages if m["role"] == "tool" and m["content"] == "done"]
        refused = any("Not accepted" in str(m["content"]) for m in messages)
        match len(results), refused:
            case 0, _:
                return calling((f"c{number}", "kubectl get pods -n shop"))
            case 1, False:
                return said("It is fixed.")
            case 1, True:
                return calling(
                    (f"c{number}a", "kubectl rollout restart deployment/checkout -n shop"),
                    (f"c{number}b", "kubectl delete namespace shop"),
                )
            case _:
                return said("Now it is.")


class Playing(Model):
    """The world's model behind its server."""

    def __init__(self, world: World) -> None:
        super().__init__([])
        self._world = world

    async def play(self, request: Any) -> Any:
        """Answer by what the model is shown."""
        body = msgspec.json.decode(await request.body())
        self.script = [self._world.reply(body["messages"])]
        return await super().play(request)


class AtOnce(Models):
    """Asks the world's model without a socket between."""

    def __init__(self, settings: ProxySettings, world: World) -> None:
        super().__init__(settings)
        transport = httpx2.ASGITransport(app=model_app(Playing(world)))
        self._server = httpx2.AsyncClient(transport=transport, base_url="http://model/v1")

    async def turn(self, wire: Wire, body: Json, headers: Headers, *, stream: bool) -> Turn:
        """Ask the model."""
        assert not stream
        path = PATHS[wire.name]
        answer = await self._server.post(path, json=body, headers=dict(headers.values))
        return wire.turn(answer.json())


class Process:
    """One service with its proxy."""

    def __init__(self, world: World, *, at: int = 0, done: bool = False) -> None:
        self.store = Dying(world.runs, at=at, done=done)
        settings = ProxySettings(upstreams={"chat": Upstream(base_url="http://model/v1")})
        service = Service(
            store=self.store,  # type: ignore[arg-type]
            settings=lambda _policy, _model: POLICY,
            gate=lambda _settings: world,  # type: ignore[arg-type,return-value]
        )
        models = AtOnce(settings, world)
        proxy = Proxy(service, settings, authenticated=False, models=models)
        app = Starlette(routes=proxy.routes())
        self.client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app, raise_app_exceptions=False),
            base_url="http://proxy",
        )


async def _run(world: World, first: Process, new: Callable[[], Process]) -> Agent:
    """Run the agent to its end; when its guard dies, it asks the next one the same."""
    agent = Agent(
        first.client,
        [
            {"role": "system", "content": "You mend clusters."},
            {"role": "user", "content": "checkout is down"},
        ],
    )
    for _ in range(12):
        response = await agent.post()
        if response.status_code != 200:
            assert response.status_code in {500, 503}, response.text
            agent.client = new().client
            continue
        message = response.json()["choices"][0]["message"]
        agent.messages.append(message)
        for call in message.get("tool_calls") or ():
            command = call["function"]["arguments"]
            agent.ran.append(command)
            world.mended = world.mended or "rollout restart" in command
            answer = {"role": "tool", "tool_call_id": call["id"], "content": "done"}
            agent.messages.append(answer)
        if not message.get("tool_calls"):
            return agent
    raise AssertionError("no end")


def _check(world: World, agent: Agent) -> None:
    (row,) = world.runs.rows()
    records = list(world.runs.records(row.run))
    facts = [msgspec.json.decode(record.event)["fact"] for record in records]
    numbers = [record.number for record in records if record.number]
    assert numbers == list(range(1, len(numbers) + 1))
    asked = Counter(fact["call_id"] for fact in facts if fact["type"] == "tool_requested")
    back = Counter(fact["call_id"] for fact in facts if fact["type"] == "tool_returned")
    assert asked == back
    assert set(asked.values()) == {1}
    given = [c["id"] for m in agent.messages for c in m.get("tool_calls") or ()]
    done = [f["call_id"] for f in facts if f["type"] == "tool_returned" and f["text"] == "done"]
    assert done == given
    assert "It is fixed." not in str(agent.messages)
    assert agent.messages[-1]["content"] == "Now it is."
    assert not any("delete" in command for command in agent.ran)
    assert row.ended
    verdicts = [f["report"]["verdict"] for f in facts if f["type"] == "gate_reported"]
    assert verdicts.count("pass") == 1
    assert verdicts[-1] == "pass"


async def _writes() -> int:
    world = World()
    process = Process(world)
    agent = await _run(world, process, lambda: process)
    _check(world, agent)
    return process.store.writes


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
async def test_a_process_dies_at_any_write(done: bool) -> None:  # noqa: FBT001
    """The agent asks the same again, and the run comes to the end that it would have had."""
    writes = await _writes()
    assert writes > 20
    for at in range(1, writes + 1):
        world = World()
        agent = await _run(world, Process(world, at=at, done=done), lambda w=world: Process(w))
        try:
            _check(world, agent)
        except AssertionError as error:
            raise AssertionError(f"died at write {at} of {writes}") from error
