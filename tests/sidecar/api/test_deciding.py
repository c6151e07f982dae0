"""Facts, calls and ends over HTTP: numbers, waiting, streams, and callers who leave."""

import asyncio

import httpx2
import msgspec
import pytest

from guardrails.core.evidence import GateVerdict
from guardrails.sidecar.api.health import HealthApi
from guardrails.sidecar.api.streams import Pace
from guardrails.sidecar.app import make_app
from guardrails.sidecar.stores.memory import MemoryRuns
from tests.sidecar.api.apps import (
    CLAIM,
    LOOK,
    HeldGate,
    full_app,
    make_service,
    opened,
    sent_events,
    serving,
)

CALL = {"call_id": "c1", "tool": "get_pods"}


async def test_facts_are_decided_in_their_order_and_told_with_their_events() -> None:
    """The events are those after `since`, so that a client folds along."""
    async with serving(full_app()) as client:
        run = await opened(client)
        facts = [
            {"number": 1, "fact": {**LOOK, "tool_calls": [CALL]}},
            {"number": 2, "fact": {"type": "tool_requested", **CALL}, "agent": "sre"},
        ]
        body = (
            await client.post(f"/v1/sessions/{run}/events", json={"events": facts, "since": 1})
        ).json()
        assert [(one["number"], one["decision"]["seq"]) for one in body["decisions"]] == [
            (1, 2),
            (2, 3),
        ]
        assert (body["number"], body["seq"]) == (2, 3)
        assert [one["seq"] for one in body["events"]] == [2, 3]
        assert body["events"][1]["agent"] == "sre"


async def test_a_call_is_decided_by_itself() -> None:
    """What the decision says of the call comes with it."""
    async with serving(full_app()) as client:
        run = await opened(client)
        body = (
            await client.post(f"/v1/sessions/{run}/decisions", json={"number": 1, **CALL})
        ).json()
        assert body["decision"]["call_id"] == "c1"
        assert body["decision"]["tool_action"]["effect"] == "read"
        assert "events" not in body


async def test_a_fact_that_is_stated_twice_is_answered_as_before() -> None:
    """The run has it once."""
    async with serving(full_app()) as client:
        run = await opened(client)
        sent = {"events": [{"number": 1, "fact": LOOK}]}
        first = await client.post(f"/v1/sessions/{run}/events", json=sent)
        again = await client.post(f"/v1/sessions/{run}/events", json=sent)
        assert again.json() == first.json()


async def test_a_gap_is_told_with_the_number_that_is_next() -> None:
    """A client sends again from there; what came before the gap was taken."""
    async with serving(full_app()) as client:
        run = await opened(client)
        sent = {"events": [{"number": 1, "fact": LOOK}, {"number": 3, "fact": LOOK}]}
        answer = await client.post(f"/v1/sessions/{run}/events", json=sent)
        assert answer.status_code == 409
        assert answer.headers["content-type"] == "application/problem+json"
        problem = answer.json()
        assert (problem["type"], problem["expected"]) == ("urn:guarded-agent:problem:gap", 2)
        assert problem["detail"] == "fact 3 does not follow: fact 2 is next"


async def test_without_facts_it_only_reads() -> None:
    """A client that is behind asks for what it lacks."""
    async with serving(full_app()) as client:
        run = await opened(client)
        body = (
            await client.post(f"/v1/sessions/{run}/events", json={"events": [], "since": 0})
        ).json()
        assert body["decisions"] == []
        assert [one["seq"] for one in body["events"]] == [1]


async def test_an_end_is_refused_with_evidence_and_then_accepted() -> None:
    """Asked twice with one number it is one end."""
    async with serving(full_app(GateVerdict.FAIL, GateVerdict.PASS)) as client:
        run = await opened(client)
        path = f"/v1/sessions/{run}/end"
        refused = await client.post(path, json={"number": 1, **CLAIM, "since": 1})
        assert refused.status_code == 200
        assert refused.json()["decision"]["action"] == "block"
        assert [one["fact"]["type"] for one in refused.json()["events"]] == [
            "end_requested",
            "gate_reported",
        ]
        again = await client.post(path, json={"number": 1, **CLAIM})
        assert again.json()["decision"] == refused.json()["decision"]
        more = {"events": [{"number": 2, "fact": LOOK}]}
        await client.post(f"/v1/sessions/{run}/events", json=more)
        accepted = await client.post(path, json={"number": 3, **CLAIM})
        assert accepted.json()["decision"]["outcome"] == "resolved"


