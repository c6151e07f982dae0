"""Every list that the gate makes, broken in every way: the verdict is `unknown`, never a pass.

And a whole guarded run over such a world is refused and then handed to a person.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from langchain.agents import create_agent
from langchain_core.tools import tool

from guardrails.core.claims import ClaimKind
from guardrails.core.decisions import Reason
from guardrails.core.events import EndRequested, GateReported
from guardrails.core.evidence import GateReport, GateVerdict
from guardrails.core.incident import Slo
from guardrails.core.outcome import Outcome
from guardrails.engine import Guard
from guardrails.gates.alerts.alertmanager import Alertmanager
from guardrails.gates.alerts.prometheus import Prometheus
from guardrails.gates.composition import replays
from guardrails.gates.kubernetes import client
from guardrails.gates.kubernetes.connect import connect
from guardrails.gates.kubernetes.resources import RESOURCES
from guardrails.gates.registry import DEFAULT_CHECKS, lists_of
from guardrails.integrations.drive import drive
from guardrails.integrations.langchain import GuardrailMiddleware
from guardrails.policy.models import GateSettings, Settings
from guardrails.testing import Match, Respond
from guardrails.testing.recorder import Recorder
from guardrails.testing.scripted import ScriptedModel, call, turn
from tests.settings import FREE

KINDS = [
    kind
    for kind in lists_of(c for c in DEFAULT_CHECKS if ClaimKind.MITIGATED in c.claims)
    if not RESOURCES[kind].optional  # No list is asked for of what is not installed.
]
NEEDED = [kind for kind in KINDS if not RESOURCES[kind].refusable]
LISTS: dict[str, Match] = {
    **{
        kind: Match(server="kubernetes", verb="list", resource=RESOURCES[kind].plural)
        for kind in KINDS
    },
    "alerts": Match(server="prometheus", path="/api/v1/alerts"),
    "rules": Match(server="prometheus", path="/api/v1/rules"),
    "query": Match(server="prometheus", path="/api/v1/query"),
    "routed alerts": Match(server="alertmanager", path="/api/v2/alerts"),
    "silences": Match(server="alertmanager", path="/api/v2/silences"),
}
ERRORS: dict[str, Respond] = {
    **{str(code): Respond(status=code) for code in (401, 403, 404, 409, 410, 500, 502, 503, 504)},
    "429": Respond(status=429, retry_after=60),
    "reset": Respond(reset=True),
    "cut short": Respond(truncate=True),
    "not JSON": Respond(garbage=True),
    "a proxy's page": Respond(wrong_content_type=True),
    "no data": Respond(empty_data=True),
    "empty body": Respond(body=b""),
    "null": Respond(body=b"null"),
    "another kind": Respond(
        body=b'{"kind":"EventList","apiVersion":"v1","metadata":{},"items":[],'
        b'"status":"success","data":{"other":[]}}'
    ),
    "nothing of what was asked": Respond(
        body=b'{"kind":"Status","apiVersion":"v1","status":"success","data":null}'
    ),
}
AT_ONCE = GateSettings.model_validate({"stable_for": "2s", "poll_every": "1s", "unknown_grace": 0})


@pytest.fixture
def broken_shop(still_shop: Any) -> Iterator[Any]:
    """A healthy shop with an SLO, whose gate does not ask twice."""
    still_shop.settings = AT_ONCE
    still_shop.incident = msgspec.structs.replace(
        still_shop.incident, slo=(Slo(name="served", query="sum(up) > 0"),)
    )
    yield still_shop
    still_shop.cluster.faults.clear()


def check_unknown(report: GateReport) -> None:
    """Assert what every broken list must come to."""
    assert report.verdict is GateVerdict.UNKNOWN, report.summary
    assert report.unknown
    assert report.summary.startswith("Unknown: ")
    assert replays(msgspec.json.decode(msgspec.json.encode(report), type=GateReport))


async def test_nothing_broken_passes(broken_shop: Any) -> None:
    """The control: without a fault the same gate accepts the same world."""
    report = await broken_shop.claim(await broken_shop.open())
    assert report.verdict is GateVerdict.PASS, report.summary


@pytest.mark.parametrize("broken", LISTS)
async def test_any_list_broken_in_any_way_is_unknown(broken_shop: Any, broken: str) -> None:
    """Each of the lists with each of the errors, the rest being well."""
    run = await broken_shop.open()
    for error, respond in ERRORS.items():
        fault = broken_shop.cluster.faults.add(LISTS[broken], respond)
        report = await broken_shop.claim(run)
        broken_shop.cluster.faults.remove(fault)
        assert report.verdict is GateVerdict.UNKNOWN, error
        check_unknown(report)
        assert fault.hits, error


@pytest.mark.parametrize("broken", LISTS)
async def test_any_list_that_does_not_come_is_unknown(broken_shop: Any, broken: str) -> None:
    """Each source has its own limit of time."""
    cluster = broken_shop.cluster
    broken_shop.cluster.faults.add(LISTS[broken], Respond(delay=30.0))
    hasty = connect(cluster.write_kubeconfig(broken_shop.folder / "hasty"), timeout_seconds=0.3)
    patient, broken_shop.reader = broken_shop.reader, hasty
    sources = broken_shop.prometheus, broken_shop.alertmanager
    broken_shop.prometheus = Prometheus(cluster.prometheus_url, timeout_seconds=0.3)
    broken_shop.alertmanager = Alertmanager(cluster.alertmanager_url, timeout_seconds=0.3)
    try:
        report = await broken_shop.claim(await broken_shop.open())
    finally:
        broken_shop.reader = patient
        broken_shop.prometheus, broken_shop.alertmanager = sources
        hasty.close()
    check_unknown(report)
    assert any("timeout" in e.observed for e in report.unknown)


@pytest.mark.parametrize("kind", ["Deployment", "ReplicaSet", "Pod", "Service", "EndpointSlice"])
async def test_a_list_that_expires_between_pages_twice_is_unknown(
    broken_shop: Any, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a list is no list; once it is begun again, and then it is given up."""
    monkeypatch.setattr(client, "PAGE", 1)
    run = await broken_shop.open()
    match = Match(
        server="kubernetes", verb="list", resource=RESOURCES[kind].plural, param="continue"
    )
    broken_shop.cluster.faults.add(match, Respond(status=410), times=1)
    assert (await broken_shop.claim(run)).verdict is GateVerdict.PASS
    broken_shop.cluster.faults.add(match, Respond(status=410))
    check_unknown(await broken_shop.claim(run))


