"""The main job on a real control plane: an agent's end is accepted on evidence, or not at all."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from e2e.app import NAMESPACE
from e2e.clusters.cluster import Cluster
from e2e.scenarios.runs import (
    GUARD,
    POLICY,
    Case,
    Ended,
    bring_about,
    guarded_agent,
    monitoring_options,
    prepare,
    record_baseline,
)
from e2e.scenarios.scripts import SCENARIOS
from guardrails.cli.exits import of_outcome
from guardrails.core.decisions import Reason
from guardrails.core.events import QuestionAsked, StepTakenBack, ToolReturned, ToolStatus
from guardrails.core.evidence import GateProgress, GateVerdict, ObjectRef, Tier
from guardrails.core.outcome import Outcome
from guardrails.core.questions import QuestionKind

VERDICT_CODES = {
    GateVerdict.PASS: 0,
    GateVerdict.FAIL: 3,
    GateVerdict.UNKNOWN: 4,
    GateVerdict.PENDING: 5,
}
"""Exit codes of `verify`, as documented."""


@pytest.mark.timeout(240)
@pytest.mark.parametrize("name", SCENARIOS)
def test_run_ends_as_its_story_says(app: Cluster, name: str, tmp_path: Path) -> None:
    """Outcome, exit code and refusals are the story's; only a passing report is accepted."""
    scenario = SCENARIOS[name]
    case = prepare(app, scenario, tmp_path)

    ended = case.play()

    found = (ended.printed.outcome, ended.printed.refusals)
    assert found == (scenario.outcome, scenario.refusals), ended.narrated
    assert ended.code == of_outcome(scenario.outcome)
    accepted = scenario.outcome in {Outcome.RESOLVED, Outcome.DIAGNOSED}
    assert (ended.printed.verdict is GateVerdict.PASS) is accepted, ended.narrated
    assert ended.trace.ended is not None
    assert ended.trace.ended.outcome is scenario.outcome
    replays(ended, case)


def test_a_poisoned_context_is_cleaned_and_the_agent_recovers(app: Cluster, tmp_path: Path) -> None:
    """Both wrong steps are taken back before they run; what the agent does then is sound."""
    ended = prepare(app, SCENARIOS["cascade"], tmp_path).play()

    assert ended.printed.outcome is Outcome.RESOLVED, ended.narrated
    reasons = [decision.reason for decision in ended.trace.decisions]
    assert reasons.count(Reason.INVENTED) == 2
    facts = [event.fact for event in ended.trace.events]
    (back,) = [fact for fact in facts if isinstance(fact, StepTakenBack)]
    assert (back.steps, len(back.call_ids)) == (2, 2)
    assert "recommendation" in back.reason
    ran = [f.text for f in facts if isinstance(f, ToolReturned) and f.status is ToolStatus.OK]
    assert not any("recommendation" in text for text in ran)


@pytest.mark.timeout(240)
def test_the_same_agent_collapses_where_nothing_is_held_back(app: Cluster, tmp_path: Path) -> None:
    """Shadow mode holds nothing back: it believes its own words, and claims what is not so."""
    case = prepare(app, SCENARIOS["cascade"], tmp_path)
    with case.start(settings={"mode": "shadow"}) as underway:
        ended = underway.ended()

    assert ended.printed.outcome is Outcome.UNRESOLVED, ended.narrated
    assert ended.printed.claim is not None
    assert ended.report.verdict is GateVerdict.FAIL


@pytest.mark.timeout(240)
def test_a_cascade_ends_with_a_person_and_a_partial_report(app: Cluster, tmp_path: Path) -> None:
    """First stricter rules, then the end; what was found so far is in the report."""
    ended = prepare(app, SCENARIOS["collapses"], tmp_path).play()

    acts = [decision.cascade for decision in ended.trace.decisions if decision.cascade]
    assert acts == ["tightened", "stopped"], ended.narrated
    assert (ended.printed.outcome, ended.printed.reason) == (Outcome.ESCALATED, Reason.CASCADE)
    assert ended.report.violated


