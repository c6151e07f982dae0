"""The chart on a real API server: it applies, and its rights are enough and no more."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from e2e.app import NAMESPACE
from e2e.clusters.cluster import Cluster, KubectlResult
from e2e.scenarios.runs import POLICY, guarded_agent, monitoring_options
from e2e.sidecar.charts import CASES, RELEASE, Manifest, render
from e2e.sidecar.installation import FULL_NAME, Installation, installed, kubeconfig_of_token
from e2e.sidecar.schemas import crds
from e2e.waiting import wait_until
from guardrails.cli.sources import SourceOptions, open_sources
from guardrails.cli.symptoms import Symptom, examine, grants
from guardrails.gates.kubernetes.connect import connect
from guardrails.gates.kubernetes.resources import RESOURCES
from guardrails.gates.reference.history import HISTORY_LISTS
from guardrails.gates.registry import DEFAULT_CHECKS, lists_of

STANDALONE, SIDECAR = "charted", "guarded"
"""Where the two modes are installed. The tutorial's own namespaces are left to its test."""

IN_SCOPE = {"scope.namespaces": [NAMESPACE]}
NO_PODS = {"replicas": 0}
"""Where only rights are asked about: no image of the guard runs here, and a Deployment that is not
available raises alerts of its own."""
UNSERVED_GROUPS = ("istio.io", "chaos-mesh.org")
"""Extensions that this cluster may lack; what is not served cannot be missed."""

KUBE_SYSTEM = "kube-system"


@pytest.fixture(scope="session")
def operator(cluster: Cluster) -> Cluster:
    """The cluster with the CRDs of prometheus-operator."""
    for path in crds():
        cluster.kubectl("apply", "--server-side", "-f", str(path))
    return cluster


@pytest.fixture(scope="module")
def standalone(operator: Cluster) -> Iterator[Installation]:
    """The chart in a namespace of its own; whoever takes a right away gives it back."""
    rendered = render(CASES["standalone"], {**IN_SCOPE, **NO_PODS}, namespace=STANDALONE)
    with installed(operator, rendered, STANDALONE) as installation:
        yield installation


@pytest.fixture
def sidecar(operator: Cluster) -> Iterator[Installation]:
    """The chart around an agent."""
    rendered = render(CASES["sidecar"], IN_SCOPE, namespace=SIDECAR)
    with installed(operator, rendered, SIDECAR) as installation:
        yield installation


def guard_of(installation: Installation) -> Path:
    """Return credentials of the guard's ServiceAccount."""
    return installation.cluster.kubeconfig_for(FULL_NAME, installation.namespace)


def has_a_pod(installation: Installation) -> bool:
    """Tell whether admission let the Deployment's controller make its pod."""
    return bool(installation.objects("pods", f"app.kubernetes.io/instance={RELEASE}"))


def test_standalone_applies_and_its_pod_is_admitted(operator: Cluster) -> None:
    """Strict server-side apply takes every field, and Pod Security `restricted` the pod."""
    rendered = render(CASES["standalone"], IN_SCOPE, namespace="admitted")
    with installed(operator, rendered, "admitted") as installation:
        wait_until(lambda: has_a_pod(installation), what="the Deployment has a pod")
        (pod,) = installation.objects("pods")
    assert pod["spec"]["serviceAccountName"] == FULL_NAME
    assert not [v for v in pod["spec"]["volumes"] if v["name"].startswith("kube-api-access")]


def test_everything_applies(operator: Cluster) -> None:
    """Monitors, rules, dashboard, autoscaler, budget and admission policy included."""
    rendered = render(CASES["replicas"], namespace="everything")
    with installed(operator, rendered, "everything") as installation:
        applied = installation.objects("servicemonitors,prometheusrules,hpa,pdb,netpol")
    kinds = {"ServiceMonitor", "PrometheusRule", "HorizontalPodAutoscaler", "PodDisruptionBudget"}
    assert kinds <= {one["kind"] for one in applied}


