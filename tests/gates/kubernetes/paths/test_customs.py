"""Custom resources that a policy names: their conditions, and how their lists are read."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from guardrails.core.evidence import EvidenceState
from guardrails.errors import PolicyError
from guardrails.gates.evidence_gate import EvidenceGate
from guardrails.gates.kubernetes.client import KubernetesReader
from guardrails.gates.kubernetes.connect import connect
from guardrails.gates.kubernetes.customs import custom_checks
from guardrails.gates.kubernetes.objects import CustomResource, Schedule
from guardrails.gates.kubernetes.objects.custom import decode_custom
from guardrails.gates.kubernetes.resources import RESOURCES
from guardrails.gates.snapshot import ListKey, ObjectList, Read, ReadStatus, Snapshot
from guardrails.policy.models import GateSettings
from guardrails.testing import Match, Respond, SimCluster

KIND = "certificates.cert-manager.io/v1"
DEFINED, READY = custom_checks((KIND,))
SATISFIED, VIOLATED, UNKNOWN = (
    EvidenceState.SATISFIED,
    EvidenceState.VIOLATED,
    EvidenceState.UNKNOWN,
)


def certificate(world: Any, *conditions: Any, seen: int = 1, **metadata: Any) -> Any:
    """A custom resource as a controller leaves it."""
    return {
        "apiVersion": "cert-manager.io/v1",
        "kind": "Certificate",
        "metadata": world.metadata("tls", **metadata),
        "spec": {"secretName": "tls"},
        "status": {"observedGeneration": seen, "conditions": list(conditions)},
    }


def look(world: Any, *items: Any, read: Read | None = None, at: float = 0.0) -> Snapshot:
    """A look that holds only custom resources."""
    listed = ObjectList(
        key=ListKey(kind=KIND, namespace="shop"),
        read=read or Read(),
        objects=tuple(decode_custom(msgspec.json.encode(x)) for x in items),
    )
    return Snapshot(at=world.AT + timedelta(seconds=at), lists=(listed,))


def judged(world: Any, *items: Any, before: Any = None) -> Any:
    """The one thing that is said."""
    reference = None if before is None else world.reference(look(world, *before, at=-3600))
    (found,) = world.judge(READY, look(world, *items), reference=reference)
    return found


def test_a_resource_that_its_controller_is_content_with(world: Any) -> None:
    """It is named by its own kind."""
    found = judged(world, certificate(world, world.condition("Ready", "True", "Issued")))
    assert (found.state, found.subject.kind, found.subject.name) == (
        SATISFIED,
        "Certificate",
        "tls",
    )


@pytest.mark.parametrize(
    ("kind", "status", "settles"),
    [
        ("Ready", "False", True),
        ("Ready", "Unknown", True),
        ("Available", "False", True),
        ("Reconciling", "True", True),
        ("Degraded", "True", True),
        ("Stalled", "True", False),
    ],
)
def test_conditions_that_are_not_good(world: Any, kind: str, status: str, settles: bool) -> None:  # noqa: FBT001
    """What a controller still works on settles; what it gave up does not."""
    bad = world.condition(kind, status, "Because", -5)
    found = judged(world, certificate(world, bad))
    assert (found.state, found.field) == (VIOLATED, f"status.conditions[{kind}]")
    assert (found.settles_by == world.AT + timedelta(seconds=115)) is settles
    assert "Because" in found.observed


def test_a_spec_that_nobody_has_seen_yet(world: Any) -> None:
    """Its conditions speak of the one before."""
    good = world.condition("Ready", "True", "Issued")
    found = judged(world, certificate(world, good, seen=1, generation=2))
    assert (found.state, found.field) == (VIOLATED, "status.observedGeneration")


def test_a_resource_that_goes_is_not_well(world: Any) -> None:
    """Its finalizers are at work."""
    found = judged(world, certificate(world, deletionTimestamp=world.stamp(-1)))
    assert (found.state, found.settles_by is None) == (VIOLATED, False)


def test_a_resource_without_conditions_says_nothing(world: Any) -> None:
    """As kstatus has it, that is no failure."""
    assert judged(world, certificate(world)).state is SATISFIED
    bare = certificate(world)
    for status in (None, {}, {"conditions": None}):
        assert judged(world, {**bare, "status": status}).state is SATISFIED


def test_a_status_of_another_shape_is_not_judged(world: Any) -> None:
    """It is named and held against nobody."""
    odd = {**certificate(world), "status": {"conditions": "fine"}}
    found = judged(world, odd)
    assert (found.state, found.counts) == (UNKNOWN, False)


def test_what_is_gone_or_was_broken_is_told_by_the_reference(world: Any) -> None:
    """A loss counts, an old trouble does not."""
    bad = certificate(world, world.condition("Ready", "False", "Pending"))
    assert judged(world, before=[bad]).state is VIOLATED
    assert not judged(world, bad, before=[bad]).counts
    assert judged(world).state is SATISFIED


@pytest.mark.parametrize("status", [ReadStatus.FORBIDDEN, ReadStatus.TIMEOUT, ReadStatus.ERROR])
def test_a_list_that_fails_is_unknown(world: Any, status: ReadStatus) -> None:
    """Whoever names a kind must let it be read."""
    (found,) = world.judge(READY, look(world, read=Read(status=status)))
    assert (found.state, found.counts) == (UNKNOWN, True)


def definition(world: Any, **conditions: str) -> Any:
    """The definition of certificates."""
    return {
        "CustomResourceDefinition": [
            {
                "metadata": {"name": "certificates.cert-manager.io"},
                "spec": {"group": "cert-manager.io", "names": {"kind": "Certificate"}},
                "status": {
                    "conditions": [world.condition(k, v, "x") for k, v in conditions.items()]
                },
            }
        ]
    }


@pytest.mark.parametrize(
    ("conditions", "state"),
    [
        ({"Established": "True", "NamesAccepted": "True"}, SATISFIED),
        ({"Established": "False", "NamesAccepted": "True"}, VIOLATED),
        ({"Established": "True", "NamesAccepted": "False"}, VIOLATED),
        ({}, VIOLATED),
    ],
)
def test_a_kind_must_be_served(world: Any, conditions: Any, state: EvidenceState) -> None:
    """Both conditions, which one tool or another leaves out."""
    listed = world.listed(
        "CustomResourceDefinition",
        definition(world, **conditions)["CustomResourceDefinition"],
        Read(),
    )
    (found,) = world.judge(DEFINED, Snapshot(at=world.AT, lists=(listed,)))
    assert found.state is state


def test_a_policy_must_write_the_whole_name() -> None:
    """And none is read unless one is named."""
    assert custom_checks(()) == ()
    for name in ("Certificate", "certificates", "certificates/v1", "deployments.apps"):
        with pytest.raises(PolicyError, match=r"plural\.group/version"):
            EvidenceGate(reader=None, settings=GateSettings(custom_resources=(name,)))


# What the cluster does not know, over HTTP.


@pytest.fixture
def cluster() -> Iterator[SimCluster]:
    """A cluster without extensions."""
    with SimCluster(autorun=False) as made:
        made.apply({"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "shop"}})
        yield made


@pytest.fixture
def reader(cluster: SimCluster, tmp_path: Path) -> Iterator[KubernetesReader]:
    """A reader with every right."""
    made = connect(cluster.write_kubeconfig(tmp_path / "config"), timeout_seconds=5.0)
    yield made
    made.close()


def install(cluster: SimCluster, group: str, version: str, plural: str, kind: str) -> None:
    """Let the cluster serve one more kind."""
    cluster.apply(
        {
            "kind": "CustomResourceDefinition",
            "apiVersion": "apiextensions.k8s.io/v1",
            "metadata": {"name": f"{plural}.{group}"},
            "spec": {
                "group": group,
                "scope": "Namespaced",
                "names": {"plural": plural, "kind": kind},
                "versions": [{"name": version, "served": True, "storage": True}],
            },
        }
    )


SCHEDULES = ListKey(kind="Schedule")


async def test_a_group_that_is_not_installed_is_an_answer(reader: KubernetesReader) -> None:
    """There are no experiments where nobody installed Chaos Mesh."""
    found = await reader.list(SCHEDULES)
    assert (found.read.status, found.read.ok) == (ReadStatus.NOT_SERVED, True)


async def test_a_kind_that_its_group_does_not_know_is_an_answer(
    cluster: SimCluster, reader: KubernetesReader
) -> None:
    """An older version of the extension, which answers 404."""
    install(cluster, "chaos-mesh.org", "v1alpha1", "podchaos", "PodChaos")
    assert (await reader.list(ListKey(kind="PodChaos"))).read.status is ReadStatus.OK
    assert (await reader.list(SCHEDULES)).read.status is ReadStatus.NOT_SERVED


@pytest.mark.parametrize(
    ("respond", "status"),
    [
        (Respond(status=403), ReadStatus.FORBIDDEN),
        (Respond(status=503), ReadStatus.ERROR),
        (Respond(garbage=True), ReadStatus.GARBLED),
        (Respond(reset=True), ReadStatus.UNREACHABLE),
    ],
)
async def test_when_the_groups_cannot_be_listed_nothing_is_absent(
    cluster: SimCluster, reader: KubernetesReader, respond: Respond, status: ReadStatus
) -> None:
    """Whether the extension is there is then not known."""
    cluster.faults.add(Match(server="kubernetes", path="/apis"), respond)
    found = await reader.list(SCHEDULES)
    assert found.read.status is status
    assert not found.read.ok


async def test_experiments_are_listed_across_namespaces(
    cluster: SimCluster, reader: KubernetesReader
) -> None:
    """They live in a namespace of their own."""
    install(cluster, "chaos-mesh.org", "v1alpha1", "schedules", "Schedule")
    cluster.apply(
        [
            {"kind": "Namespace", "apiVersion": "v1", "metadata": {"name": "chaos"}},
            {
                "kind": "Schedule",
                "apiVersion": "chaos-mesh.org/v1alpha1",
                "metadata": {"name": "storm", "namespace": "chaos"},
                "spec": {"networkChaos": {"selector": {"namespaces": ["shop"]}}},
            },
        ]
    )
    (found,) = (await reader.list(SCHEDULES)).objects
    assert isinstance(found, Schedule)
    assert (found.metadata.namespace, RESOURCES["Schedule"].namespaced) == ("chaos", False)


async def test_a_kind_that_a_policy_names_is_read(
    cluster: SimCluster, reader: KubernetesReader, world: Any
) -> None:
    """Whatever it is called; one that is not served is a failure, since somebody named it."""
    absent = await reader.list(ListKey(kind=KIND, namespace="shop"))
    assert not absent.read.ok
    install(cluster, "cert-manager.io", "v1", "certificates", "Certificate")
    item = certificate(world, world.condition("Ready", "True", "Issued"))
    cluster.apply({**item, "metadata": {"name": "tls", "namespace": "shop"}})
    (found,) = (await reader.list(ListKey(kind=KIND, namespace="shop"))).objects
    assert isinstance(found, CustomResource)
    # Servers write the kind on each item of such a list; the simulated one leaves it out.
    assert (found.of, found.metadata.name) == ("certificates", "tls")
    assert (await reader.can_i("list", KIND, "shop"))[1]
    assert not (await reader.can_i("list", "Nothing", "shop"))[0].ok
