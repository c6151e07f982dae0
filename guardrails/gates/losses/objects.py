"""Whether what else was there still is: ways in, configuration, scheduled work.

Workloads, Services, claims, policies, budgets, autoscalers and permissions are judged by checks of
their own. Something under another name that does the same is no loss.
"""

from collections.abc import Iterator
from dataclasses import replace

from guardrails.core.evidence import Evidence, ObjectRef, SourceRef
from guardrails.gates.checks import Reference, View, Witness, aside, refer
from guardrails.gates.kubernetes.objects import ConfigMap, CronJob, Ingress, PodTemplate
from guardrails.gates.kubernetes.objects.templates import EnvVar
from guardrails.gates.losses.comparing import TEMPLATE_LISTS, Ground, Loss, Pair, loss_check
from guardrails.gates.losses.containers import match_all, running, steps
from guardrails.gates.losses.routes import Route, encrypted, is_served, routes_of
from guardrails.gates.snapshot import ListKey

LISTS = ("Ingress", "ConfigMap", *TEMPLATE_LISTS)

COMPARED_LISTS = (
    *("Ingress", "ConfigMap", "CronJob", "Job", "PersistentVolumeClaim", "NetworkPolicy"),
    *("HorizontalPodAutoscaler", "PodDisruptionBudget", "ResourceQuota", "LimitRange"),
    *("ServiceAccount", "Role", "RoleBinding"),
)
"""Kinds beyond the workloads that losses are looked for in. One that the reference does not hold
is named, because nothing can be missed there."""


def find(ground: Ground) -> Iterator[Loss]:
    """Yield the ingresses, ConfigMaps and CronJobs whose function is gone."""
    yield from _ingresses(ground)
    yield from _config_maps(ground)
    for old, new in ground.both(CronJob):
        if new is None and ground.replacing(old) is None:
            yield _gone(ground, "CronJob", old.metadata.name, f"runs {old.spec.schedule}")


_CHECK = loss_check("objects-kept", LISTS, find)


def judge_objects(view: View) -> list[Evidence]:
    """Judge them, and say what cannot be judged for want of a reference."""
    witness = Witness(check=_CHECK.id, at=view.look.at)
    return [*(aside(e) for e in _unjudged(witness, view)), *_CHECK.judge(view)]


OBJECTS_KEPT = replace(_CHECK, judge=judge_objects)


def _unjudged(witness: Witness, view: View) -> Iterator[Evidence]:
    reference: Reference = view.reference
    if reference.snapshot is None:
        yield witness.unknown(
            SourceRef(source="reference", detail="none"),
            observed="no reference, so it cannot be told what was taken away",
            expected="a recorded baseline",
        )
        return
    for namespace in view.scope.namespaces if not reference.partial else ():
        for kind in COMPARED_LISTS:
            if not reference.knows(kind, namespace) and kind not in view.scope.ignored_lists:
                key = ListKey(kind=kind, namespace=namespace)
                yield witness.unknown(
                    SourceRef(source="reference", detail=str(key)),
                    observed="not in the reference, so nothing in it can be missed",
                )


def _gone(ground: Ground, kind: str, name: str, expected: str) -> Loss:
    return Loss(
        subject=ObjectRef(kind=kind, name=name, namespace=ground.namespace),
        observed="does not exist",
        expected=f"{expected} (the reference)",
    )


def _ingresses(ground: Ground) -> Iterator[Loss]:
    now = ground.has(Ingress)
    routes: list[Route] = [route for ingress in now for route in routes_of(ingress)]
    hosts = frozenset(host for ingress in now for host in encrypted(ingress))
    for old, new in ground.both(Ingress):
        lost = [r for r in routes_of(old) if not is_served(r, routes)]
        bare = encrypted(old) - hosts
        if new is None and lost:
            yield _gone(ground, "Ingress", old.metadata.name, f"lets {lost[0]} in")
            continue
        subject = refer(new) if new is not None else _ref(old)
        for route in lost:
            yield Loss(
                subject=subject,
                field="spec.rules",
                observed=f"no way in for {route}",
                expected=f"to Service {route.backend} (the reference)",
            )
        for host in sorted(bare) if "" not in hosts else ():
            yield Loss(
                subject=subject,
                field="spec.tls",
                observed=f"no certificate for {host or 'its hosts'}",
                expected="one (the reference)",
            )


def _ref(item: Ingress) -> ObjectRef:
    return ObjectRef(kind="Ingress", name=item.metadata.name, namespace=item.metadata.namespace)


def _config_maps(ground: Ground) -> Iterator[Loss]:
    now = ground.has(ConfigMap)
    known = {x.metadata.name for x in ground.had(ConfigMap)}
    fresh = [_contents(x) for x in now if x.metadata.name not in known]
    for old, new in ground.both(ConfigMap):
        had = _contents(old)
        if not had or (new is not None and _contents(new)):
            continue
        copied = any(had.items() <= other.items() for other in fresh)
        if not copied and not _is_superseded(ground, old.metadata.name):
            lost = _gone(ground, "ConfigMap", old.metadata.name, f"{len(had)} keys")
            yield lost if new is None else replace(lost, field="data", observed="empty")


def _contents(item: ConfigMap) -> dict[str, str]:
    return {**(item.data or {}), **(item.binary_data or {})}


def _is_superseded(ground: Ground, name: str) -> bool:
    """Tell whether everything that used a ConfigMap does without: by another, or by literals."""
    users = [p for p in ground.pairs() if name in config_maps_of(p.before)]
    return bool(users) and all(
        name not in config_maps_of(p.after)
        and (config_maps_of(p.after) - config_maps_of(p.before) or _has_variables_of(name, p))
        for p in users
    )


def _has_variables_of(name: str, pair: Pair) -> bool:
    """Tell whether single variables were all that came from a ConfigMap, and all are still set."""
    whole = {v.config_map.name for v in pair.before.spec.volumes or () if v.config_map is not None}
    for container in (*running(pair.before), *steps(pair.before)):
        whole |= {f.config_map_ref.name for f in container.env_from or () if f.config_map_ref}
    return name not in whole and all(
        {v.name for v in match.old.env or () if _comes_from(name, v)}
        <= {v.name for v in match.new.env or () if v.value or v.value_from is not None}
        for match in match_all(pair.before, pair.after)
    )


def _comes_from(name: str, variable: EnvVar) -> bool:
    key = variable.value_from.config_map_key_ref if variable.value_from is not None else None
    return key is not None and key.name == name


def config_maps_of(template: PodTemplate) -> frozenset[str]:
    """Return the ConfigMaps that a template's pods need by name."""
    found = [v.config_map.name for v in template.spec.volumes or () if v.config_map is not None]
    for container in (*running(template), *steps(template)):
        found += [
            f.config_map_ref.name for f in container.env_from or () if f.config_map_ref is not None
        ]
        found += [
            v.value_from.config_map_key_ref.name
            for v in container.env or ()
            if v.value_from is not None and v.value_from.config_map_key_ref is not None
        ]
    return frozenset(found)
