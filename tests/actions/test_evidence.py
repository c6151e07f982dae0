"""Which kind of evidence a call yields."""

import json

import pytest

from guardrails.actions.classify import classify
from guardrails.actions.evidence import EvidenceKind, evidence_kinds

ALERTS, METRICS, LOGS = EvidenceKind.ALERTS, EvidenceKind.METRICS, EvidenceKind.LOGS
EVENTS, OBJECTS, TRACES = EvidenceKind.EVENTS, EvidenceKind.OBJECTS, EvidenceKind.TRACES


def kinds(tool: str, **arguments: object) -> set[EvidenceKind]:
    """The kinds of one call."""
    text = json.dumps(arguments)
    return set(evidence_kinds(classify(tool, text), tool=tool, arguments=text))


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("kubectl get pods -n shop", {OBJECTS}),
        ("kubectl get events -n shop", {EVENTS}),
        ("kubectl events -n shop", {EVENTS}),
        ("kubectl describe pod web-1 -n shop", {OBJECTS, EVENTS}),
        ("kubectl logs deploy/web -n shop", {LOGS}),
        ("kubectl top pods -n shop", {METRICS}),
        ("kubectl get pods,events -n shop", {OBJECTS, EVENTS}),
        ("kubectl get prometheusrules -A", {ALERTS}),
        ("kubectl get pods -n shop; kubectl logs web-1 -n shop", {OBJECTS, LOGS}),
        ("curl -s http://prometheus:9090/api/v1/alerts", {ALERTS}),
        ("curl -s http://alertmanager:9093/api/v2/alerts", {ALERTS}),
        ("curl -s http://jaeger:16686/api/traces?service=web", {TRACES}),
        ("curl -s 'http://prometheus:9090/api/v1/query?query=up'", {METRICS}),
        ("helm status web -n shop", {OBJECTS}),
        ("kubectl scale deploy/web --replicas=3 -n shop", set()),
    ],
)
def test_command_lines_are_sorted_by_what_they_show(
    command: str, expected: set[EvidenceKind]
) -> None:
    """Each operation of a line counts; a change shows nothing."""
    assert kinds("bash", command=command) == expected


@pytest.mark.parametrize(
    ("tool", "arguments", "expected"),
    [
        ("get_pod_logs", {"pod": "web-1"}, {LOGS}),
        ("prometheus_alerts", {}, {ALERTS}),
        ("get_alerts", {}, {ALERTS}),
        ("prometheus_query", {"query": "rate(http_requests_total[5m])"}, {METRICS}),
        ("prometheus_query", {"query": "ALERTS{alertstate='firing'}"}, {ALERTS}),
        ("run_query", {"query": "sum(rate(http_requests_total[5m]))"}, {METRICS}),
        ("get_traces", {"service": "web"}, {TRACES}),
        ("list_events", {"namespace": "shop"}, {EVENTS}),
        ("kubectl_get", {"resource": "pods"}, {OBJECTS}),
        ("get_deployment", {"name": "web"}, {OBJECTS}),
        ("search_runbook", {"text": "web is down"}, {EvidenceKind.OTHER}),
        ("scale_deployment", {"name": "web"}, set()),
    ],
)
def test_function_tools_are_sorted_by_their_names(
    tool: str, arguments: dict[str, object], expected: set[EvidenceKind]
) -> None:
    """The most telling word decides; what nothing explains is `other`."""
    assert kinds(tool, **arguments) == expected
