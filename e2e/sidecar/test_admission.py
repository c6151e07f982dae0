"""The admission policy on a real API server: what an agent may not do, whatever its rights."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.app import NAMESPACE
from e2e.clusters.cluster import Cluster
from e2e.sidecar.charts import CASES, Manifest, render
from e2e.sidecar.installation import FULL_NAME, Installation, installed
from e2e.sidecar.schemas import crds
from e2e.waiting import wait_until

GUARD, AGENTS, GUARDED = "guard-admission", "agents-admission", "guarded-admission"
SETTINGS = {
    "scope.namespaces": [NAMESPACE],
    "admission": {
        "enabled": True,
        "agents": [{"namespace": AGENTS, "name": "sre-agent"}],
        "protectedNamespaces": ["monitoring"],
        "denyScaleToZero": True,
    },
}

AGENT = f"""
apiVersion: v1
kind: Namespace
metadata: {{name: {AGENTS}}}
---
apiVersion: v1
kind: Namespace
metadata: {{name: monitoring}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {{name: sre-agent, namespace: {AGENTS}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {{name: admission-test-agents}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}}
subjects:
- {{kind: ServiceAccount, name: sre-agent, namespace: {AGENTS}}}
- {{kind: ServiceAccount, name: {FULL_NAME}-agent, namespace: {GUARDED}}}
"""
"""Agents that RBAC lets do anything, so that whatever is refused is the policy's doing."""

RULE: Manifest = {
    "apiVersion": "monitoring.coreos.com/v1",
    "kind": "PrometheusRule",
    "metadata": {"name": "quiet", "namespace": NAMESPACE},
    "spec": {"groups": []},
}


@pytest.fixture(scope="module")
def agents(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster with agents that may do anything, and the kinds that alerts are made of."""
    for path in crds():
        cluster.kubectl("apply", "--server-side", "-f", str(path))
    cluster.kubectl("apply", "-f", "-", stdin=AGENT)
    yield cluster
    cluster.kubectl("delete", "clusterrolebinding", "admission-test-agents")
    cluster.kubectl("delete", "namespace", AGENTS, "monitoring", "--wait=false")


@pytest.fixture(scope="module")
def standalone(agents: Cluster) -> Iterator[Installation]:
    """The guard in its own namespace, with the policy in force."""
    rendered = render(CASES["standalone"], SETTINGS, namespace=GUARD)
    with installed(agents, rendered, GUARD) as installation:
        in_force(installation, agent(installation))
        yield installation


@pytest.fixture(scope="module")
def sidecar(agents: Cluster) -> Iterator[Installation]:
    """The guard beside its agent, with the policy in force."""
    rendered = render(CASES["sidecar"], {"scope.namespaces": [NAMESPACE]}, namespace=GUARDED)
    with installed(agents, rendered, GUARDED) as installation:
        in_force(installation, own_agent(installation))
        yield installation


def agent(installation: Installation) -> Path:
    """Return credentials of the agent elsewhere."""
    return installation.cluster.kubeconfig_for("sre-agent", AGENTS)


def own_agent(installation: Installation) -> Path:
    """Return credentials of the agent in the guard's pod."""
    return installation.cluster.kubeconfig_for(f"{FULL_NAME}-agent", GUARDED)


def in_force(installation: Installation, kubeconfig: Path) -> None:
    """Wait until the API server has taken up the policy."""
    try_rule = ("create", "--dry-run=server", "-f", "-")

    def denied() -> bool:
        done = installation.cluster.try_kubectl(
            *try_rule, stdin=json.dumps(RULE), kubeconfig=kubeconfig
        )
        return "agents may not change what alerts are made of" in done.stderr

    wait_until(denied, what="the policy is in force")


def pod(**spec: object) -> Manifest:
    """Return a pod in the namespace of the sidecar that Pod Security would admit."""
    security = {
        "runAsNonRoot": True,
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    container = {"name": "x", "image": "x", "securityContext": security}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "x", "namespace": GUARDED},
        "spec": {"containers": [container], **spec},
    }


IDENTITY_VOLUME = [{"name": "v", "secret": {"secretName": f"{FULL_NAME}-identity"}}]
PROJECTED_VOLUME = [
    {"name": "v", "projected": {"sources": [{"secret": {"name": f"{FULL_NAME}-identity"}}]}}
]
NEW_TOKEN: Manifest = {
    "apiVersion": "v1",
    "kind": "Secret",
    "metadata": {
        "name": "mine",
        "namespace": GUARDED,
        "annotations": {"kubernetes.io/service-account.name": FULL_NAME},
    },
    "type": "kubernetes.io/service-account-token",
}


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("scale deployment rel-guarded-agent --replicas=0 -n {guard}", "namespace of the guard"),
        ("set image deployment/rel-guarded-agent *=x -n {guard}", "namespace of the guard"),
        ("delete pods --all -n {guard} --wait=false", "namespace of the guard"),
        ("create configmap x -n {guard}", "namespace of the guard"),
        ("create token rel-guarded-agent -n {guard}", "namespace of the guard"),
        ("delete secret rel-guarded-agent-tokens -n {guard}", "namespace of the guard"),
        ("delete namespace {guard} --wait=false", "namespace of the guard"),
        ("create configmap x -n monitoring", "namespaces that alerts come from"),
        ("delete clusterrole {guard}-rel-guarded-agent", "rights of the guard"),
        ("delete rolebinding {guard}-rel-guarded-agent -n shop", "rights of the guard"),
    ],
)
def test_an_agent_cannot_touch_the_guard(standalone: Installation, command: str, said: str) -> None:
    """Though RBAC would let it do anything."""
    arguments = command.format(guard=GUARD).split()
    wait_until(lambda: bool(standalone.objects("pods")), what="the guard has a pod to be deleted")
    done = standalone.cluster.try_kubectl(*arguments, kubeconfig=agent(standalone))
    assert done.code != 0
    assert said in done.stderr


