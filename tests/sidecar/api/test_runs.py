"""Opening runs and reading them over HTTP."""

from collections.abc import AsyncGenerator

import httpx2
import pytest

from guardrails.core.evidence import GateVerdict
from guardrails.sidecar.api.bodies import StatedFact
from guardrails.sidecar.facts import STATED
from tests.sidecar.api.apps import CLAIM, INCIDENT, LOOK, calling, full_app, opened


@pytest.fixture
async def client() -> AsyncGenerator[httpx2.AsyncClient]:
    async with calling(full_app(GateVerdict.FAIL, GateVerdict.PASS)) as client:
        yield client


async def test_a_run_is_opened_with_its_first_events(client: httpx2.AsyncClient) -> None:
    """The answer tells where it is, and what a client needs to fold along."""
    answer = await client.post("/v1/sessions", json={"incident": INCIDENT, "key": "thread-1"})
    body = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/sessions/{body['run']}"
    assert (body["key"], body["seq"], body["number"], body["mode"]) == ("thread-1", 1, 0, "enforce")
    assert body["policy_digest"].startswith("sha256:")
    assert [event["fact"]["type"] for event in body["events"]] == ["run_started"]


@pytest.mark.parametrize("same", [{"run": "r-1"}, {"key": "thread-1"}])
async def test_the_same_request_again_gives_the_run_that_is_open(
    client: httpx2.AsyncClient, same: dict[str, str]
) -> None:
    """A client that lost the answer does not begin a second run."""
    run = await opened(client, **same)
    await client.post(f"/v1/sessions/{run}/events", json={"events": [{"number": 1, "fact": LOOK}]})
    again = await client.post("/v1/sessions", json={"incident": INCIDENT, "since": 1, **same})
    assert again.status_code == 200
    assert (again.json()["run"], again.json()["number"]) == (run, 1)
    assert [event["seq"] for event in again.json()["events"]] == [2]


@pytest.mark.parametrize("same", [{"run": "r-1"}, {"key": "thread-1"}])
async def test_another_incident_under_a_taken_name_is_refused(
    client: httpx2.AsyncClient, same: dict[str, str]
) -> None:
    """One run must not be judged for two incidents."""
    await opened(client, **same)
    other = {"incident": {"task": "search is slow", "namespaces": ["search"]}, **same}
    answer = await client.post("/v1/sessions", json=other)
    assert answer.status_code == 409
    assert "about another incident" in answer.json()["detail"]


async def test_a_policy_that_there_is_not_is_told(client: httpx2.AsyncClient) -> None:
    """With the ones that there are."""
    answer = await client.post("/v1/sessions", json={"incident": INCIDENT, "policy": "lax"})
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:guarded-agent:problem:policy"
    assert answer.json()["detail"] == "no policy 'lax'; there is strict"


async def test_a_time_without_a_zone_is_refused(client: httpx2.AsyncClient) -> None:
    """It could not be compared with those of the cluster."""
    alert = {"labels": {"alertname": "Down"}, "starts_at": "2026-01-01T10:00:00"}
    answer = await client.post("/v1/sessions", json={"incident": {**INCIDENT, "alerts": [alert]}})
    assert answer.status_code == 422
    assert "has no zone: add Z" in answer.json()["detail"]


async def test_runs_are_listed_by_state_and_key(client: httpx2.AsyncClient) -> None:
    """The one that ended is not among the open ones, and its key is free."""
    ended = await opened(client, key="a")
    await client.post(
        f"/v1/sessions/{ended}/end",
        json={"number": 1, "exit": "final_answer", "claim": {"kind": "gave_up"}},
    )
    await client.post(f"/v1/sessions/{ended}/end", json={"number": 2, **CLAIM})
    going = await opened(client, key="b")
    listed = {
        query: [one["run"] for one in (await client.get(f"/v1/sessions{query}")).json()["sessions"]]
        for query in ("", "?open=true", "?open=false", "?key=b", "?key=a", "?limit=1")
    }
    assert listed == {
        "": [going, ended],
        "?open=true": [going],
        "?open=false": [ended],
        "?key=b": [going],
        "?key=a": [],
        "?limit=1": [going],
    }


async def test_the_state_of_a_run_tells_where_it_stands(client: httpx2.AsyncClient) -> None:
    """After a refused end: what was claimed, what is spent, what the gate saw."""
    run = await opened(client, key="k")
    await client.post(f"/v1/sessions/{run}/events", json={"events": [{"number": 1, "fact": LOOK}]})
    await client.post(f"/v1/sessions/{run}/end", json={"number": 2, **CLAIM})
    state = (await client.get(f"/v1/sessions/{run}")).json()
    assert (state["run"], state["key"], state["number"], state["seq"]) == (run, "k", 2, 4)
    assert (state["step"], state["refusals"], state["outcome"]) == (1, 1, None)
    assert state["claim"]["kind"] == "mitigated"
    assert state["budgets"]["steps"] == {"spent": 1.0, "limit": 60.0}
    assert state["report"]["verdict"] == "fail"
    assert state["report"]["violated"] == ["rollout-complete"]


async def test_a_report_is_there_once_an_end_was_judged(client: httpx2.AsyncClient) -> None:
    """Before that the answer is empty; then it is the report, whole."""
    run = await opened(client)
    assert (await client.get(f"/v1/sessions/{run}/report")).status_code == 204
    await client.post(f"/v1/sessions/{run}/end", json={"number": 1, **CLAIM})
    report = (await client.get(f"/v1/sessions/{run}/report")).json()
    assert report["verdict"] == "fail"
    assert report["evidence"][0]["subject"]["name"] == "checkout"


async def test_findings_are_told_with_their_counts(client: httpx2.AsyncClient) -> None:
    """A call that is repeated with the same result is one."""
    run = await opened(client)
    number = 0
    for turn in range(8):
        call = {"call_id": f"c{turn}", "tool": "get_pods", "arguments": "{}"}
        facts = [
            {"type": "model_replied", "text": "Again.", "tool_calls": [call]},
            {"type": "tool_requested", **call},
            {"type": "tool_returned", **{k: call[k] for k in ("call_id", "tool")}, "digest": "d"},
        ]
        events = [{"number": number + at, "fact": one} for at, one in enumerate(facts, start=1)]
        number += len(facts)
        await client.post(f"/v1/sessions/{run}/events", json={"events": events})
    found = (await client.get(f"/v1/sessions/{run}/findings")).json()
    assert found["vector"]["FM-1.3"] == 1
    assert {one["mode"] for one in found["findings"]} == set(found["vector"])


@pytest.mark.parametrize("path", ["", "/report", "/findings", "/trace", "/events", "/questions"])
async def test_a_run_that_is_not_there_is_a_404_everywhere(
    client: httpx2.AsyncClient, path: str
) -> None:
    """Also one that no run could have as its id."""
    for run in ("r-9", "%00", "a%0Ab", "-"):
        answer = await client.get(f"/v1/sessions/{run}{path}")
        assert answer.status_code == 404
        assert answer.json()["type"] == "urn:guarded-agent:problem:unknown-run"


def test_callers_may_state_what_the_service_takes() -> None:
    """The union that bodies are decoded by and the list of the service are the same."""
    assert set(StatedFact.__args__) == set(STATED)
