"""Alerting rules and the life of their alerts: inactive, pending, firing, inactive.

Follows Prometheus' own rule manager: `for`, `keep_firing_for`, the `ALERTS` series, resolved
alerts kept for a while and sent again. State is lost on restart, as for any `for` under 10 min.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

import promql_parser as ast

from guardrails.testing.sim import promql
from guardrails.testing.sim.kinds import Obj
from guardrails.testing.sim.promql_values import PromqlError, Sample
from guardrails.testing.sim.tsdb import Labels, Tsdb, labels_of

RESEND = 60.0
"""Seconds between two notifications of a firing alert: Prometheus' --rules.alert.resend-delay."""
KEEP_RESOLVED = 900.0
"""Seconds for which a resolved alert is still sent: Prometheus' resolvedRetention."""

_TEMPLATE = re.compile(r"{{\s*(?:\$labels\.(\w+)|(\$value))[^}]*}}")

State = Literal["inactive", "pending", "firing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertRule:
    """One alerting rule, as a rule file has it."""

    name: str
    expr: str
    for_seconds: float = 0.0
    """How long the expression must hold before the alert fires; 0 fires at once."""
    keep_firing_seconds: float = 0.0
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    annotations: Mapping[str, str] = field(default_factory=dict[str, str])
    group: str = "sim"
    interval_seconds: float = 0.25
    """Between evaluations; the shortest interval of a group counts for all of it."""


@dataclass(slots=True, kw_only=True)
class Alert:
    """One alert of a rule, from pending to resolved."""

    labels: dict[str, str]
    annotations: dict[str, str]
    value: float
    active_at: float
    state: State = "pending"
    fired_at: float = 0.0
    resolved_at: float = 0.0
    sent_at: float = 0.0
    keeping_since: float = 0.0

    def needs_sending(self, at: float) -> bool:
        """Whether Alertmanager should hear of it now; never while pending."""
        if self.state == "pending":
            return False
        return self.resolved_at > self.sent_at or self.sent_at + RESEND <= at


def _expand(text: str, sample: Sample) -> str:
    known = dict(sample.labels)

    def value(found: re.Match[str]) -> str:
        return known.get(found[1], "") if found[1] else f"{sample.value:g}"

    return _TEMPLATE.sub(value, text)


class LoadedRule:
    """A rule that Prometheus evaluates, with its alerts."""

    def __init__(self, rule: AlertRule) -> None:
        self.rule = rule
        self.expression: ast.Expr = promql.parse(rule.expr)
        self.alerts: dict[Labels, Alert] = {}
        self.health: Literal["unknown", "ok", "err"] = "unknown"
        self.last_error = ""
        self.evaluated_at: float | None = None
        self._series: set[Labels] = set()

    @property
    def state(self) -> State | Literal["unknown"]:
        """The worst state of its alerts."""
        if self.evaluated_at is None:
            return "unknown"
        states = {alert.state for alert in self.alerts.values()}
        return "firing" if "firing" in states else "pending" if "pending" in states else "inactive"

    def evaluate(self, tsdb: Tsdb, at: float) -> None:
        """Evaluate once; an error leaves the alerts as they were, stale and on record."""
        self.evaluated_at = at
        try:
            found = self._found(tsdb, at)
        except PromqlError as error:
            self.health, self.last_error = "err", str(error)
            return
        self.health, self.last_error = "ok", ""
        for key, (sample, labels) in found.items():
            alert = self.alerts.get(key)
            annotations = {k: _expand(v, sample) for k, v in self.rule.annotations.items()}
            if alert is None or alert.state == "inactive":
                self.alerts[key] = Alert(
                    labels=labels, annotations=annotations, value=sample.value, active_at=at
                )
            else:
                alert.value, alert.annotations = sample.value, annotations
        for key in tuple(self.alerts):
            self._advance(key, present=key in found, at=at)
        self._write_series(tsdb, at)

    def _found(self, tsdb: Tsdb, at: float) -> dict[Labels, tuple[Sample, dict[str, str]]]:
        value = promql.evaluate(tsdb, self.expression, at)
        if isinstance(value, str):
            raise PromqlError("rule result is not a vector or scalar")
        if not isinstance(value, list):
            value = [Sample((), value)]
        found: dict[Labels, tuple[Sample, dict[str, str]]] = {}
        for sample in value:
            labels = {name: text for name, text in sample.labels if name != "__name__"}
            labels |= {name: _expand(text, sample) for name, text in self.rule.labels.items()}
            labels["alertname"] = self.rule.name
            key = tuple(sorted(labels.items()))
            if key in found:
                raise PromqlError(
                    "vector contains metrics with the same labelset after applying alert labels"
                )
            found[key] = (sample, labels)
        return found

    def _advance(self, key: Labels, *, present: bool, at: float) -> None:
        alert = self.alerts[key]
        if not present:
            if alert.state == "firing" and self.rule.keep_firing_seconds:
                alert.keeping_since = alert.keeping_since or at
                if at - alert.keeping_since < self.rule.keep_firing_seconds:
                    return
            old = alert.resolved_at and at - alert.resolved_at > KEEP_RESOLVED
            if alert.state == "pending" or old:
                del self.alerts[key]
            elif alert.state == "firing":
                alert.state, alert.resolved_at = "inactive", at
            return
        alert.keeping_since = 0.0
        if alert.state == "pending" and at - alert.active_at >= self.rule.for_seconds:
            alert.state, alert.fired_at = "firing", at

    def _write_series(self, tsdb: Tsdb, at: float) -> None:
        written: set[Labels] = set()
        for alert in self.alerts.values():
            if alert.state == "inactive":
                continue
            pairs = [*alert.labels.items()]
            series = labels_of("ALERTS", [*pairs, ("alertstate", alert.state)])
            tsdb.append(series, at, 1.0)
            state = labels_of("ALERTS_FOR_STATE", pairs)
            tsdb.append(state, at, alert.active_at)
            written |= {series, state}
        for gone in self._series - written:
            tsdb.append(gone, at, None)
        self._series = written

    def clear_series(self, tsdb: Tsdb, at: float) -> None:
        """End the rule's own series, as when it is unloaded."""
        for gone in self._series:
            tsdb.append(gone, at, None)
        self._series = set()

    def to_send(self, at: float, *, stamp: Callable[[float], str]) -> list[Obj]:
        """Notifications that are due, marked as sent."""
        sent: list[Obj] = []
        for alert in self.alerts.values():
            if not alert.needs_sending(at):
                continue
            alert.sent_at = at
            valid = 4 * max(self.rule.interval_seconds, RESEND)
            sent.append(
                {
                    "labels": alert.labels,
                    "annotations": alert.annotations,
                    "startsAt": stamp(alert.fired_at),
                    "endsAt": stamp(alert.resolved_at if alert.state == "inactive" else at + valid),
                    "generatorURL": f"http://prometheus.sim/graph?g0.expr={self.rule.name}",
                }
            )
        return sent

    def active(self) -> list[Alert]:
        """Pending and firing alerts."""
        return [alert for alert in self.alerts.values() if alert.state != "inactive"]
