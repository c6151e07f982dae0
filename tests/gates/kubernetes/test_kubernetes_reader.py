"""The reader against a served API: what it decodes, and every way it can fail."""

import gc
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from guardrails.gates.kubernetes.client import PAGE, KubernetesReader
from guardrails.gates.kubernetes.connect import connect
from guardrails.gates.kubernetes.resources import RESOURCES
from guardrails.gates.registry import DEFAULT_CHECKS, lists_of
from guardrails.gates.snapshot import ListKey, ReadStatus
from guardrails.testing import Match, Respond, SimCluster
from guardrails.testing.demo_app import shop_app

PODS = ListKey(kind="Pod", namespace="shop")
LIST_PODS = Match(server="kubernetes", verb="list", resource="pods")


@pytest.fixture
def cluster() -> Iterator[SimCluster]:
    """A shop at rest."""
    with SimCluster(autorun=False) as made:
        made.apply(shop_app())
        made.settle()
        yield made


@pytest.fixture
def reader(cluster: SimCluster, tmp_path: Path) -> Iterator[KubernetesReader]:
    """A reader with every right."""
    made = connect(cluster.write_kubeconfig(tmp_path / "config"), timeout_seconds=5.0)
    yield made
    made.close()


@pytest.mark.parametrize("kind", lists_of(DEFAULT_CHECKS))
async def test_every_kind_is_listed(reader: KubernetesReader, kind: str) -> None:
    """Each list answers with objects of its kind and a resource version."""
    found = await reader.list(ListKey(kind=kind, namespace="shop"))
    assert found.read.ok, found.read
    absent = found.read.status is ReadStatus.NOT_SERVED and RESOURCES[kind].optional
    assert found.resource_version or absent
    assert all(isinstance(x, RESOURCES[kind].type) for x in found.objects)


async def test_objects_carry_what_checks_read(reader: KubernetesReader) -> None:
    """Names, owners, conditions and ports survive the decoding."""
    found = await reader.list(PODS)
    assert len(found.objects) == 7
    pod: Any = found.objects[0]
    assert pod.metadata.owner_references[0].kind == "ReplicaSet"
    assert pod.spec.containers[0].ports[0].container_port == 8080
    assert any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions)


async def test_a_long_list_is_read_page_by_page(
    cluster: SimCluster, reader: KubernetesReader
) -> None:
    """More objects than fit on a page arrive whole."""
    cluster.apply(
        [
            {
                "kind": "Service",
                "apiVersion": "v1",
                "metadata": {"name": f"s{number}", "namespace": "default"},
                "spec": {"ports": [{"port": 80}]},
            }
            for number in range(PAGE + 20)
        ]
    )
    found = await reader.list(ListKey(kind="Service", namespace="default"))
    names = {x.metadata.name for x in found.objects}
    assert {f"s{n}" for n in range(PAGE + 20)} <= names


@pytest.mark.parametrize(
    ("respond", "status", "temporary"),
    [
        (Respond(status=401), ReadStatus.UNAUTHORIZED, False),
        (Respond(status=403), ReadStatus.FORBIDDEN, False),
        (Respond(status=404), ReadStatus.ERROR, False),
        (Respond(status=410), ReadStatus.ERROR, True),
        (Respond(status=429, retry_after=1), ReadStatus.ERROR, True),
        (Respond(status=500), ReadStatus.ERROR, True),
        (Respond(status=503), ReadStatus.ERROR, True),
        (Respond(truncate=True), ReadStatus.UNREACHABLE, True),
        (Respond(garbage=True), ReadStatus.GARBLED, True),
        (Respond(wrong_content_type=True), ReadStatus.GARBLED, True),
        (Respond(reset=True), ReadStatus.UNREACHABLE, True),
        (Respond(empty_data=True), ReadStatus.GARBLED, True),
    ],
)
async def test_every_failure_is_a_status(
    cluster: SimCluster,
    reader: KubernetesReader,
    respond: Respond,
    status: ReadStatus,
    temporary: bool,  # noqa: FBT001  # a table
) -> None:
    """No failure raises, none looks empty, and each says whether asking again may help."""
    cluster.faults.add(LIST_PODS, respond)
    found = await reader.list(PODS)
    assert (found.read.status, found.read.temporary, found.objects) == (status, temporary, ())
    assert "list Pod in shop" in found.read.message


async def test_other_lists_are_not_touched_by_a_failure(
    cluster: SimCluster, reader: KubernetesReader
) -> None:
    """A status belongs to one list."""
    cluster.faults.add(LIST_PODS, Respond(status=403))
    assert (await reader.list(ListKey(kind="Service", namespace="shop"))).read.ok


