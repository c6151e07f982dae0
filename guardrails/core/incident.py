"""The incident: what the agent was called for, and therefore what the gate must see mended."""

from datetime import datetime
from enum import StrEnum

import msgspec


class Goal(StrEnum):
    """What the incident asks of the agent."""

    MITIGATION = "mitigation"
    """Mend it. An end is a claim that the incident is fixed."""
    DIAGNOSIS = "diagnosis"
    """Find the root cause and change nothing. An end is a claim that names it."""


class AlertMatcher(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One alert that the incident is about. An alert matches when it carries all `labels`."""

    labels: dict[str, str]
    """Label name to value; `alertname` is usual, nothing is required."""
    starts_at: datetime | None = None
    """When it began (Alertmanager's `startsAt`); a reference must be older than this."""

    def matches(self, labels: dict[str, str]) -> bool:
        """Tell whether an alert with these labels is the one meant."""
        return all(labels.get(name) == value for name, value in self.labels.items())


class Workload(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A workload that the incident names."""

    name: str
    kind: str = "Deployment"
    namespace: str = ""
    """Empty means: in any of the incident's namespaces."""


class Slo(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A PromQL comparison that holds when the service is well, such as `rate(…) < 0.01`."""

    name: str
    query: str
    """The whole comparison; the gate evaluates it and asks for at least one sample."""


class Incident(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the agent was called for."""

    task: str
    goal: Goal = Goal.MITIGATION
    namespaces: tuple[str, ...] = ()
    """The scope. Empty means that no object list is in scope: the gate then cannot pass."""
    workloads: tuple[Workload, ...] = ()
    alerts: tuple[AlertMatcher, ...] = ()
    slo: tuple[Slo, ...] = ()

    @property
    def began_at(self) -> datetime | None:
        """When the earliest alert began, if any says."""
        return min((a.starts_at for a in self.alerts if a.starts_at is not None), default=None)
