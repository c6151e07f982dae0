"""What changed silently before the run began and is still so: configuration, and who holds it.

No health shows a wrong feature flag. What changed between the healthy reference and the start of
the run is a suspect; it counts only where nothing else can decide, because a release may lie
between the two and be innocent.
"""

from collections.abc import Iterator
from datetime import datetime

from guardrails.core.evidence import Evidence
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, View, Witness, aside, refer, unread_lists
from guardrails.gates.kubernetes import pods as pod_rules
from guardrails.gates.kubernetes.configuration import Need, config_of
from guardrails.gates.kubernetes.objects import (
    ConfigMap,
    Ingress,
    NetworkPolicy,
    Pod,
    ReplicaSet,
    Service,
    Workload,
)
from guardrails.gates.kubernetes.objects.templates import PodTemplate
from guardrails.gates.kubernetes.topology import (
    WORKLOAD_LISTS,
    Owner,
    is_deleted,
    kind_of,
    reaction_to_write,
    territory,
)
from guardrails.gates.snapshot import Snapshot

SUSPECT_ID = CheckId("suspect-change")
EFFECT_ID = CheckId("configuration-in-effect")

LISTS = (*WORKLOAD_LISTS, "ConfigMap", "Service", "NetworkPolicy", "Ingress")
EFFECT_LISTS = (*WORKLOAD_LISTS, ReplicaSet.__name__, Pod.__name__, "ConfigMap")


def settings_of(workload: Workload, look: Snapshot) -> dict[str, str]:
    """Return what configures a workload, by field: variables, arguments, and ConfigMaps."""
    namespace = workload.metadata.namespace
    maps = {m.metadata.name: m for m in look.objects(ConfigMap, namespace)}
    found: dict[str, str] = {}
    spec = workload.spec.template.spec
    for container in (*(spec.init_containers or ()), *(spec.containers or ())):
        where = f"containers[{container.name}]"
        for variable in container.env or ():
            source = "" if variable.value_from is None else repr(variable.value_from)
            found[f"{where}.env[{variable.name}]"] = variable.value or source
        if container.command or container.args:
            found[f"{where}.args"] = repr((container.command, container.args))
    for name in _maps_of(workload.spec.template):
        item = maps.get(name)
        for key, value in ((item.data or {}) if item is not None else {}).items():
            found[f"ConfigMap {name}, key {key}"] = value
    return found


def _maps_of(template: PodTemplate) -> tuple[str, ...]:
    mounted = (v.config_map.name for v in template.spec.volumes or () if v.config_map is not None)
    used = (need.name for need in config_of(template))
    return tuple(dict.fromkeys((*mounted, *used)))


def judge_suspects(view: View) -> list[Evidence]:
    """Judge what changed between the reference and the start of the run, and stayed so."""
    witness = Witness(check=SUSPECT_ID, at=view.look.at)
    found = list(unread_lists(witness, view, LISTS))
    healthy, start = view.reference.snapshot, view.reference.start
    if healthy is None or start is None:
        return found
    alone = not view.scope.incident.alerts and not view.scope.incident.slo
    # A manifest leaves defaults out, so what differs from it need not have changed.
    decides = alone and not view.reference.partial
    for namespace in view.scope.namespaces:
        for workload in territory(view.look, namespace).workloads:
            changed = _changed(workload, healthy=healthy, start=start, look=view.look)
            if not changed or is_deleted(workload):
                continue
            evidence = witness.violated(
                refer(workload),
                field=changed[0],
                observed=f"changed between the reference and the start of the run, and still so: "
                f"{', '.join(changed)}",
                expected="as in the reference, or something else that was mended",
            )
            about = view.scope.is_about(kind_of(workload), workload.metadata.name, namespace)
            counts = decides and about and _is_idle(view, start, namespace)
            found.append(evidence if counts else aside(evidence))
    return found


SUSPECT_CHANGE = Check(id=SUSPECT_ID, judge=judge_suspects, lists=LISTS)


