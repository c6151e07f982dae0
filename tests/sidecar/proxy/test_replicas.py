"""Two replicas at one run at the same time: neither loses what the other wrote."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from guardrails.sidecar.stores.memory import MemoryRuns
from tests.sidecar.proxy.stage import Model, Stage, calling, said, stage


class Together(Model):
    """Answers when as many requests are there as are to meet."""

    def __init__(self, *, meeting: int) -> None:
        super().__init__([])
        self.meeting = asyncio.Barrier(meeting)
        self.meets = True
        self.given = 0

    async def play(self, request: Any) -> Any:
        """Answer with a call that no other answer has, then with words."""
        body = msgspec.json.decode(await request.body())
        if self.meets and not self.meeting.broken:
            try:
                async with asyncio.timeout(2):
                    await self.meeting.wait()
            except (TimeoutError, asyncio.BrokenBarrierError):
                await self.meeting.abort()
        self.given += 1
        done = any(message["role"] == "tool" for message in body["messages"])
        told = said("It is fixed.") if done else calling((f"c{self.given}", "kubectl get pods"))
        self.script = [told]
        return await super().play(request)


@asynccontextmanager
async def _replicas(model: Model) -> AsyncGenerator[tuple[Stage, Stage]]:
    runs = MemoryRuns()
    async with stage(store=runs, model=model) as one, stage(store=runs, model=model) as two:
        yield one, two


def _check_numbers(stage: Stage, run: str) -> list[dict[str, Any]]:
    records = list(stage.store.records(run))  # type: ignore[arg-type]
    numbers = [record.number for record in records if record.number]
    assert numbers == list(range(1, len(numbers) + 1))
    facts = [msgspec.json.decode(record.event)["fact"] for record in records]
    asked = Counter(fact["call_id"] for fact in facts if fact["type"] == "tool_requested")
    back = Counter(fact["call_id"] for fact in facts if fact["type"] == "tool_returned")
    assert asked == back
    assert set(asked.values()) <= {1}
    return facts


@pytest.mark.timeout(60)
async def test_a_request_that_reaches_both_is_answered_alike() -> None:
    """A client that gave up waiting repeats it, and a load balancer chooses the other one."""
    model = Together(meeting=2)
    async with _replicas(model) as (one, two):
        agent = one.agent()
        first = await agent.turn()
        run = agent.run
        agent.headers = {"x-guarded-agent-run": run}
        again = [agent, two.agent(headers=agent.headers)]
        again[1].messages = list(agent.messages)
        model.meeting = asyncio.Barrier(2)
        answers = await asyncio.gather(*(one.post() for one in again))
        assert [answer.status_code for answer in answers] == [200, 200]
        assert first["tool_calls"]
        said = [answer.json()["choices"][0]["message"]["content"] for answer in answers]
        assert said == ["It is fixed.", "It is fixed."]
        facts = _check_numbers(one, run)
        assert [fact["type"] for fact in facts].count("end_requested") == 1
        assert [fact["type"] for fact in facts].count("gate_reported") == 1
        assert [row.ended for row in one.store.rows()] == [True]


@pytest.mark.timeout(60)
async def test_agents_of_one_run_are_served_by_both() -> None:
    """Each conversation is kept, with its own calls, and every fact has a number of its own."""
    model = Together(meeting=4)
    async with _replicas(model) as (one, two):
        model.meets = False
        lead = one.agent()
        await lead.turn()
        model.meets = True
        agents = [
            place.agent(
                f"look at part {at}",
                headers={"x-guarded-agent-run": lead.run, "x-guarded-agent-name": f"part-{at}"},
            )
            for at, place in enumerate((one, two, one, two))
        ]
        ends = await asyncio.gather(*(agent.to_the_end() for agent in agents))
        assert ends == ["It is fixed."] * 4
        assert await lead.to_the_end() == "It is fixed."
        facts = _check_numbers(two, lead.run)
        calls = [fact for fact in facts if fact["type"] == "tool_requested"]
        assert len(calls) == 5