async def test_a_slow_list_is_a_timeout(cluster: SimCluster, tmp_path: Path) -> None:
    """The limit is for the whole list."""
    cluster.faults.add(LIST_PODS, Respond(delay=30.0))
    reader = connect(cluster.write_kubeconfig(tmp_path / "config"), timeout_seconds=0.3)
    found = await reader.list(PODS)
    reader.close()
    assert (found.read.status, found.read.temporary) == (ReadStatus.TIMEOUT, True)


async def test_a_stopped_server_is_unreachable(
    cluster: SimCluster, reader: KubernetesReader
) -> None:
    """Connection refused, and well again when it is back."""
    cluster.stop("kubernetes")
    gone = await reader.list(PODS)
    cluster.start("kubernetes")
    back = await reader.list(PODS)
    assert (gone.read.status, gone.read.temporary) == (ReadStatus.UNREACHABLE, True)
    assert back.read.ok


async def test_a_token_that_expires_between_pages_starts_the_list_again(
    cluster: SimCluster, reader: KubernetesReader
) -> None:
    """One 410 costs a new list; a second one is a failure that may pass."""
    cluster.faults.add(LIST_PODS, Respond(status=410), times=1)
    assert (await reader.list(PODS)).read.ok


async def test_missing_rights_are_named(cluster: SimCluster, tmp_path: Path) -> None:
    """A real 403 says which verb on which resource, and so do we."""
    cluster.add_user(
        "guard", rules=[{"apiGroups": [""], "resources": ["services"], "verbs": ["list"]}]
    )
    reader = connect(cluster.write_kubeconfig(tmp_path / "config", user="guard"))
    allowed = await reader.list(ListKey(kind="Service", namespace="shop"))
    refused = await reader.list(PODS)
    asked = [await reader.can_i("list", kind, "shop") for kind in ("Service", "Pod")]
    reader.close()
    assert allowed.read.ok
    assert refused.read.status is ReadStatus.FORBIDDEN
    assert "allow list on pods" in refused.read.message
    assert [(read.ok, answer) for read, answer in asked] == [(True, True), (True, False)]


async def test_an_expired_token_is_unauthorized(cluster: SimCluster, tmp_path: Path) -> None:
    """Which no waiting mends."""
    path = cluster.write_kubeconfig(tmp_path / "config")
    text = path.read_text()
    token = text.split("token:")[1].split()[0].strip("'\"")
    path.write_text(text.replace(token, "expired"))
    reader = connect(path)
    found = await reader.list(PODS)
    reader.close()
    assert (found.read.status, found.read.temporary) == (ReadStatus.UNAUTHORIZED, False)


async def test_the_server_says_who_it_is(reader: KubernetesReader) -> None:
    """Version for the doctor, identity for the reference."""
    read, version = await reader.version()
    assert read.ok
    assert version.startswith("v1.")
    assert await reader.identity() == await reader.identity()


async def test_a_namespace_is_looked_up_by_name(reader: KubernetesReader) -> None:
    """To tell an empty namespace from one that does not exist."""
    there = await reader.list(ListKey(kind="Namespace", namespace="shop", name="shop"))
    absent = await reader.list(ListKey(kind="Namespace", namespace="x", name="x"))
    assert [x.metadata.name for x in there.objects] == ["shop"]
    assert absent.read.ok
    assert absent.objects == ()


async def test_an_unknown_kind_is_an_error(reader: KubernetesReader) -> None:
    """A check that asks for what no table knows gets no evidence."""
    found = await reader.list(ListKey(kind="Gateway", namespace="shop"))
    assert found.read.status is ReadStatus.ERROR


async def test_looks_share_what_did_not_change(
    cluster: SimCluster, reader: KubernetesReader
) -> None:
    """An object of the same version is the same value, so that looks cost memory once."""
    before = {x.metadata.name: x for x in (await reader.list(PODS)).objects}
    (touched, *rest) = before
    pod = cluster.get("Pod", touched, namespace="shop")
    cluster.apply({**pod, "metadata": {**pod["metadata"], "labels": {"changed": "yes"}}})

    after = {x.metadata.name: x for x in (await reader.list(PODS)).objects}

    assert after[touched] is not before[touched]
    assert (after[touched].metadata.labels or {}).get("changed") == "yes"
    assert all(after[name] is before[name] for name in rest)


async def test_what_nobody_holds_is_forgotten(reader: KubernetesReader) -> None:
    """The reader remembers objects only for as long as some look does."""
    found = await reader.list(PODS)
    alive = weakref.ref(found.objects[0])
    del found
    gc.collect()
    assert alive() is None
