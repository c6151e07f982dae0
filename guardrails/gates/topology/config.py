"""Edges of configuration: ConfigMaps, Secrets, claims and accounts that templates name.

Only names are used. Secrets are never read, and a thing that is missing is an edge all the same.
"""

from collections.abc import Iterator

from guardrails.gates.kubernetes.objects import (
    Pod,
    StatefulSet,
    TemplateContainer,
)
from guardrails.gates.kubernetes.objects.config import RoleBinding
from guardrails.gates.snapshot import Snapshot
from guardrails.gates.topology.graph import Edge, Reach, Thing
from guardrails.gates.topology.templates import Maker, makers, thing_of

_Reference = tuple[str, str, str]
"""Kind, name, and how it is used."""


def configuration(look: Snapshot, namespace: str) -> Iterator[Edge]:
    """Tie every workload to the configuration, the volumes and the account that it uses."""
    for maker in makers(look, namespace):
        for kind, name, used in _references(maker):
            if not name:
                continue
            thing = Thing(kind, name, namespace)
            why = f"{used} of {maker.thing} {'is' if kind in _PLAIN else 'reads'} {thing}"
            yield Edge(thing, maker.thing, why)
            if kind == "PersistentVolumeClaim":
                yield Edge(maker.thing, thing, why, Reach.LAST)


_PLAIN = frozenset({"PersistentVolumeClaim", "ServiceAccount"})


def _references(maker: Maker) -> Iterator[_Reference]:
    for container in maker.containers:
        yield from _environment(container)
    spec = maker.template.spec
    for volume in spec.volumes or ():
        used = f"volume {volume.name}"
        if volume.config_map is not None:
            yield "ConfigMap", volume.config_map.name, used
        if volume.secret is not None:
            yield "Secret", volume.secret.secret_name, used
        if volume.persistent_volume_claim is not None:
            yield "PersistentVolumeClaim", volume.persistent_volume_claim.claim_name, used
    for secret in spec.image_pull_secrets or ():
        yield "Secret", secret.name, "the image pull secret"
    yield "ServiceAccount", spec.service_account_name, "the account"


def _environment(container: TemplateContainer) -> Iterator[_Reference]:
    for variable in container.env or ():
        source = variable.value_from
        if source is not None and source.config_map_key_ref is not None:
            yield "ConfigMap", source.config_map_key_ref.name, f"env {variable.name}"
        if source is not None and source.secret_key_ref is not None:
            yield "Secret", source.secret_key_ref.name, f"env {variable.name}"
    for whole in container.env_from or ():
        used = f"the environment of container {container.name}"
        if whole.config_map_ref is not None:
            yield "ConfigMap", whole.config_map_ref.name, used
        if whole.secret_ref is not None:
            yield "Secret", whole.secret_ref.name, used


def claims(look: Snapshot, namespace: str) -> Iterator[Edge]:
    """Tie the claims that a StatefulSet makes to its pods: `data-db-0` is of `db-0`."""
    made = {
        item.metadata.name: [t.metadata.name for t in item.spec.volume_claim_templates or ()]
        for item in look.objects(StatefulSet, namespace)
    }
    for pod in look.objects(Pod, namespace) if any(made.values()) else ():
        for owner in pod.metadata.owner_references or ():
            for template in made.get(owner.name, ()) if owner.kind == "StatefulSet" else ():
                claim = Thing("PersistentVolumeClaim", f"{template}-{pod.metadata.name}", namespace)
                why = f"volume {template} of {thing_of(pod)} is {claim}"
                yield Edge(claim, thing_of(pod), why)
                yield Edge(thing_of(pod), claim, why, Reach.LAST)


def permissions(look: Snapshot, namespace: str) -> Iterator[Edge]:
    """Tie roles to their bindings, and bindings to the accounts that they serve."""
    for binding in look.objects(RoleBinding, namespace):
        thing = thing_of(binding)
        role = Thing(binding.role_ref.kind, binding.role_ref.name, namespace)
        yield Edge(role, thing, f"{thing} gives {role}")
        for subject in binding.subjects or ():
            if subject.kind == "ServiceAccount":
                account = Thing(subject.kind, subject.name, subject.namespace or namespace)
                yield Edge(thing, account, f"{thing} is for {account}")
