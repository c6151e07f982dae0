"""Streams of a run: events from the store and then live, and the trace as a file."""

import asyncio
from pathlib import Path

import httpx2
import msgspec
import pytest

from guardrails.core.evidence import GateVerdict
from guardrails.core.trace import read_trace
from guardrails.engine.replay import replay
from guardrails.sidecar.api.health import HealthApi
from guardrails.sidecar.api.streams import Pace
from guardrails.sidecar.app import make_app
from guardrails.sidecar.stores.memory import MemoryRuns
from guardrails.telemetry.jsonl import TraceFileHook
from tests.sidecar.api.apps import (
    CLAIM,
    LOOK,
    calling,
    full_app,
    make_service,
    opened,
    sent_events,
    serving,
)

QUICK = Pace(ping_seconds=0.02, look_seconds=0.01)
ENDED = {"number": 2, "exit": "final_answer", "claim": {"kind": "needs_human"}}


async def _look(client: httpx2.AsyncClient, run: str, number: int) -> None:
    sent = {"events": [{"number": number, "fact": LOOK}]}
    answer = await client.post(f"/v1/sessions/{run}/events", json=sent)
    assert answer.status_code == 200, answer.text


async def test_events_come_from_the_store_and_then_live_until_the_end() -> None:
    """Each once, in order, with its number as its id."""
    async with serving(full_app(GateVerdict.PASS, pace=QUICK)) as client:
        run = await opened(client)
        text = ""
        async with client.stream("GET", f"/v1/sessions/{run}/events") as answer:
            async for part in answer.aiter_text():
                text += part
                if "id: 1\n" in text and "id: 2\n" not in text:
                    await _look(client, run, 1)
                elif "id: 2\n" in text and "id: 3\n" not in text:
                    await client.post(f"/v1/sessions/{run}/end", json={"number": 2, **CLAIM})
        events = sent_events(text)
        assert [kind for kind, _ in events] == ["event"] * 4 + ["end"]
        assert [msgspec.json.decode(data)["seq"] for _, data in events] == [1, 2, 3, 4, 4]
        assert [line for line in text.splitlines() if line.startswith("id: ")] == [
            "id: 1",
            "id: 2",
            "id: 3",
            "id: 4",
        ]


async def test_a_client_that_comes_back_misses_nothing() -> None:
    """It says which event it has; when there are no more it is told to stop asking."""
    async with serving(full_app(GateVerdict.PASS, pace=QUICK)) as client:
        run = await opened(client)
        await _look(client, run, 1)
        await client.post(f"/v1/sessions/{run}/end", json={"number": 2, **CLAIM})
        path = f"/v1/sessions/{run}/events"
        rest = await client.get(path, headers={"last-event-id": "2"})
        assert [msgspec.json.decode(data)["seq"] for _, data in sent_events(rest.text)] == [3, 4, 4]
        assert (await client.get(path, headers={"last-event-id": "4"})).status_code == 204


@pytest.mark.parametrize("said", ["-1", "x", "1.5", "²", "9" * 30])
async def test_a_last_event_that_is_no_number_is_refused(said: str) -> None:
    """It must not begin anew in silence."""
    async with calling(full_app()) as client:
        run = await opened(client)
        headers = {b"last-event-id": said.encode()}
        answer = await client.get(f"/v1/sessions/{run}/events", headers=headers)
        assert answer.status_code == 422
        assert "Last-Event-ID is the seq of an event" in answer.json()["detail"]


async def test_events_of_another_process_are_in_the_stream() -> None:
    """Both have one store; the stream looks there."""
    store = MemoryRuns()
    one, other = (full_app(GateVerdict.PASS, store=store, pace=QUICK) for _ in range(2))
    async with serving(one) as here, calling(other) as there:
        run = await opened(here)
        seen: list[str] = []
        async with here.stream("GET", f"/v1/sessions/{run}/events") as answer:
            async for line in answer.aiter_lines():
                if line.startswith("id: "):
                    seen.append(line)
                    if len(seen) == 1:
                        await _look(there, run, 1)
                    elif len(seen) == 2:
                        break
        assert seen == ["id: 1", "id: 2"]


async def test_a_stream_ends_in_time_and_pings_before() -> None:
    """So that no replica keeps all of them for ever."""
    pace = Pace(ping_seconds=0.01, look_seconds=0.01, at_most_seconds=0.1)
    async with calling(full_app(pace=pace)) as client:
        run = await opened(client)
        answer = await client.get(f"/v1/sessions/{run}/events", headers={"last-event-id": "1"})
        assert set(answer.text.split("\n\n")) == {": ping", ""}


async def test_streams_end_when_the_service_stops() -> None:
    """They would hold up its shutdown; the client comes back with the last id that it has."""
    probes = HealthApi([])
    async with calling(make_app(make_service(), health=probes, pace=QUICK)) as client:
        run = await opened(client)
        asyncio.get_running_loop().call_later(0.05, probes.stopping.begin)
        answer = await client.get(f"/v1/sessions/{run}/events")
        assert [kind for kind, _ in sent_events(answer.text)] == ["event"]


async def test_a_listener_who_leaves_is_forgotten() -> None:
    """Or the service would fill up with those who left."""
    service = make_service()
    async with serving(make_app(service, pace=QUICK)) as client:
        run = await opened(client)
        async with client.stream("GET", f"/v1/sessions/{run}/events") as answer:
            async for _ in answer.aiter_bytes():
                break
            assert service._telling._by_run
        for _ in range(200):
            if not service._telling._by_run:
                break
            await asyncio.sleep(0.01)
        assert not service._telling._by_run


async def test_the_trace_is_the_one_that_a_hook_writes(tmp_path: Path) -> None:
    """Findings are found again on the way; every command reads the file."""
    hook = TraceFileHook(tmp_path / "hook.jsonl")
    service = make_service(GateVerdict.FAIL, GateVerdict.PASS, hooks=[hook])
    async with calling(make_app(service)) as client:
        run = await opened(client)
        number = 0
        for turn in range(100):
            call = {"call_id": f"c{turn}", "tool": "get_pods"}
            facts = [
                {"type": "model_replied", "text": "Again.", "tool_calls": [call]},
                {"type": "tool_requested", **call},
                {"type": "tool_returned", **call, "digest": "d"},
            ]
            events = [{"number": number + at, "fact": one} for at, one in enumerate(facts, start=1)]
            number += len(facts)
            await client.post(f"/v1/sessions/{run}/events", json={"events": events})
        end = {"number": number + 1, "exit": "error", "detail": "lost its mind"}
        await client.post(f"/v1/sessions/{run}/end", json=end)
        answer = await client.get(f"/v1/sessions/{run}/trace")
    assert answer.headers["content-type"] == "application/jsonl"
    assert answer.headers["content-disposition"] == f'attachment; filename="{run}.jsonl"'
    (tmp_path / "served.jsonl").write_bytes(answer.content)
    (served,) = read_trace(tmp_path / "served.jsonl")
    (hooked,) = read_trace(tmp_path / "hook.jsonl")
    assert served.records == hooked.records
    assert served.ended is not None
    assert served.findings
    assert replay(served.events).findings == served.findings
