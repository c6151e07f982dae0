"""The guard's own identity: each missing read is named, each write refused."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.errors import PermanentSourceError, UsageError
from guardrails.gates.kubernetes.client import KubernetesReader
from guardrails.gates.kubernetes.connect import connect
from guardrails.gates.kubernetes.resources import RESOURCES
from guardrails.gates.kubernetes.reviews import ResourceRule
from guardrails.gates.registry import DEFAULT_CHECKS, lists_of
from guardrails.sidecar.identity import READS, examine_identity, insist, writes_of
from guardrails.sidecar.readiness import IdentityCheck, NotReadyError, source_checks
from guardrails.testing.sim import SimCluster

NEEDED = [RESOURCES[kind] for kind in lists_of(DEFAULT_CHECKS)]


def _reads(*but: str) -> list[dict[str, object]]:
    """Return a rule for each list that a check reads, but for some."""
    return [
        {"apiGroups": [one.group], "resources": [one.plural], "verbs": ["list"]}
        for one in NEEDED
        if one.plural not in but
    ]


@pytest.fixture
def sim() -> Iterator[SimCluster]:
    """Run an API server."""
    with SimCluster() as cluster:
        cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
        yield cluster


class Readers:
    """Makes readers with rights, and closes them."""

    def __init__(self, sim: SimCluster, folder: Path) -> None:
        self._sim, self._folder = sim, folder
        self.opened: list[KubernetesReader] = []

    def __call__(self, rules: list[dict[str, object]]) -> KubernetesReader:
        self._sim.add_user("guard", rules=rules)
        reader = connect(self._sim.write_kubeconfig(self._folder / "config", user="guard"))
        self.opened.append(reader)
        return reader


@pytest.fixture
def reader(sim: SimCluster, tmp_path: Path) -> Iterator[Readers]:
    """Return what makes readers."""
    readers = Readers(sim, tmp_path)
    yield readers
    for one in readers.opened:
        one.close()


async def test_lists_alone_are_enough(reader: Readers) -> None:
    """Nothing is missing, nothing is too much."""
    found = await examine_identity(reader(_reads()), ["shop"])
    assert (found.writes, found.missing, found.secrets, found.unknown) == ((), (), (), ())
    insist(found, allow_write=False)


@pytest.mark.parametrize("plural", [one.plural for one in NEEDED])
async def test_each_missing_list_is_named(reader: Readers, plural: str) -> None:
    """With whether an end can be judged without it."""
    found = await examine_identity(reader(_reads(plural)), ["shop"])
    (missing,) = found.missing
    resource = RESOURCES[missing.kind]
    assert resource.plural == plural
    assert missing.needed is not (resource.optional or resource.refusable)
    assert f"no right to list {plural}" in found.warnings()[0]


WRITES = [
    ("apps", "deployments", "patch"),
    ("", "pods", "delete"),
    ("", "pods", "deletecollection"),
    ("", "pods/exec", "create"),
    ("", "pods/exec", "get"),
    ("", "services/proxy", "get"),
    ("", "serviceaccounts/token", "create"),
    ("", "users", "impersonate"),
    ("rbac.authorization.k8s.io", "roles", "bind"),
    ("rbac.authorization.k8s.io", "clusterroles", "escalate"),
    ("example.org", "widgets", "update"),
    ("", "events", "create"),
    ("*", "*", "*"),
]


@pytest.mark.parametrize(("group", "resource", "verb"), WRITES)
async def test_each_right_to_change_something_is_refused(
    reader: Readers, group: str, resource: str, verb: str
) -> None:
    """By its name, so that it can be taken away; unless it is meant."""
    rule = {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
    found = await examine_identity(reader([*_reads(), rule]), ["shop"])
    assert any(one.startswith(f"{verb} {resource}") for one in found.writes), found.writes
    with pytest.raises(UsageError, match=r"scope\.allow_write_identity"):
        insist(found, allow_write=False)
    insist(found, allow_write=True)


async def test_a_right_in_another_namespace_of_the_scope_counts(reader: Readers) -> None:
    """Rights are asked for in each."""
    rule = {
        "apiGroups": ["apps"],
        "resources": ["deployments"],
        "verbs": ["patch"],
        "namespaces": ["db"],
    }
    found = await examine_identity(reader([*_reads(), rule]), ["shop", "db"])
    assert found.writes == ("patch deployments.apps in db",)


async def test_reading_secrets_is_a_warning(reader: Readers) -> None:
    """No check reads any."""
    rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}
    found = await examine_identity(reader([*_reads(), rule]), ["shop"])
    assert found.secrets == ("in shop",)
    assert "take the right away" in found.warnings()[0]
    insist(found, allow_write=False)


async def test_reviews_of_tokens_are_no_write(reader: Readers) -> None:
    """They are created, and change nothing."""
    rule = {
        "apiGroups": ["authentication.k8s.io"],
        "resources": ["tokenreviews"],
        "verbs": ["create"],
    }
    assert (await examine_identity(reader([*_reads(), rule]), ["shop"])).writes == ()


async def test_refused_credentials_are_told(sim: SimCluster, reader: Readers) -> None:
    """Nothing is known of rights then."""
    cluster = reader(_reads())
    sim.users.revoke("guard")
    with pytest.raises(PermanentSourceError, match="renew its token"):
        await examine_identity(cluster, ["shop"])


async def test_a_cluster_that_is_down_leaves_it_open(sim: SimCluster, reader: Readers) -> None:
    """That nothing was found is not that nothing is there."""
    cluster = reader(_reads())
    sim.stop("kubernetes")
    found = await examine_identity(cluster, ["shop"])
    assert found.unknown
    assert "cannot find out" in found.warnings()[0]


@given(
    verbs=st.sets(st.sampled_from([*sorted(READS), "create", "patch", "delete", "use", "*"])),
    resource=st.sampled_from(["pods", "deployments", "tokenreviews", "*"]),
)
def test_no_verb_but_reading_is_let_through(verbs: set[str], resource: str) -> None:
    """Also verbs that nobody has thought of yet."""
    rule = ResourceRule(verbs=tuple(verbs), api_groups=("apps",), resources=(resource,))
    assert len(writes_of([rule])) == len(verbs - READS)


# Readiness


async def test_not_ready_while_a_list_is_missing(reader: Readers) -> None:
    """It says which, and is ready soon after it was granted."""
    now = [0.0]
    cluster = reader(_reads("pods"))
    check = IdentityCheck(cluster, ["shop"], allow_write=False, clock=lambda: now[0])
    with pytest.raises(NotReadyError, match="no right to list pods in shop"):
        await check.check()
    reader._sim.users.add("guard", token=reader._sim.users.token("guard"), rules=_reads())
    now[0] += 16
    await check.check()


async def test_not_ready_once_it_may_write(reader: Readers) -> None:
    """Rights may be given later."""
    now, told = [0.0], list[object]()
    cluster = reader(_reads())
    check = IdentityCheck(
        cluster, ["shop"], allow_write=False, on_change=told.append, clock=lambda: now[0]
    )
    await check.check()
    await check.check()
    token = reader._sim.users.token("guard")
    reader._sim.users.add("guard", token=token, rules=None)
    now[0] += 301
    with pytest.raises(NotReadyError, match="may change the cluster"):
        await check.check()
    assert len(told) == 2


async def test_sources_are_really_read(sim: SimCluster, reader: Readers) -> None:
    """A server that is up and refuses is not one that can be read."""
    (pods,) = source_checks(reader(_reads("pods")), ["shop"], prometheus=None, alertmanager=None)
    assert pods.name == "kubernetes"
    with pytest.raises(NotReadyError, match="403"):
        await pods.check()
