"""Whether what templates are configured by exists: ConfigMaps and their keys, accounts, claims.

Running pods hide that it is gone: they hold what they were started with, and their successors
cannot start. Secrets are never read, so a missing one shows only when a pod fails for it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from guardrails.core.evidence import Evidence
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, View, Witness, aside, refer, unread_lists
from guardrails.gates.kubernetes.objects import (
    ConfigMap,
    PersistentVolumeClaim,
    PodTemplate,
    ServiceAccount,
    Workload,
)
from guardrails.gates.kubernetes.topology import WORKLOAD_LISTS, is_deleted, kind_of, territory
from guardrails.gates.snapshot import Snapshot

ID = CheckId("configuration-present")

LISTS = (*WORKLOAD_LISTS, "ConfigMap", "ServiceAccount", "PersistentVolumeClaim")


@dataclass(frozen=True, slots=True, order=True, kw_only=True)
class Need:
    """Something that a template cannot do without."""

    kind: str
    name: str
    key: str = ""
    """Of a ConfigMap; empty for the whole."""
    field: str = ""

    def __str__(self) -> str:
        """Write kind, name and key."""
        return f"{self.kind} {self.name}" + (f" with key {self.key}" if self.key else "")


def needs_of(template: PodTemplate) -> Iterator[Need]:
    """Yield what pods of a template need to start; what is optional is left out."""
    spec = template.spec
    if spec.service_account_name:
        yield Need(
            kind="ServiceAccount", name=spec.service_account_name, field="serviceAccountName"
        )
    for volume in spec.volumes or ():
        where = f"volumes[{volume.name}]"
        if volume.config_map is not None and not volume.config_map.optional:
            yield Need(kind="ConfigMap", name=volume.config_map.name, field=where)
        if volume.persistent_volume_claim is not None:
            name = volume.persistent_volume_claim.claim_name
            yield Need(kind="PersistentVolumeClaim", name=name, field=where)
    yield from config_of(template)


def config_of(template: PodTemplate) -> Iterator[Need]:
    """Yield the ConfigMaps, and keys of them, that become environment variables."""
    spec = template.spec
    for container in (*(spec.init_containers or ()), *(spec.containers or ())):
        where = f"containers[{container.name}]"
        for source in container.env_from or ():
            named = source.config_map_ref
            if named is not None and not named.optional:
                yield Need(kind="ConfigMap", name=named.name, field=f"{where}.envFrom")
        for variable in container.env or ():
            key = variable.value_from.config_map_key_ref if variable.value_from else None
            if key is not None and not key.optional:
                field = f"{where}.env[{variable.name}]"
                yield Need(kind="ConfigMap", name=key.name, key=key.key, field=field)


def _config_maps(look: Snapshot, namespace: str) -> Iterator[tuple[str, str]]:
    for item in look.objects(ConfigMap, namespace):
        yield item.metadata.name, ""
        for key in (*(item.data or ()), *(item.binary_data or ())):
            yield item.metadata.name, key


def _accounts(look: Snapshot, namespace: str) -> Iterator[tuple[str, str]]:
    return ((item.metadata.name, "") for item in look.objects(ServiceAccount, namespace))


def _claims(look: Snapshot, namespace: str) -> Iterator[tuple[str, str]]:
    return ((item.metadata.name, "") for item in look.objects(PersistentVolumeClaim, namespace))


_THERE: dict[str, Callable[[Snapshot, str], Iterator[tuple[str, str]]]] = {
    "ConfigMap": _config_maps,
    "ServiceAccount": _accounts,
    "PersistentVolumeClaim": _claims,
}


def judge_configuration(view: View) -> list[Evidence]:
    """Judge what every workload in scope needs, as far as it may be read."""
    look = view.look
    witness = Witness(check=ID, at=look.at)
    found = list(unread_lists(witness, view, LISTS))
    for namespace in view.scope.namespaces:
        now = _stock(look, namespace)
        past = view.reference.snapshot
        # What else there was, and so what was missing, cannot be told from a partial reference.
        whole = past is not None and not view.reference.partial
        before = _stock(past, namespace) if past is not None and whole else {}
        for workload in territory(look, namespace).workloads:
            if not is_deleted(workload):
                found.extend(_judge(witness, workload, now, before, past))
    return found


CONFIGURATION_PRESENT = Check(id=ID, judge=judge_configuration, lists=LISTS)

_Stock = dict[str, frozenset[tuple[str, str]]]
"""What there is, by kind; a kind that was not read is missing."""


def _stock(look: Snapshot, namespace: str) -> _Stock:
    found: _Stock = {}
    for kind, there in _THERE.items():
        listed = look.list_of(kind, namespace)
        if listed is not None and listed.read.ok:
            found[kind] = frozenset(there(look, namespace))
    return found


def _judge(
    witness: Witness, workload: Workload, now: _Stock, before: _Stock, past: Snapshot | None
) -> Iterator[Evidence]:
    needs = {n for n in needs_of(workload.spec.template) if n.kind in now}
    missing = sorted(n for n in needs if (n.name, n.key) not in now[n.kind])
    for need in missing:
        evidence = witness.violated(
            refer(workload),
            field=f"spec.template.spec.{need.field}",
            observed=f"there is no {need}",
            expected="what its next pod needs to start",
        )
        yield aside(evidence) if _was_so(workload, need, before, past) else evidence
    if needs and not missing:
        yield witness.satisfied(
            refer(workload),
            field="spec.template.spec",
            observed=f"{len(needs)} things that its pods need are there",
        )


def _was_so(workload: Workload, need: Need, before: _Stock, past: Snapshot | None) -> bool:
    """Tell whether the same need was as much in vain in the reference."""
    if past is None or need.kind not in before or (need.name, need.key) in before[need.kind]:
        return False
    land = territory(past, workload.metadata.namespace)
    old = land.workload(kind_of(workload), workload.metadata.name)
    return old is not None and need in set(needs_of(old.spec.template))