@pytest.mark.timeout(240)
def test_nothing_is_changed_while_it_is_not_clear_what_is_meant(
    app: Cluster, tmp_path: Path
) -> None:
    """An incident that names what is not there: the question is recorded, the mend does not run."""
    ended = prepare(app, SCENARIOS["unclear"], tmp_path).play()

    facts = [event.fact for event in ended.trace.events]
    (asked,) = [fact.question for fact in facts if isinstance(fact, QuestionAsked)]
    assert asked.kind is QuestionKind.WHICH_WORKLOAD
    assert f"{NAMESPACE}/Deployment/payment" in [one.id for one in asked.candidates]
    blocked = [
        fact
        for fact in facts
        if isinstance(fact, ToolReturned) and fact.status is ToolStatus.BLOCKED
    ]
    assert ["what is meant is not clear" in fact.text.lower() for fact in blocked] == [True]
    port = app.kubectl(
        *("get", "service", "payment", "-n", NAMESPACE),
        *("-o", "jsonpath={.spec.ports[0].targetPort}"),
    )
    assert port == "9999"


def test_refusal_and_wait_name_their_reasons(app: Cluster, tmp_path: Path) -> None:
    """A false victory is refused by Service and port; the wait after the mend names a rule."""
    ended = prepare(app, SCENARIOS["false-victory"], tmp_path).play()

    refused, accepted = ended.reports
    (wrong,) = [e for e in refused.violated if e.check == "service-reaches-pods"]
    assert isinstance(wrong.subject, ObjectRef)
    assert (wrong.subject.kind, wrong.subject.name) == ("Service", "payment")
    assert "9999" in wrong.observed
    waits = [one for one in ended.trace.records if isinstance(one, GateProgress)]
    assert any("HighRequestErrorRate" in words for one in waits for words in one.waiting_for)
    assert accepted.tier is Tier.FULL
    assert accepted.window.full_seconds > accepted.window.state_seconds


@pytest.mark.timeout(240)
def test_webhook_payload_is_an_incident(app: Cluster, tmp_path: Path) -> None:
    """`verify` takes what Alertmanager sends to webhooks: fail on the fault, pass when mended."""
    baseline = record_baseline(app, tmp_path)
    fault = bring_about(app, "scaled-to-zero")
    payload = webhook_payload(app, fault.alerts[0])
    asked = (
        *("verify", "--alert-payload", "-", "--baseline", str(baseline), "-o", "json"),
        *("--policy", str(POLICY), "--kubeconfig", str(app.kubeconfig_for(*GUARD))),
        *monitoring_options(app),
    )

    failed = json.loads(guarded_agent(*asked, "--wait", "0", stdin=payload, code=3))
    fault.cure(app)
    passed = json.loads(guarded_agent(*asked, stdin=payload))

    assert (failed["verdict"], passed["verdict"]) == ("fail", "pass")


def test_doctor_finds_the_rights_of_the_guard_complete(app: Cluster) -> None:
    """The read-only identity of the suite can read what the gate needs."""
    guarded_agent(
        *("doctor", "-n", NAMESPACE, "--kubeconfig", str(app.kubeconfig_for(*GUARD))),
        *monitoring_options(app),
    )


def replays(ended: Ended, case: Case) -> None:
    """Hold the commands to it: report and trace lead to the same again."""
    if ended.printed.verdict is not None:
        stored = case.folder / "output.json"
        stored.write_text(ended.output, encoding="utf-8")
        guarded_agent("verify", "--replay", str(stored), code=VERDICT_CODES[ended.printed.verdict])
    settings = (f"{key}={value}" for key, value in case.scenario.settings.items())
    guarded_agent(
        *("trace", "replay", str(case.folder / "trace.jsonl"), "--policy", str(POLICY)),
        *(part for setting in settings for part in ("--set", setting)),
    )


def webhook_payload(app: Cluster, labels: dict[str, str]) -> str:
    """Write what Alertmanager would post for the alerts that it holds."""
    url = f"{app.alertmanager_url}/api/v2/alerts"
    held: list[dict[str, Any]] = httpx2.get(url, timeout=5.0, trust_env=False).json()
    alerts = [one for one in held if labels.items() <= one["labels"].items()]
    sent = [
        {
            "status": "firing",
            "labels": one["labels"],
            "annotations": one["annotations"],
            "startsAt": one["startsAt"],
            "endsAt": datetime(1, 1, 1, tzinfo=UTC).isoformat().replace("+00:00", "Z"),
            "generatorURL": one["generatorURL"],
            "fingerprint": one["fingerprint"],
        }
        for one in alerts
    ]
    return json.dumps(
        {
            "version": "4",
            "groupKey": '{}:{alertname="HighRequestErrorRate"}',
            "truncatedAlerts": 0,
            "status": "firing",
            "receiver": "sre-agent",
            "groupLabels": {"alertname": labels["alertname"]},
            "commonLabels": labels,
            "commonAnnotations": {},
            "externalURL": app.alertmanager_url,
            "alerts": sent,
        }
    )
