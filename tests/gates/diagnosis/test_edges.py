"""Every family of edges: which fault explains which trouble, and which does not."""

import itertools
from typing import Any

import msgspec
import pytest

from guardrails.core.evidence import EvidenceState
from guardrails.gates.topology import Reach, Thing, spread
from guardrails.gates.topology.calls import service_of

NS = "shop"


def thing(name: str, namespace: str = NS) -> Thing:
    """Read `Kind/name`."""
    kind, _, rest = name.partition("/")
    return Thing(kind, rest, "" if kind in {"Node", "Namespace"} else namespace)


def leads(shop: Any, objects: Any, cause: str, effect: str, *, starved: bool = False) -> bool:
    """Whether a fault in one explains trouble of the other."""
    found = spread(shop.graph(objects), [thing(cause)])
    return found.path(thing(effect), starved=starved) is not None


def named(world: Any, name: str, **more: Any) -> Any:
    """Any object with a spec."""
    return {"metadata": world.metadata(name), **more}


def test_owners_and_owned_explain_each_other(shop: Any, world: Any) -> None:
    """A template shows in its pods, and a pod in what it belongs to."""
    objects = shop.objects()
    assert leads(shop, objects, "Deployment/payment", "Pod/payment-1-0")
    assert leads(shop, objects, "Pod/payment-1-0", "Deployment/payment")
    nightly = named(world, "nightly", spec={"jobTemplate": {"spec": {}}})
    job = named(world, "nightly-1", spec={})
    job["metadata"]["ownerReferences"] = world.owned_by("CronJob", "nightly")
    pod = world.pod("nightly-1-abcde", app="nightly", owner=("Job", "nightly-1"))
    batch = {"CronJob": [nightly], "Job": [job], "Pod": [pod]}
    assert leads(shop, batch, "CronJob/nightly", "Pod/nightly-1-abcde")
    assert leads(shop, batch, "Pod/nightly-1-abcde", "CronJob/nightly")


def test_a_service_suffers_from_its_pods_and_callers_from_it(shop: Any) -> None:
    """And what is behind a Service does not suffer by a fault elsewhere that reaches it."""
    objects = shop.objects()
    assert leads(shop, objects, "Pod/payment-1-0", "Service/payment")
    assert leads(shop, objects, "Service/payment", "Deployment/checkout")
    assert leads(shop, objects, "Service/payment", "Deployment/payment")
    assert not leads(shop, objects, "Deployment/checkout", "Deployment/payment")
    assert leads(shop, objects, "Deployment/checkout", "Deployment/payment", starved=True)


def test_a_service_with_a_wrong_selector_starves_its_namesake(shop: Any) -> None:
    """The selector that would tie them is the fault itself."""
    objects = shop.objects()
    objects["EndpointSlice"] = []
    next(s for s in objects["Service"] if s["metadata"]["name"] == "payment")["spec"][
        "selector"
    ] = {"app": "nothing"}
    assert leads(shop, objects, "Service/payment", "Deployment/payment", starved=True)
    assert not leads(shop, objects, "Deployment/payment", "Service/payment")


@pytest.mark.parametrize(
    "container",
    [
        {"env": [{"name": "X", "value": "payment.shop.svc.cluster.local:50051"}]},
        {"env": [{"name": "X", "value": "http://payment.shop/pay?key=1"}]},
        {"env": [{"name": "X", "value": "http://user:word@payment:80"}]},
        {"env": [{"name": "PAYMENT_HOST", "value": "payment"}]},
        {"args": ["--upstream=payment:80"]},
        {"command": ["serve", "--payment", "http://payment.shop.svc"]},
    ],
)
def test_calls_in_every_literal(shop: Any, container: dict[str, Any]) -> None:
    """Environment, arguments and command; with port, namespace, credentials or path."""
    objects = shop.objects()
    shop.container(objects, "catalog").update(container)
    assert leads(shop, objects, "Service/payment", "Deployment/catalog")
    assert not leads(shop, objects, "Deployment/catalog", "Service/payment")