def test_an_agent_cannot_scale_to_zero_but_otherwise(standalone: Installation) -> None:
    """Capacity may go up and down, and not away."""
    cluster, who = standalone.cluster, agent(standalone)
    cluster.kubectl("create", "deployment", "scaled", "--image=x", "-n", NAMESPACE)
    try:
        zero = ("scale", "deployment", "scaled", "-n", NAMESPACE, "--replicas=0")
        done = cluster.try_kubectl(*zero, kubeconfig=who)
        assert "agents may not scale workloads to zero" in done.stderr
        zero = ("patch", "deployment", "scaled", "-n", NAMESPACE, "-p", '{"spec":{"replicas":0}}')
        done = cluster.try_kubectl(*zero, kubeconfig=who)
        assert "agents may not scale workloads to zero" in done.stderr
        cluster.kubectl(
            *("scale", "deployment", "scaled", "-n", NAMESPACE, "--replicas=2"), kubeconfig=who
        )
    finally:
        cluster.kubectl("delete", "deployment", "scaled", "-n", NAMESPACE)


def test_an_agent_does_its_work(standalone: Installation) -> None:
    """Whatever has to do with neither alerts nor the guard is let through."""
    cluster, who = standalone.cluster, agent(standalone)
    cluster.kubectl("create", "configmap", "mend", "-n", NAMESPACE, kubeconfig=who)
    cluster.kubectl("label", "configmap", "mend", "a=b", "-n", NAMESPACE, kubeconfig=who)
    cluster.kubectl("delete", "configmaps", "-l", "a=b", "-n", NAMESPACE, kubeconfig=who)
    assert cluster.kubectl("auth", "can-i", "create", "pods", kubeconfig=who).strip() == "yes"


def test_people_are_not_meant(standalone: Installation) -> None:
    """Whoever is none of the agents changes rules and the guard as before."""
    dry = "--dry-run=server"
    standalone.cluster.kubectl("create", dry, "-f", "-", stdin=json.dumps(RULE))
    scale = ("scale", "deployment", FULL_NAME, "--replicas=1", "-n", GUARD, dry)
    standalone.cluster.kubectl(*scale)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("set image deployment/rel-guarded-agent *=x", "belongs to the guard"),
        ("delete deployment rel-guarded-agent", "belongs to the guard"),
        ("delete pods --all --wait=false", "belongs to the guard"),
        ("create token rel-guarded-agent", "belongs to the guard"),
        ("delete networkpolicy rel-guarded-agent", "belongs to the guard"),
    ],
)
def test_an_agent_cannot_leave_its_sidecar(sidecar: Installation, command: str, said: str) -> None:
    """In one namespace with the guard, its objects are known by name."""
    wait_until(lambda: bool(sidecar.objects("pods")), what="there is a pod to be deleted")
    done = sidecar.cluster.try_kubectl(
        *command.split(), "-n", GUARDED, kubeconfig=own_agent(sidecar)
    )
    assert done.code != 0
    assert said in done.stderr


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        (pod(serviceAccountName=FULL_NAME), "run pods as the guard"),
        (pod(volumes=IDENTITY_VOLUME), "mount the Secrets of the guard"),
        (pod(volumes=PROJECTED_VOLUME), "mount the Secrets of the guard"),
        (NEW_TOKEN, "make tokens of the guard"),
    ],
    ids=["runs-as", "mounts", "projects", "mints"],
)
def test_an_agent_cannot_take_the_guards_identity(
    sidecar: Installation, manifest: Manifest, said: str
) -> None:
    """By none of the ways that lead around reading the Secret."""
    done = sidecar.cluster.try_kubectl(
        "create", "-f", "-", stdin=json.dumps(manifest), kubeconfig=own_agent(sidecar)
    )
    assert done.code != 0
    assert said in done.stderr


def test_an_agent_beside_its_guard_makes_pods_of_its_own(sidecar: Installation) -> None:
    """An ordinary pod, and an event, in the same namespace."""
    who = own_agent(sidecar)
    dry = ("create", "--dry-run=server", "-f", "-")
    sidecar.cluster.kubectl(*dry, stdin=json.dumps(pod()), kubeconfig=who)
    sidecar.cluster.kubectl(
        *("create", "deployment", "own", "--image=x", "-n", GUARDED, "--dry-run=server"),
        kubeconfig=who,
    )
