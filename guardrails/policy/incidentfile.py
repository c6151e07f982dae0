"""What an incident file may say: the pydantic models, and how they become an `Incident`.

Names follow the sources that people copy from: `startsAt` is Alertmanager's, `kind/name` kubectl's.
"""

import re
from datetime import datetime
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from guardrails.core.incident import AlertMatcher, Goal, Slo, Workload
from guardrails.policy.promql import check_comparison

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_OBJECT = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


def is_namespace(text: str) -> bool:
    """Tell whether a text can be a namespace's name (an RFC 1123 label)."""
    return _NAMESPACE.fullmatch(text) is not None


def _namespace(text: str) -> str:
    if not is_namespace(text):
        raise ValueError(f"{text!r} is no namespace name: lower-case letters, digits and '-'")
    return text


def _object_name(text: str) -> str:
    if not _OBJECT.fullmatch(text):
        raise ValueError(f"{text!r} is no object name: lower-case letters, digits, '-' and '.'")
    return text


def _kind(text: str) -> str:
    kind = _KINDS.get(text.lower())
    if kind is None:
        known = ", ".join(sorted(set(_KINDS.values())))
        raise ValueError(f"{text!r} is no workload kind; known: {known}")
    return kind


_KINDS = {
    word: kind
    for kind, words in {
        "Deployment": ("deploy", "deployment", "deployments", "deployment.apps"),
        "StatefulSet": ("sts", "statefulset", "statefulsets", "statefulset.apps"),
        "DaemonSet": ("ds", "daemonset", "daemonsets", "daemonset.apps"),
        "ReplicaSet": ("rs", "replicaset", "replicasets", "replicaset.apps"),
        "ReplicationController": ("rc", "replicationcontroller", "replicationcontrollers"),
        "Job": ("job", "jobs", "job.batch"),
        "CronJob": ("cj", "cronjob", "cronjobs", "cronjob.batch"),
        "Pod": ("po", "pod", "pods"),
        "Service": ("svc", "service", "services"),
    }.items()
    for word in words
}
"""Kinds by the words that kubectl takes for them."""

NamespaceName = Annotated[
    str,
    AfterValidator(_namespace),
    WithJsonSchema({"type": "string", "pattern": f"^{_NAMESPACE.pattern}$"}),
]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class _Written(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class WorkloadEntry(_Written):
    """A workload: `name`, `kind/name`, `namespace/kind/name`, or the same as an object."""

    name: Annotated[
        str,
        AfterValidator(_object_name),
        WithJsonSchema({"type": "string", "pattern": f"^{_OBJECT.pattern}$"}),
    ]
    kind: Annotated[str, AfterValidator(_kind)] = "Deployment"
    """In any of kubectl's spellings: `Deployment`, `deploy`, `sts` …"""
    namespace: NamespaceName | None = None
    """Left out: in any of the incident's namespaces."""

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        parts = value.strip().split("/")
        if len(parts) > len(_PARTS) or not all(parts):
            raise ValueError(f"{value!r} is no workload; write kind/name or namespace/kind/name")
        return dict(zip(_PARTS, reversed(parts), strict=False))

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler, /
    ) -> JsonSchemaValue:
        """Add the text form to the schema of the object form."""
        as_object = handler.resolve_ref_schema(handler(core_schema))
        as_text = {"type": "string", "examples": ["deploy/checkout", "shop/sts/cart"]}
        return {"anyOf": [as_text, as_object], "description": as_object.pop("description", "")}

    def value(self) -> Workload:
        """Return the value that the guard works with."""
        return Workload(name=self.name, kind=self.kind, namespace=self.namespace or "")


_PARTS = ("name", "kind", "namespace")
"""Parts of a workload's text form, last first."""


def known_time(at: datetime | None) -> datetime | None:
    """Return a time, or None for Go's zero time, which Alertmanager writes where it has none."""
    return None if at is None or at.year == _ZERO_YEAR else at


_ZERO_YEAR = 1


class AlertEntry(_Written):
    """An alert that the incident is about."""

    labels: Annotated[dict[Text, str], Field(min_length=1)]
    """Labels that the alert carries; `alertname` is usual."""
    starts_at: Annotated[AwareDatetime | None, Field(alias="startsAt")] = None
    """When it began, with a time zone: `2026-01-31T09:00:00Z`."""

    def value(self) -> AlertMatcher:
        """Return the value that the guard works with."""
        return AlertMatcher(labels=dict(self.labels), starts_at=known_time(self.starts_at))


class SloEntry(_Written):
    """A PromQL comparison that holds when the service is well; as a text, the query alone."""

    name: Text | None = None
    """For reports. Left out: `slo-1`, `slo-2` … by position."""
    query: Annotated[str, AfterValidator(check_comparison)]

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: object) -> object:
        return {"query": value} if isinstance(value, str) else value

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler, /
    ) -> JsonSchemaValue:
        """Add the text form to the schema of the object form."""
        as_object = handler.resolve_ref_schema(handler(core_schema))
        as_text = {"type": "string", "examples": ["sum(rate(errors_total[5m])) < 0.01"]}
        return {"anyOf": [as_text, as_object], "description": as_object.pop("description", "")}

    def value(self, *, position: int) -> Slo:
        """Return the value that the guard works with; `position` counts from 1."""
        return Slo(name=self.name or f"slo-{position}", query=self.query)


class IncidentFile(_Written):
    """What the agent is called for."""

    task: Text | None = None
    """What the agent is asked, in words. May come from the command line instead."""
    goal: Goal = Goal.MITIGATION
    """`mitigation`: an end claims that the incident is fixed. `diagnosis`: it names the cause."""
    namespaces: tuple[NamespaceName, ...] = ()
    """The scope. Left out: the namespaces of the alerts and workloads."""
    workloads: tuple[WorkloadEntry, ...] = ()
    alerts: tuple[AlertEntry, ...] = ()
    slo: tuple[SloEntry, ...] = ()