def test_a_sidecars_identity_is_the_guards(sidecar: Installation, tmp_path: Path) -> None:
    """The pod runs as the agent; the Secret that only the guard mounts holds the guard's token."""
    wait_until(lambda: has_a_pod(sidecar), what="the Deployment has a pod")
    (pod,) = sidecar.objects("pods")
    assert pod["spec"]["serviceAccountName"] == f"{FULL_NAME}-agent"

    def token() -> str:
        held = sidecar.cluster.kubectl(
            *("get", "secret", "-n", SIDECAR, f"{FULL_NAME}-identity"),
            *("-o", "jsonpath={.data.token}"),
        )
        return base64.b64decode(held).decode()

    wait_until(lambda: bool(token()), what="the Secret holds a token")
    path = kubeconfig_of_token(sidecar.cluster, token(), tmp_path / "identity")
    who = sidecar.cluster.kubectl("auth", "whoami", "-o", "json", kubeconfig=path)
    name = json.loads(who)["status"]["userInfo"]["username"]
    assert name == f"system:serviceaccount:{SIDECAR}:{FULL_NAME}"
    guarded_agent("doctor", "-n", NAMESPACE, "--kubeconfig", str(path))


def symptoms(kubeconfig: Path) -> dict[str, Symptom]:
    """Return what `doctor` says of each list, by the list's name."""
    with closing(open_sources(SourceOptions(kubeconfig=kubeconfig), timeout_seconds=10)) as opened:
        found = asyncio.run(examine(opened, [NAMESPACE]))
    return {s.what.split(" ")[1]: s for s in found if s.what.startswith("list ")}


def without(role: Manifest, at: int, resource: str) -> Manifest:
    """Return a role that lacks one resource, which is its `list` verb, as there is no other."""
    rules = [dict(rule) for rule in role["rules"]]
    left = [name for name in rules[at]["resources"] if name != resource]
    rules[at]["resources"] = left
    return {**role, "rules": [rule for rule in rules if rule["resources"]]}


@pytest.mark.timeout(300)
def test_every_right_is_needed_and_doctor_names_it(standalone: Installation) -> None:
    """One by one is taken away; each time the one list is missed, and no other."""
    guard = guard_of(standalone)
    named = ("Role", "ClusterRole")
    unread = {name: s for name, s in symptoms(guard).items() if s.kind}
    assert set(unread) == {"configmaps"}, "the chart grants all but what has its own value"

    taken: set[str] = set()
    for role in (role for kind in named for role in standalone.rendered.all(kind)):
        for at, rule in enumerate(role["rules"]):
            (group,) = rule["apiGroups"]
            if rule["verbs"] != ["list"] or group.endswith(UNSERVED_GROUPS):
                continue
            for resource in rule["resources"]:
                name = f"{resource}.{group}" if group else resource
                standalone.apply(without(role, at, resource))
                missed: set[str] = set()

                def is_missed(name: str = name) -> bool:
                    nonlocal missed
                    found = symptoms(guard)
                    missed = {what for what, symptom in found.items() if symptom.kind}
                    return name in missed

                wait_until(is_missed, what=f"doctor misses {name}", timeout=10)
                assert missed == {name, "configmaps"}
                taken.add(name)
        standalone.apply(role)
    read = [RESOURCES[kind] for kind in lists_of(DEFAULT_CHECKS, more=HISTORY_LISTS)]
    plurals = {f"{r.plural}.{r.group}" if r.group else r.plural for r in read if not r.optional}
    assert taken == plurals - {"configmaps"}


def test_doctor_says_which_rule_to_add(standalone: Installation) -> None:
    """The command exits 7 and prints the rule, which then is enough."""
    (role,) = standalone.rendered.all("Role")
    at = next(i for i, rule in enumerate(role["rules"]) if "endpointslices" in rule["resources"])
    standalone.apply(without(role, at, "endpointslices"))
    guard = guard_of(standalone)
    wait_until(
        lambda: bool(symptoms(guard)["endpointslices.discovery.k8s.io"].kind), what="it is taken"
    )
    printed = guarded_agent("doctor", "-n", NAMESPACE, "--kubeconfig", str(guard), code=7)
    assert "endpointslices" in printed.partition("needs:")[2]
    assert grants(symptoms(guard).values()) in printed
    standalone.apply(role)