def _changed(
    workload: Workload, *, healthy: Snapshot, start: Snapshot, look: Snapshot
) -> list[str]:
    """Return the settings that differ from the reference, as they did at the start.

    None when the image differs too: that is a release, whose settings come with it.
    """
    namespace, key = workload.metadata.namespace, (kind_of(workload), workload.metadata.name)
    old = territory(healthy, namespace).workload(*key)
    began = territory(start, namespace).workload(*key)
    if old is None or began is None or _images(old) != _images(workload):
        return []
    before = settings_of(old, healthy)
    first, now = settings_of(began, start), settings_of(workload, look)
    return sorted(
        field
        for field in before.keys() & first.keys() & now.keys()
        if before[field] != first[field] == now[field]
    )


def _images(workload: Workload) -> list[str]:
    return [c.image for c in workload.spec.template.spec.containers or ()]


def _is_idle(view: View, start: Snapshot, namespace: str) -> bool:
    """Tell whether nothing that could have mended anything changed since the run began.

    A restart or another number of replicas mends no configuration.
    """
    return _function(view.look, namespace) == _function(start, namespace)


def _function(look: Snapshot, namespace: str) -> dict[tuple[str, str], object]:
    """Return what decides how a namespace works, without sizes and status."""
    found: dict[tuple[str, str], object] = {
        (kind_of(w), w.metadata.name): w.spec.template.spec
        for w in territory(look, namespace).workloads
    }
    for item in look.objects(ConfigMap, namespace):
        found["ConfigMap", item.metadata.name] = (item.data, item.binary_data)
    for type_ in (Service, NetworkPolicy, Ingress):
        for other in look.objects(type_, namespace):
            found[type_.__name__, other.metadata.name] = other.spec
    return found


def judge_effect(view: View) -> list[Evidence]:
    """Judge whether pods hold the configuration that was mended: variables never follow."""
    witness = Witness(check=EFFECT_ID, at=view.look.at)
    found = list(unread_lists(witness, view, EFFECT_LISTS))
    start = view.reference.start
    if start is not None:
        for namespace in view.scope.namespaces:
            found.extend(_judge_effect(witness, view, start, namespace))
    return found


CONFIGURATION_IN_EFFECT = Check(id=EFFECT_ID, judge=judge_effect, lists=EFFECT_LISTS)


def _judge_effect(
    witness: Witness, view: View, start: Snapshot, namespace: str
) -> Iterator[Evidence]:
    land = territory(view.look, namespace)
    now, began = _values(view.look, namespace), _values(start, namespace)
    past = view.reference.snapshot
    healthy = _values(past, namespace) if past is not None else None
    for workload in land.workloads:
        pods = land.by_owner.get(_owner(workload), ())
        old = [p for p in filter(pod_rules.stands, pods) if _since(p, start.at)]
        for need in dict.fromkeys(config_of(workload.spec.template)):
            was, is_ = _value(began, need), _value(now, need)
            good = _value(healthy, need) if healthy is not None else None
            stale = old
            if past is not None and good is not None and good == is_:
                # Who runs since before the reference never read what it was changed to.
                stale = [p for p in old if not _since(p, past.at)]
            if not stale or was is None or is_ is None or was == is_:
                continue
            evidence = witness.violated(
                refer(workload),
                field=f"spec.template.spec.{need.field}",
                observed=f"pod {stale[0].metadata.name} holds what {need} was before it changed",
                expected="pods started after the change",
                settles_by=reaction_to_write(view.scope),
                settling=f"the pods of {kind_of(workload)} {workload.metadata.name} to be replaced",
            )
            # What was good in the reference, and stays in the pods, does no harm.
            harmless = healthy is None or good == was
            yield aside(evidence) if harmless else evidence


def _owner(workload: Workload) -> Owner:
    return Owner(kind=kind_of(workload), name=workload.metadata.name)


def _since(pod: Pod, at: datetime) -> bool:
    """Tell whether all of a pod's containers run since before a moment; each start reads anew."""
    states = (s.state for s in pod.status.container_statuses or ())
    started = [s.running.started_at for s in states if s is not None and s.running is not None]
    return bool(started) and all(t is not None and t < at for t in started)


_Values = dict[str, dict[str, str]]


def _values(look: Snapshot, namespace: str) -> _Values:
    return {m.metadata.name: m.data or {} for m in look.objects(ConfigMap, namespace)}


def _value(values: _Values, need: Need) -> object:
    """Return the digest of a key, or of the whole ConfigMap; None when it is not there."""
    data = values.get(need.name)
    return data.get(need.key) if data is not None and need.key else data
