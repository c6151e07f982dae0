"""What operators see of the service: requests, decisions, store, evidence."""

import re
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.parser import text_string_to_metric_families

import guardrails
from guardrails.core.evidence import GateVerdict
from guardrails.sidecar.metrics import ServiceMetrics
from guardrails.sidecar.stores.base import Record, RunRow, StoreError
from guardrails.sidecar.stores.memory import MemoryRuns
from tests.sidecar.api.apps import CLAIM, INCIDENT, LOOK, calling, full_app, opened

PAGE = Path(guardrails.__file__).parent.parent / "docs" / "reference" / "http-api.md"


class LostStore(MemoryRuns):
    """A store that is not reached."""

    def create(self, row: RunRow, first: Record) -> None:
        """Fail as a network does."""
        raise StoreError("connection refused")


def _values(page: str) -> dict[str, float]:
    """Read samples by name and labels."""
    lines = (line.rsplit(" ", 1) for line in page.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in lines}


async def test_requests_are_counted_by_route_and_not_by_run() -> None:
    """Whatever paths callers make up, there is a bounded number of series."""
    async with calling(full_app()) as client:
        run = await opened(client)
        await client.get(f"/v1/sessions/{run}")
        await client.get("/v1/sessions/r-9")
        await client.get("/made/up")
        await client.request("BREW", "/v1/sessions")
        seen = _values((await client.get("/metrics")).text)
        name = "guarded_agent_http_request_duration_seconds_count"
        counted = {key.removeprefix(name): n for key, n in seen.items() if key.startswith(name)}
        assert counted == {
            '{method="POST",route="/v1/sessions",status="201"}': 1,
            '{method="GET",route="/v1/sessions/{run}",status="200"}': 1,
            '{method="GET",route="/v1/sessions/{run}",status="404"}': 1,
            '{method="GET",route="other",status="404"}': 1,
            '{method="other",route="/v1/sessions",status="405"}': 1,
        }
        assert seen["guarded_agent_http_requests_in_flight"] == 1  # the scrape itself


async def test_decisions_and_the_guards_own_metrics_are_on_one_page() -> None:
    """An operator scrapes once."""
    async with calling(full_app(GateVerdict.UNKNOWN)) as client:
        run = await opened(client)
        await client.post(
            f"/v1/sessions/{run}/events", json={"events": [{"number": 1, "fact": LOOK}]}
        )
        await client.post(
            f"/v1/sessions/{run}/decisions", json={"number": 2, "call_id": "c", "tool": "get_pods"}
        )
        await client.post(f"/v1/sessions/{run}/end", json={"number": 3, **CLAIM})
        seen = _values((await client.get("/metrics")).text)
        assert seen['guarded_agent_decision_duration_seconds_count{asked="facts"}'] == 1
        assert seen['guarded_agent_decision_duration_seconds_count{asked="call"}'] == 1
        assert seen['guarded_agent_evidence_errors_total{source="kubernetes"}'] == 1
        assert seen["guarded_agent_live_runs"] == 1
        assert seen["guarded_agent_sessions"] == 1
        evaluated = 'guarded_agent_gate_evaluations_total{gate="scripted",result="unknown"}'
        assert seen[evaluated] == 1
        assert seen['guarded_agent_store_duration_seconds_count{operation="append"}'] == 4


async def test_failures_of_the_store_are_counted() -> None:
    """By what was asked of it."""
    async with calling(full_app(store=LostStore())) as client:
        await client.post("/v1/sessions", json={"incident": INCIDENT})
        seen = _values((await client.get("/metrics")).text)
        assert seen['guarded_agent_store_errors_total{operation="create"}'] == 1
        assert seen['guarded_agent_store_errors_total{operation="append"}'] == 0


async def test_a_scraper_gets_the_format_that_it_asks_for() -> None:
    """OpenMetrics, if it says so; it parses as such."""
    async with calling(full_app()) as client:
        await opened(client)
        plain = await client.get("/metrics")
        assert plain.headers["content-type"].startswith("text/plain")
        asked = await client.get("/metrics", headers={"accept": "application/openmetrics-text"})
        assert asked.headers["content-type"].startswith("application/openmetrics-text")
        names = {family.name for family in text_string_to_metric_families(asked.text)}
        assert "guarded_agent_http_request_duration_seconds" in names


def test_the_page_names_every_metric_of_the_service() -> None:
    """None is missing, and no other is promised."""
    registry = CollectorRegistry()
    ServiceMetrics(registry)
    there = {
        f"{family.name}_total" if family.type == "counter" else family.name
        for family in registry.collect()
    }
    section = PAGE.read_text().partition("## Metrics")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE)) == there