async def test_while_the_gate_works_the_answer_is_to_ask_again() -> None:
    """It says what is waited for; the gate is asked once."""
    gate = HeldGate()
    async with serving(full_app(gate=gate)) as client:
        run = await opened(client)
        path, end = f"/v1/sessions/{run}/end", {"number": 1, **CLAIM, "wait": 0.05}
        waiting = await client.post(path, json=end)
        assert waiting.status_code == 202
        assert waiting.headers["retry-after"] == "1"
        assert waiting.json()["decision"] is None
        assert waiting.json()["progress"]["waiting_for"] == ["the rollout of checkout"]
        gate.let.set()
        decided = await client.post(path, json={**end, "wait": 10})
        assert decided.json()["decision"]["outcome"] == "resolved"
        assert gate.asked == 1


async def test_an_end_streams_what_the_gate_says_and_the_decision() -> None:
    """Comments keep the connection open between."""
    gate = HeldGate()
    async with serving(full_app(gate=gate, pace=Pace(ping_seconds=0.02))) as client:
        run = await opened(client)
        text = ""
        async with client.stream(
            "POST",
            f"/v1/sessions/{run}/end",
            json={"number": 1, **CLAIM},
            headers={"accept": "text/event-stream"},
        ) as answer:
            assert answer.headers["content-type"] == "text/event-stream"
            async for part in answer.aiter_text():
                text += part
                if ": ping" in text:
                    gate.let.set()
        events = sent_events(text)
        assert [kind for kind, _ in events] == ["progress", "decision"]
        assert msgspec.json.decode(events[0][1])["run"] == run
        assert msgspec.json.decode(events[1][1])["decision"]["outcome"] == "resolved"


async def test_a_problem_of_a_streamed_end_is_told_in_the_stream() -> None:
    """The answer has begun by then, so its status says nothing."""
    async with serving(full_app(GateVerdict.PASS)) as client:
        run = await opened(client)
        answer = await client.post(
            f"/v1/sessions/{run}/end",
            json={"number": 5, **CLAIM},
            headers={"accept": "text/event-stream"},
        )
        ((kind, data),) = sent_events(answer.text)
        assert kind == "problem"
        assert msgspec.json.decode(data)["expected"] == 1


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_a_caller_who_leaves_loses_nothing(accept: str) -> None:
    """The gate goes on, and whoever asks next gets its decision."""
    gate, store = HeldGate(), MemoryRuns()
    async with serving(full_app(gate=gate, store=store)) as client:
        run = await opened(client)
        path = f"/v1/sessions/{run}/end"
        end = client.post(
            path, json={"number": 1, **CLAIM}, headers={"accept": accept}, timeout=0.3
        )
        with pytest.raises(httpx2.ReadTimeout):
            await end
        gate.let.set()
        decided = await client.post(path, json={"number": 1, **CLAIM})
        assert decided.json()["decision"]["outcome"] == "resolved"
        assert gate.asked == 1
        numbers = [record.number for record in store.records(run)]
        assert numbers == [0, 1, 0]


async def test_two_callers_of_one_end_get_one_decision() -> None:
    """Both wait for the same gate."""
    gate = HeldGate()
    async with serving(full_app(gate=gate)) as client:
        run = await opened(client)
        end = {"number": 1, **CLAIM}
        asked = [
            asyncio.create_task(client.post(f"/v1/sessions/{run}/end", json=end)) for _ in range(2)
        ]
        await gate.at_work.wait()
        gate.let.set()
        one, other = [(await each).json() for each in asked]
        assert one["decision"] == other["decision"]
        assert gate.asked == 1


@pytest.mark.parametrize("accept", ["application/json", "text/event-stream"])
async def test_whoever_waits_for_the_gate_is_let_go_when_the_service_stops(accept: str) -> None:
    """They ask another replica, which finds the run held at its end."""
    gate, probes, store = HeldGate(), HealthApi([]), MemoryRuns()
    app = make_app(make_service(gate=gate, store=store), health=probes)
    async with serving(app) as client:
        run = await opened(client)
        path, end = f"/v1/sessions/{run}/end", {"number": 1, **CLAIM, "wait": 60}
        asked = asyncio.create_task(client.post(path, json=end, headers={"accept": accept}))
        await gate.at_work.wait()
        probes.stopping.begin()
        waiting = await asyncio.wait_for(asked, 5)
        assert waiting.status_code == (202 if accept == "application/json" else 200)
        assert "event: decision" not in waiting.text
        again = await client.post(path, json=end)
        assert again.status_code == 202
        gate.let.set()
    assert [record.number for record in store.records(run)][:2] == [0, 1]
