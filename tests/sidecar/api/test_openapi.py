"""The document says what the service does, and schemathesis cannot show that it does not."""

import re
from pathlib import Path

import msgspec
import pytest
import schemathesis
from prometheus_client import CollectorRegistry
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events, from_schema
from starlette.middleware import Middleware

import guardrails
from guardrails.core.evidence import GateVerdict
from guardrails.sidecar.api.openapi import document
from guardrails.sidecar.api.reading import BodyReader
from guardrails.sidecar.api.streams import Pace
from guardrails.sidecar.app import make_app, openapi_document, table
from guardrails.sidecar.auth.middleware import Authentication
from guardrails.sidecar.auth.owned import OwnedRuns
from guardrails.sidecar.metrics import ServiceMetrics
from tests.settings import FREE
from tests.sidecar.api.apps import calling, full_app, make_service

PAGE = Path(guardrails.__file__).parent.parent / "docs" / "reference" / "http-api.md"
TABLE = table(make_service())
SEED = 8


async def test_the_document_is_served_as_it_is_made() -> None:
    """Clients are generated from the one, and checked against the other."""
    async with calling(full_app()) as client:
        served = (await client.get("/openapi.json")).json()
    assert served == msgspec.json.decode(msgspec.json.encode(openapi_document(make_service())))


@pytest.mark.parametrize("one", [one for one in TABLE if one.example], ids=lambda one: one.name)
def test_an_example_is_taken(one: object) -> None:
    """Readers copy it."""
    reader = BodyReader(one.body)
    assert isinstance(reader(msgspec.json.encode(one.example)), one.body)


def test_every_operation_has_a_name_of_its_own() -> None:
    """Generated clients have a method for each."""
    names = [one.name for one in TABLE]
    assert len(set(names)) == len(names)


def test_the_page_names_every_operation() -> None:
    """None is missing, and no other is promised; roles are those that are checked."""
    rows = re.findall(r"^\| `(\w+) (\S+)` \| ([^|]+) \|", PAGE.read_text(), re.MULTILINE)
    told = {(method, path): roles.strip() for method, path, roles in rows}
    assert told == {
        (one.method.value, one.path): ", ".join(sorted(one.roles or ("everybody",)))
        for one in TABLE
    }


def test_the_page_names_every_problem() -> None:
    """By its word and status."""
    rows = re.findall(r"^\| `([a-z-]+)` \| (\d+) \|", PAGE.read_text(), re.MULTILINE)
    from guardrails.sidecar.api import problems  # noqa: PLC0415  # read as a whole

    kinds = [one for one in vars(problems).values() if isinstance(one, problems.Kind)]
    assert {(word, int(status)) for word, status in rows} == {(k.word, k.status) for k in kinds}


def test_values_that_callers_send_have_no_other_fields() -> None:
    """As the service takes none."""
    schemas = document(TABLE)["components"]["schemas"]
    for name in ("OpenRun", "Incident", "AlertMatcher", "ToolRequested", "Claim", "NamedEntity"):
        assert schemas[name]["additionalProperties"] is False


@pytest.mark.parametrize("opened", ["open", "closed"])
async def test_the_document_says_whether_metrics_need_a_token(opened: str) -> None:
    """A scraper is set up by it."""
    service, metrics = make_service(), ServiceMetrics(CollectorRegistry())
    door = Middleware(
        Authentication,
        authenticator=None,
        owners=OwnedRuns(service.store),
        open_metrics=opened == "open",
        any_host=True,
    )
    async with calling(make_app(service, metrics=metrics, auth=door)) as client:
        served = (await client.get("/openapi.json")).json()
    responses = served["paths"]["/metrics"]["get"]["responses"]
    assert ("401" in responses) is (opened == "closed")


@pytest.mark.timeout(180)
def test_schemathesis_finds_nothing() -> None:
    """All its checks and phases: examples, edge cases, wrong requests, chains of requests."""
    app = full_app(
        GateVerdict.FAIL,
        tokens=True,
        settings=lambda _policy, _model: FREE,
        pace=Pace(look_seconds=0.01, at_most_seconds=0.02),
    )
    bearer = {"Authorization": "Bearer t-operator"}
    config = SchemathesisConfig.from_dict(
        {
            "seed": SEED,
            "headers": bearer,
            "max-time": 60,
            "generation": {"max-examples": 10, "deterministic": True},
        }
    )
    loaded = schemathesis.openapi.from_asgi("/openapi.json", app, config=config, headers=bearer)
    failures: list[str] = []
    checked = 0
    for event in from_schema(loaded).execute():
        match event:
            case events.ScenarioFinished(recorder=recorder):
                for checks in recorder.checks.values():
                    checked += len(checks)
                    failures += [
                        f"{one.failure_info.failure}\n{one.failure_info.code_sample}"
                        for one in checks
                        if one.failure_info is not None
                    ]
            case events.NonFatalError() | events.FatalError():
                failures.append(str(event))
            case _:
                continue
    assert failures == []
    assert checked > 5_000