@pytest.mark.parametrize(
    ("host", "service"),
    [
        ("payment", Thing("Service", "payment", "web")),
        ("payment.shop", Thing("Service", "payment", "shop")),
        ("db-0.db", Thing("Service", "db", "web")),
        ("db-0.db.shop.svc.cluster.local", Thing("Service", "db", "shop")),
        ("PAYMENT.shop.svc.", Thing("Service", "payment", "shop")),
        ("", None),
        ("api.example.com", None),
        ("example.com", None),
        ("svc.example.com", None),
    ],
)
def test_host_names_inside_a_pod(host: str, service: Thing | None) -> None:
    """As the cluster's DNS resolves them; others are not of this cluster."""
    assert service_of(host, "web", places=("web", "shop"), local=("db",)) == service


def test_an_experiment_explains_what_it_strikes(shop: Any, world: Any) -> None:
    """Chaos that runs in a namespace of its own is a cause like any other."""
    objects = shop.objects()
    objects["NetworkChaos"] = [
        named(world, "delay", spec={"selector": {"namespaces": [NS]}, "action": "delay"}),
        named(world, "other", spec={"selector": {"namespaces": ["elsewhere"]}}),
        named(world, "one", spec={"selector": {"pods": {NS: ["payment-1-0"]}}}),
    ]
    assert leads(shop, objects, "NetworkChaos/delay", "Deployment/catalog")
    assert not leads(shop, objects, "NetworkChaos/other", "Deployment/catalog")
    assert leads(shop, objects, "NetworkChaos/one", "Deployment/checkout")
    assert not leads(shop, objects, "NetworkChaos/one", "Deployment/catalog")


def test_configuration_explains_what_uses_it(shop: Any) -> None:
    """By name alone; a claim may also be filled by what uses it."""
    objects = shop.objects()
    template = next(d for d in objects["Deployment"] if d["metadata"]["name"] == "payment")["spec"][
        "template"
    ]
    template["spec"]["serviceAccountName"] = "payer"
    template["spec"]["imagePullSecrets"] = [{"name": "pull"}]
    template["spec"]["volumes"] = [
        {"name": "a", "configMap": {"name": "flags"}},
        {"name": "b", "secret": {"secretName": "cert"}},
        {"name": "c", "persistentVolumeClaim": {"claimName": "ledger"}},
    ]
    shop.container(objects, "payment")["envFrom"] = [{"secretRef": {"name": "tokens"}}]
    for cause in (
        *("ConfigMap/flags", "Secret/cert", "Secret/tokens", "Secret/pull"),
        *("PersistentVolumeClaim/ledger", "ServiceAccount/payer"),
    ):
        assert leads(shop, objects, cause, "Deployment/frontend"), cause
    assert leads(shop, objects, "Deployment/payment", "PersistentVolumeClaim/ledger")
    assert not leads(shop, objects, "Deployment/payment", "ConfigMap/flags")


def test_a_node_explains_its_pods_and_a_pod_only_its_node(shop: Any) -> None:
    """Else every pod of a small cluster would explain every other."""
    objects = shop.objects()
    for pod in objects["Pod"]:
        pod["spec"]["nodeName"] = "worker-1"
    assert leads(shop, objects, "Node/worker-1", "Deployment/frontend")
    assert leads(shop, objects, "Deployment/catalog", "Node/worker-1")
    assert not leads(shop, objects, "Deployment/catalog", "Deployment/payment")


