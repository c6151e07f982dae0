"""Which kind of evidence a read yields: alerts, metrics, logs, events, objects or traces.

An investigation is judged by how many different kinds it rests on, so each operation of a call is
sorted by program and verb, and a function tool by the words of its name. What nothing explains is
`other`: it counts as a read, and as no kind that a rule could ask for.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache

from guardrails.actions.names import read_name
from guardrails.actions.tables import tokens
from guardrails.core.toolaction import Effect, Operation, Target, ToolAction


class EvidenceKind(StrEnum):
    """What a read looked at."""

    ALERTS = "alerts"
    METRICS = "metrics"
    LOGS = "logs"
    EVENTS = "events"
    """Kubernetes events."""
    OBJECTS = "objects"
    """Specs and states of objects."""
    TRACES = "traces"
    OTHER = "other"


_BY_KIND = {
    "event": EvidenceKind.EVENTS,
    "prometheusrule": EvidenceKind.ALERTS,
    "podmetric": EvidenceKind.METRICS,
    "nodemetric": EvidenceKind.METRICS,
}
_BY_VERB = {
    "logs": EvidenceKind.LOGS,
    "top": EvidenceKind.METRICS,
    "events": EvidenceKind.EVENTS,
}
_CLIENTS = tokens("kubectl oc helm argocd flux istioctl")
_WORDS = (
    (tokens("alert alerts alertmanager alarm alarms firing"), EvidenceKind.ALERTS),
    (tokens("log logs loki logql journal"), EvidenceKind.LOGS),
    (tokens("trace traces span spans jaeger tempo traceql"), EvidenceKind.TRACES),
    (tokens("event events"), EvidenceKind.EVENTS),
    (
        tokens("metric metrics prometheus promql prom thanos mimir victoriametrics grafana slo"),
        EvidenceKind.METRICS,
    ),
    (
        tokens(
            "object objects resource resources spec manifest manifests yaml pod pods deployment"
            " deployments statefulset statefulsets service services node nodes namespace namespaces"
            " configmap configmaps ingress kubernetes k8s cluster topology endpoints"
        ),
        EvidenceKind.OBJECTS,
    ),
)
"""Words of a tool's name or of an address, most telling first: `get_pod_logs` yields logs."""
_TEXTS = tokens("doc docs documentation runbook runbooks knowledge wiki web internet faq")
"""Words of tools whose query is no query of metrics."""
_ALERT_SERIES = re.compile(r"\bALERTS(?:_FOR_STATE)?\b")
_WORD = re.compile(r"[a-z0-9]+")


def evidence_kinds(
    action: ToolAction, *, tool: str, arguments: str = ""
) -> tuple[EvidenceKind, ...]:
    """Return the kinds of evidence that a call's reads yield, each once; none for a mere change.

    Args:
        action: What the call means.
        tool: Name of the tool.
        arguments: Its arguments as written; a query names the series that it reads.
    """
    # A set would hash the members, and that is a call in Python for each; there are one or two.
    found: list[EvidenceKind] = []
    for kind in _kinds(action, tool, arguments):
        if kind not in found:
            found.append(kind)
    return tuple(found)


def _kinds(action: ToolAction, tool: str, arguments: str) -> Iterator[EvidenceKind]:
    for operation in action.operations:
        if operation.effect is Effect.READ:
            yield from _of_operation(operation, tool, arguments)
    if not action.operations and action.effect is Effect.READ:
        yield _by_words(read_name(tool).words)


def _of_operation(operation: Operation, tool: str, arguments: str) -> Iterator[EvidenceKind]:
    if "ALERTS" in arguments and _ALERT_SERIES.search(arguments):
        yield EvidenceKind.ALERTS
    elif operation.program in _CLIENTS:
        yield from _of_client(operation)
    else:
        yield _of_tool(operation, tool)


def _of_client(operation: Operation) -> Iterator[EvidenceKind]:
    verb = operation.verb.partition(" ")[0]
    if verb in _BY_VERB:
        yield _BY_VERB[verb]
        return
    for target in operation.targets:
        yield _BY_KIND.get(target.kind, EvidenceKind.OBJECTS)
    if not operation.targets:
        yield EvidenceKind.OBJECTS
    if verb == "describe":
        yield EvidenceKind.EVENTS  # kubectl prints them below each object


def _of_tool(operation: Operation, tool: str) -> EvidenceKind:
    """Read an address before the tool's name: `http_get` says nothing, `/api/v1/alerts` does."""
    for target in operation.targets:
        if target.kind == "url":
            found = _by_words(tuple(_WORD.findall(target.name.lower())))
            if found is not EvidenceKind.OTHER:
                return found
    words = read_name(tool).words
    named = _by_words(words)
    if named is not EvidenceKind.OTHER or not _TEXTS.isdisjoint(words):
        return named
    return next((_by_target(target) for target in operation.targets), named)


def _by_target(target: Target) -> EvidenceKind:
    """Sort a tool whose name says nothing by what it is pointed at."""
    match target.kind:
        case "query":
            return EvidenceKind.METRICS
        case "" | "url" | "file":
            return EvidenceKind.OTHER
        case kind:
            return _BY_KIND.get(kind, EvidenceKind.OBJECTS)


@lru_cache(maxsize=512)
def _by_words(words: tuple[str, ...]) -> EvidenceKind:
    """Sort words of a name; a run has a handful of tools, and calls them over and over."""
    found = frozenset(words)
    return next((kind for telling, kind in _WORDS if found & telling), EvidenceKind.OTHER)