def test_the_cluster_is_told_from_others(standalone: Installation) -> None:
    """The one `get`: the uid of kube-system, which a snapshot carries."""
    uid = standalone.cluster.kubectl(
        "get", "namespace", KUBE_SYSTEM, "-o", "jsonpath={.metadata.uid}"
    )
    with closing(connect(guard_of(standalone))) as reader:
        assert asyncio.run(reader.identity()) == uid


NO_REPLICAS = '{"spec": {"replicas": 0}}'
WRITES = (
    ("create", "deployment", "x", "--image=x", "-n", NAMESPACE),
    ("delete", "pod", "x", "-n", NAMESPACE),
    # `kubectl scale` of 1.30 says of a 403 only that there is nothing to scale.
    ("patch", "deployment", "checkout", "--subresource=scale", "-p", NO_REPLICAS, "-n", NAMESPACE),
    ("label", "service", "checkout", "a=b", "-n", NAMESPACE),
    ("create", "configmap", "x", "-n", NAMESPACE),
    ("create", "token", FULL_NAME, "-n", STANDALONE),
    ("create", "rolebinding", "x", "--clusterrole=admin", "--user=x", "-n", NAMESPACE),
    ("cordon", "node-1"),
)
READS_BEYOND = (
    ("get", "secrets", "-n", NAMESPACE),
    ("get", "secrets", "-n", STANDALONE),
    ("get", "configmaps", "-n", NAMESPACE),
    ("get", "pods", "-n", KUBE_SYSTEM),
    ("get", "service", "checkout", "-n", NAMESPACE),
)


def refused(result: KubectlResult) -> bool:
    """Tell whether the API server said 403."""
    return result.code != 0 and "forbidden" in result.stderr.lower()


@pytest.mark.parametrize("command", [*WRITES, *READS_BEYOND], ids=" ".join)
def test_whatever_else_it_asks_is_forbidden(
    standalone: Installation, command: tuple[str, ...]
) -> None:
    """No write, no Secret, nothing outside its scope: 403 each."""
    result = standalone.cluster.try_kubectl(*command, kubeconfig=guard_of(standalone))
    assert refused(result), f"{result.stdout}{result.stderr}"


def test_the_rights_that_the_server_knows_are_the_charts(standalone: Installation) -> None:
    """By a review of itself: `list`, and questions about itself, which everybody may ask."""
    review = standalone.cluster.kubectl(
        "create", "-o", "json", "--validate=false", "-f", "-",
        stdin=json.dumps({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectRulesReview",
            "spec": {"namespace": NAMESPACE},
        }),
        kubeconfig=guard_of(standalone),
    )  # fmt: skip
    rules = json.loads(review)["status"]["resourceRules"]
    other = {
        (verb, resource)
        for rule in rules
        for verb in rule["verbs"]
        for resource in rule["resources"]
        if verb != "list"
    }
    assert other == {
        ("get", "namespaces"),
        ("create", "selfsubjectaccessreviews"),
        ("create", "selfsubjectrulesreviews"),
        ("create", "selfsubjectreviews"),
    }


@pytest.mark.timeout(240)
def test_the_identity_is_enough_to_judge(app: Cluster, standalone: Installation) -> None:
    """With the chart's rights a healthy app passes, alerts included."""
    judged = guarded_agent(
        *("verify", "-n", NAMESPACE, "-o", "json", "--policy", str(POLICY)),
        *("--kubeconfig", str(guard_of(standalone)), *monitoring_options(app)),
    )
    assert json.loads(judged)["verdict"] == "pass"
