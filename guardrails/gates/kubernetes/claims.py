"""Whether the volumes that workloads ask for are there: claims that exist and are bound.

A claim that waits for its first consumer is Pending and well, as long as no pod wants it.
"""

from collections.abc import Iterator
from datetime import timedelta

from guardrails.core.evidence import Evidence, ObjectRef
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, View, Witness, aside, refer, unread_lists
from guardrails.gates.kubernetes.objects import (
    Job,
    PersistentVolumeClaim,
    PodTemplate,
    StatefulSet,
)
from guardrails.gates.kubernetes.runs import failure_of, is_complete
from guardrails.gates.kubernetes.topology import (
    WORKLOAD_LISTS,
    controller_of,
    is_deleted,
    kind_of,
    latest,
    reaction_to_write,
    territory,
    wanted,
)
from guardrails.gates.snapshot import Snapshot

ID = CheckId("volumes-bound")

LISTS = (*WORKLOAD_LISTS, "ReplicaSet", "Job", "PersistentVolumeClaim")

BIND_SECONDS = 120.0
"""What a claim gets to be bound: clouds make a disk in about a minute."""


def judge_claims(view: View) -> list[Evidence]:
    """Judge every claim in scope, and every claim that a workload names."""
    witness = Witness(check=ID, at=view.look.at)
    found = list(unread_lists(witness, view, LISTS))
    for namespace in view.scope.namespaces:
        listed = view.look.list_of(PersistentVolumeClaim.__name__, namespace)
        if listed is not None and listed.read.ok:
            found.extend(_judge_namespace(witness, view, namespace))
    return found


VOLUMES_BOUND = Check(id=ID, judge=judge_claims, lists=LISTS)


def _judge_namespace(witness: Witness, view: View, namespace: str) -> Iterator[Evidence]:
    users = dict(_users(view.look, namespace))
    claims = view.look.objects(PersistentVolumeClaim, namespace)
    for claim in claims:
        yield _judge(witness, view, claim, users.get(claim.metadata.name))
    present = {claim.metadata.name for claim in claims}
    made = dict(_made_by_statefulsets(view.look, namespace))
    for name, user in users.items():
        # A StatefulSet makes its claims by itself.
        if name not in present and name not in made:
            yield witness.violated(
                ObjectRef(kind=PersistentVolumeClaim.__name__, name=name, namespace=namespace),
                observed=f"does not exist; {user} mounts it",
                expected="exists and is bound",
                settles_by=reaction_to_write(view.scope),
                settling=f"the claim {name}",
            )


def _judge(
    witness: Witness, view: View, claim: PersistentVolumeClaim, user: str | None
) -> Evidence:
    phase = claim.status.phase
    if phase == "Bound" or (phase != "Lost" and user is None):
        return witness.satisfied(
            refer(claim),
            field="status.phase",
            observed=phase if user else f"{phase}, and nothing mounts it",
            expected="Bound where it is used",
        )
    made = latest(claim.metadata.creation_timestamp, view.scope.last_write_at)
    evidence = witness.violated(
        refer(claim),
        field="status.phase",
        observed=f"{phase or 'unset'}; {f'{user} mounts it' if user else 'nothing mounts it'}",
        expected="Bound",
        # What was lost does not come back.
        settles_by=None if phase == "Lost" or not made else made + timedelta(seconds=BIND_SECONDS),
        settling=f"the claim {claim.metadata.name} to be bound",
    )
    return evidence if user else aside(evidence)


def _users(look: Snapshot, namespace: str) -> Iterator[tuple[str, str]]:
    """Yield every claim that something wants now, with who wants it."""
    yield from _made_by_statefulsets(look, namespace)
    land = territory(look, namespace)
    for workload in land.workloads:
        if not is_deleted(workload) and wanted(workload) > 0:
            name = f"{kind_of(workload)} {workload.metadata.name}"
            yield from ((claim, name) for claim in _claims(workload.spec.template))
    for held in land.replicasets.values():
        if controller_of(held.metadata) is None and held.spec.replicas != 0:
            name = f"ReplicaSet {held.metadata.name}"
            yield from ((claim, name) for claim in _claims(held.spec.template))
    for job in look.objects(Job, namespace):
        if not (job.spec.suspend or is_complete(job) or failure_of(job)):
            name = f"Job {job.metadata.name}"
            yield from ((claim, name) for claim in _claims(job.spec.template))


def _made_by_statefulsets(look: Snapshot, namespace: str) -> Iterator[tuple[str, str]]:
    for item in look.objects(StatefulSet, namespace):
        for template in item.spec.volume_claim_templates or ():
            stem = f"{template.metadata.name}-{item.metadata.name}"
            for number in range(wanted(item)):
                yield f"{stem}-{number}", f"StatefulSet {item.metadata.name}"


def _claims(template: PodTemplate) -> Iterator[str]:
    for volume in template.spec.volumes or ():
        if volume.persistent_volume_claim is not None:
            yield volume.persistent_volume_claim.claim_name
