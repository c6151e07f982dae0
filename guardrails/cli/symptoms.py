"""What `doctor` looks at: the server, every right that a check needs, and the alert sources."""

import asyncio
from collections.abc import Iterable, Sequence

import msgspec
import yaml

from guardrails.cli.sources import Opened
from guardrails.gates.kubernetes.resources import RESOURCES, Resource
from guardrails.gates.look import keys_of
from guardrails.gates.reference.history import HISTORY_LISTS
from guardrails.gates.registry import DEFAULT_CHECKS, lists_of
from guardrails.gates.snapshot import ListKey, Read, ReadStatus

PROMETHEUS_MISSING = (
    "not given (--prometheus URL); without it no run ends resolved, unless the policy sets "
    "gate.allow_no_alert_source"
)
ALERTMANAGER_MISSING = "not given (--alertmanager URL); silences will not be seen"
_NAME_WIDTH = 44


class Symptom(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that was looked at."""

    what: str
    """`list deployments.apps in shop`, `Prometheus alerts`."""
    well: bool
    detail: str = ""
    optional: bool = False
    """True when it is no fault that this is missing."""
    kind: str = ""
    """The kind that may not be listed, when a right is what is missing."""

    def line(self) -> str:
        """Write it for a person."""
        word = "ok" if self.well and not self.optional else "note" if self.well else "MISSING"
        return f"{word:<8} {self.what:<{_NAME_WIDTH}} {self.detail}".rstrip()


class Diagnosis(msgspec.Struct, frozen=True, kw_only=True):
    """What `doctor -o json` prints."""

    well: bool
    checks: tuple[Symptom, ...]


async def examine(opened: Opened, namespaces: Sequence[str]) -> list[Symptom]:
    """Look at everything that a run would need.

    Args:
        opened: The sources.
        namespaces: Where the lists are tried.

    Returns:
        Every symptom, well or not. When the server itself does not answer, its lists are not
        tried.
    """
    server = await _server(opened)
    found = [server]
    if server.well:
        found += await asyncio.gather(*(_namespace(opened, name) for name in namespaces))
        kinds = lists_of(DEFAULT_CHECKS, more=HISTORY_LISTS)
        found += await asyncio.gather(*(_list(opened, key) for key in keys_of(kinds, namespaces)))
    found += await _prometheus(opened)
    found += await _alertmanager(opened)
    return found


def grants(symptoms: Iterable[Symptom]) -> str:
    """Write the RBAC rules that would give the missing rights, as YAML; empty when none is."""
    groups: dict[str, set[str]] = {}
    for symptom in symptoms:
        if symptom.kind and not symptom.well:
            resource = RESOURCES[symptom.kind]
            groups.setdefault(resource.group, set()).add(resource.plural)
    rules = [
        {"apiGroups": [group], "resources": sorted(plurals), "verbs": ["list"]}
        for group, plurals in sorted(groups.items())
    ]
    if not rules:
        return ""
    return yaml.safe_dump({"rules": rules}, sort_keys=False, default_flow_style=None).rstrip()


async def _server(opened: Opened) -> Symptom:
    read, version = await opened.cluster.version()
    what = f"Kubernetes {opened.cluster.server}"
    if not read.ok:
        return Symptom(what=what, well=False, detail=read.message)
    # `/version` is open to anybody; a question about rights is not.
    asked, _ = await opened.cluster.can_i("list", "Pod", "default")
    if not asked.ok:
        return Symptom(what=what, well=False, detail=asked.message)
    return Symptom(what=what, well=True, detail=version)


async def _namespace(opened: Opened, name: str) -> Symptom:
    """Say whether a namespace is there; an agent's scope with a typo in it reads as empty."""
    found = await opened.cluster.list(ListKey(kind="Namespace", namespace=name, name=name))
    what = f"namespace {name}"
    if not found.read.ok:
        # Whether it exists is no evidence that a gate needs.
        return Symptom(what=what, well=True, optional=True, detail=found.read.message)
    if not found.objects:
        return Symptom(what=what, well=False, detail="does not exist; name another with -n")
    return Symptom(what=what, well=True)


async def _list(opened: Opened, key: ListKey) -> Symptom:
    resource = RESOURCES[key.kind]
    what = f"list {_name(resource)}" + (f" in {key.namespace}" if key.namespace else "")
    (asked, allowed), found = await asyncio.gather(
        opened.cluster.can_i("list", key.kind, key.namespace), opened.cluster.list(key)
    )
    if found.read.status is ReadStatus.NOT_SERVED:
        return Symptom(what=what, well=True, optional=True, detail="not installed in this cluster")
    if found.read.ok:
        return Symptom(what=what, well=True, detail=f"{len(found.objects)} objects")
    if not asked.ok or allowed:
        return Symptom(what=what, well=False, detail=found.read.message)
    if resource.refusable:
        detail = "no right (RBAC) to list it; what it would show goes unseen"
        return Symptom(what=what, well=True, optional=True, detail=detail, kind=key.kind)
    return Symptom(what=what, well=False, detail="no right (RBAC) to list it", kind=key.kind)


async def _prometheus(opened: Opened) -> list[Symptom]:
    if opened.prometheus is None:
        return [Symptom(what="Prometheus", well=True, optional=True, detail=PROMETHEUS_MISSING)]
    state = await opened.prometheus.read()
    return [
        _source("Prometheus alerts", state.alerts_read, len(state.alerts), "pending or firing"),
        _source("Prometheus rules", state.rules_read, len(state.rules), "alerting rules"),
    ]


async def _alertmanager(opened: Opened) -> list[Symptom]:
    if opened.alertmanager is None:
        return [Symptom(what="Alertmanager", well=True, optional=True, detail=ALERTMANAGER_MISSING)]
    state = await opened.alertmanager.read()
    return [
        _source("Alertmanager alerts", state.alerts_read, len(state.alerts), "alerts"),
        _source("Alertmanager silences", state.silences_read, len(state.silences), "silences"),
    ]


def _source(what: str, read: Read, count: int, unit: str) -> Symptom:
    if not read.ok:
        return Symptom(what=what, well=False, detail=read.message)
    return Symptom(what=what, well=True, detail=f"{count} {unit}")


def _name(resource: Resource) -> str:
    return f"{resource.plural}.{resource.group}" if resource.group else resource.plural