@tool
def get_pods() -> str:
    """List the pods."""
    return "all pods run"


def guarded(shop: Any) -> tuple[Guard, Recorder]:
    """A guard on the shop's real gate."""
    recorder = Recorder()
    return (
        Guard(settings=FREE, gate=shop.gate(), hooks=[recorder], incident=shop.incident),
        recorder,
    )


def insistent() -> ScriptedModel:
    """A model that says again and again that all is well."""
    turns = [turn("I look.", calls=[call("get_pods")]), turn("The incident is resolved.")]
    return ScriptedModel(turns=turns, at_end="repeat")


def check_escalated(recorder: Recorder) -> None:
    """Assert that the end was refused more than once, and then escalated; never accepted."""
    (ended,) = recorder.ended
    facts = [event.fact for event in recorder.events]
    verdicts = [f.report.verdict for f in facts if isinstance(f, GateReported)]
    assert (ended.outcome, ended.reason) == (Outcome.ESCALATED, Reason.GATE_UNKNOWN)
    assert set(verdicts) == {GateVerdict.UNKNOWN}
    assert len(verdicts) == 1 + Settings().budgets.unknown_refusals
    assert sum(isinstance(f, EndRequested) for f in facts) == len(verdicts)


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        *((broken, "403") for broken in (*NEEDED, *(x for x in LISTS if x not in KINDS))),
        ("Pod", "cut short"),
        ("rules", "cut short"),
    ],
)
def test_a_guarded_run_is_refused_and_then_escalated(
    broken_shop: Any, broken: str, error: str
) -> None:
    """Whether the error may pass or not, from the start of the run."""
    broken_shop.cluster.faults.add(LISTS[broken], ERRORS[error])
    guard, recorder = guarded(broken_shop)
    agent = create_agent(insistent(), [get_pods], middleware=[GuardrailMiddleware(using=guard)])
    state = agent.invoke({"messages": [("user", broken_shop.incident.task)]})
    assert state["guardrails_outcome"]["outcome"] == Outcome.ESCALATED
    check_escalated(recorder)


@pytest.mark.parametrize("broken", ["Pod", "alerts", "silences"])
def test_a_driven_run_is_refused_and_then_escalated(broken_shop: Any, broken: str) -> None:
    """The same from outside the graph, by the outer loop."""
    broken_shop.cluster.faults.add(LISTS[broken], ERRORS["403"])
    guard, recorder = guarded(broken_shop)
    agent = create_agent(insistent(), [get_pods])
    task = {"messages": [("user", broken_shop.incident.task)]}
    driven = asyncio.run(drive(agent, task, using=guard))
    assert driven.result.outcome is Outcome.ESCALATED
    check_escalated(recorder)