@pytest.mark.parametrize(
    ("node", "explains"),
    [
        ({"spec": {"unschedulable": True}}, True),
        ({"spec": {"taints": [{"key": "x", "effect": "NoSchedule"}]}}, True),
        ({"status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}, True),
        ({"spec": {}}, False),
        ({"spec": {"taints": [{"key": "x", "effect": "PreferNoSchedule"}]}}, False),
    ],
)
def test_a_closed_node_explains_what_is_not_scheduled(
    shop: Any,
    node: dict[str, Any],
    explains: bool,  # noqa: FBT001
) -> None:
    """A pod that waits has no node; those that take none may be why."""
    objects = shop.objects()
    objects["Node"] = [{"metadata": {"name": "worker-1"}, **node}]
    pod = next(p for p in objects["Pod"] if p["metadata"]["name"] == "payment-1-0")
    pod["status"]["conditions"] = [{"type": "PodScheduled", "status": "False"}]
    assert leads(shop, objects, "Node/worker-1", "Deployment/payment") is explains


def test_policies_explain_what_they_select(shop: Any, world: Any) -> None:
    """An empty selector selects the namespace; callers of what is cut off suffer with it."""
    objects = shop.objects()
    one = named(world, "deny", spec={"podSelector": {"matchLabels": {"app": "payment"}}})
    every = named(world, "deny-all", spec={"podSelector": {}})
    objects["NetworkPolicy"] = [one, every]
    assert leads(shop, objects, "NetworkPolicy/deny", "Deployment/frontend")
    assert not leads(shop, objects, "NetworkPolicy/deny", "Deployment/catalog")
    assert leads(shop, objects, "NetworkPolicy/deny-all", "Deployment/catalog")


def test_autoscalers_and_quotas_explain_a_want_of_pods(shop: Any, world: Any) -> None:
    """A quota touches what lacks pods, and not the whole namespace."""
    objects = shop.objects()
    target = {"kind": "Deployment", "name": "payment"}
    objects["HorizontalPodAutoscaler"] = [named(world, "payment", spec={"scaleTargetRef": target})]
    objects["ResourceQuota"] = [named(world, "memory", spec={"hard": {"memory": "1Gi"}})]
    catalog = next(d for d in objects["Deployment"] if d["metadata"]["name"] == "catalog")
    catalog["status"]["availableReplicas"] = 0
    assert leads(shop, objects, "HorizontalPodAutoscaler/payment", "Deployment/checkout")
    assert leads(shop, objects, "Deployment/payment", "HorizontalPodAutoscaler/payment")
    assert leads(shop, objects, "ResourceQuota/memory", "Deployment/frontend")
    assert not leads(shop, objects, "ResourceQuota/memory", "Deployment/payment")


def test_an_ingress_suffers_from_its_services_and_starves_them(shop: Any, world: Any) -> None:
    """An Ingress that is wrong breaks no Service."""
    objects = shop.objects()
    backend = {"service": {"name": "frontend", "port": {"number": 80}}}
    objects["Ingress"] = [
        named(
            world,
            "web",
            spec={
                "rules": [{"http": {"paths": [{"path": "/", "backend": backend}]}}],
                "tls": [{"secretName": "cert"}],
            },
        )
    ]
    assert leads(shop, objects, "Deployment/payment", "Ingress/web")
    assert leads(shop, objects, "Secret/cert", "Ingress/web")
    assert leads(shop, objects, "Ingress/web", "Deployment/frontend", starved=True)
    assert not leads(shop, objects, "Ingress/web", "Deployment/frontend")


def test_the_shortest_chain_is_found_and_every_link_says_why(shop: Any) -> None:
    """Links join, and none is without words."""
    found = spread(shop.graph(shop.objects()), [thing("Deployment/payment")])
    for reached in found.things():
        path = found.path(reached, starved=True)
        assert path is not None
        assert all(edge.why for edge in path)
        assert all(a.effect == b.cause for a, b in itertools.pairwise(path))
        assert all(e.reach is not Reach.LAST for e in path[:-1])


@pytest.mark.parametrize(
    ("before", "now", "explains"),
    [
        ({"mesh": "ambient"}, {"mesh": "none"}, True),
        ({"mesh": "ambient"}, {"mesh": "ambient"}, False),
    ],
)
def test_a_namespace_explains_only_by_its_change(
    shop: Any,
    world: Any,
    before: dict[str, str],
    now: dict[str, str],
    explains: bool,  # noqa: FBT001
) -> None:
    """It holds everything, so that alone proves nothing."""

    def look(labels: dict[str, str], *alerts: Any, at: float) -> Any:
        held = shop.look(shop.objects(), *alerts, at=at)
        place = {"metadata": {"name": NS, "labels": labels}}
        return world_with(held, world.listed("Namespace", [place], world.OK))

    reference = world.reference(look(before, at=-3600))
    seen = look(now, shop.alert(service="payment"), at=0)
    states = [e.state for e in shop.judge(seen, f"Namespace/{NS}", reference=reference)]
    assert states == [EvidenceState.SATISFIED if explains else EvidenceState.VIOLATED]
    unsure = [e.state for e in shop.judge(seen, f"Namespace/{NS}")]
    assert unsure == [EvidenceState.UNKNOWN]


def world_with(look: Any, more: Any) -> Any:
    """Add a list to a look."""
    kept = tuple(x for x in look.lists if x.key != more.key)
    return msgspec.structs.replace(look, lists=(*kept, more))
