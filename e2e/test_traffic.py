"""A request ends where a packet would: at a listening port, or at what stands in its way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from e2e.clusters.monitoring import FLOWS
from e2e.network_policy import (
    IPBlock,
    NetworkPolicy,
    PolicyPeer,
    PolicyPort,
    PolicyRule,
    PolicySpec,
)
from e2e.objects import (
    Container,
    ContainerPort,
    Endpoint,
    EndpointConditions,
    EndpointPort,
    EndpointSlice,
    LabelSelector,
    Metadata,
    Pod,
    PodCondition,
    PodSpec,
    PodStatus,
    Service,
    ServicePort,
    ServiceSpec,
)
from e2e.traffic import Flow, Flows, World, read_flows, request

USERS = Flow(service="web", port=80)
CALLS = Flow(client="web", service="store", port=80)
SHOP = Flows(namespace="shop", requests_per_second=1, flows=[USERS, CALLS])


def pod(app: str, *, ip: str, ready: bool = True) -> Pod:
    """Return a pod that listens on 8080."""
    ports = [ContainerPort(name="http", container_port=8080)]
    return Pod(
        metadata=Metadata(name=app, namespace="shop", labels={"app": app}),
        spec=PodSpec(containers=[Container(name="server", ports=ports)]),
        status=PodStatus(pod_ip=ip, conditions=[PodCondition(type="Ready", status=str(ready))]),
    )


def service(name: str) -> Service:
    """Return a Service on port 80."""
    ports = [ServicePort(name="http", port=80, target_port="http")]
    return Service(metadata=Metadata(name=name), spec=ServiceSpec(ports=ports))


def slice_of(name: str, *, ip: str, port: int | None = 8080, ready: bool = True) -> EndpointSlice:
    """Return a slice with one endpoint; without a port, as for a port name that no pod has."""
    return EndpointSlice(
        metadata=Metadata(labels={"kubernetes.io/service-name": name}),
        endpoints=[Endpoint(addresses=[ip], conditions=EndpointConditions(ready=ready))],
        ports=None if port is None else [EndpointPort(name="http", port=port)],
    )


HEALTHY = World(
    services={"web": service("web"), "store": service("store")},
    slices=(slice_of("web", ip="10.0.0.1"), slice_of("store", ip="10.0.0.2")),
    pods=(pod("web", ip="10.0.0.1"), pod("store", ip="10.0.0.2")),
    policies=(),
    namespaces={"shop": {"team": "shop"}},
)


def codes(world: World, flow: Flow = USERS) -> dict[str, int]:
    """Return the code by service of one request of users."""
    return {each.service: each.code for each in request(flow, flows=SHOP, world=world, turn=0)}


def policy(*, rules: tuple[PolicyRule, ...] = (), app: str = "store") -> NetworkPolicy:
    """Return an ingress policy on one workload."""
    selector = LabelSelector(match_labels={"app": app})
    spec = PolicySpec(pod_selector=selector, policy_types=("Ingress",), ingress=rules)
    return NetworkPolicy(metadata=Metadata(name="policy", namespace="shop"), spec=spec)


def test_healthy_app_answers() -> None:
    """With nothing in the way both services answer."""
    assert codes(HEALTHY) == {"web": 200, "store": 200}


def test_service_that_is_gone_fails_its_callers_too() -> None:
    """The client sees an error, and so does who called the client."""
    world = replace(HEALTHY, services={"web": service("web")})

    assert codes(world) == {"web": 500, "store": 503}


@pytest.mark.parametrize(
    "broken",
    [
        EndpointSlice(
            metadata=Metadata(labels={"kubernetes.io/service-name": "store"}),
            endpoints=None,
            ports=None,
        ),
        slice_of("store", ip="10.0.0.2", port=None),
        slice_of("store", ip="10.0.0.2", port=9999),
        slice_of("store", ip="10.0.0.2", ready=False),
    ],
    ids=["selects nothing", "no such port name", "port nobody listens on", "not ready"],
)
def test_slice_that_leads_nowhere_is_refused(broken: EndpointSlice) -> None:
    """Every Service fault that a slice can show ends in an error."""
    world = replace(HEALTHY, slices=(HEALTHY.slices[0], broken))

    assert codes(world)["store"] == 503


def test_address_that_is_nobodys_times_out() -> None:
    """A slice that is behind its pods sends packets into the void."""
    world = replace(HEALTHY, slices=(HEALTHY.slices[0], slice_of("store", ip="10.0.0.9")))

    assert codes(world)["store"] == 504


def test_client_that_is_down_sends_nothing() -> None:
    """When the caller has no ready pod, the called service sees no request at all."""
    world = replace(
        HEALTHY, pods=(pod("web", ip="10.0.0.1", ready=False), pod("store", ip="10.0.0.2"))
    )

    assert request(CALLS, flows=SHOP, world=world, turn=0) == []
    assert codes(world) == {"web": 503}


FROM_WEB = PolicyPeer(pod_selector=LabelSelector(match_labels={"app": "web"}))
FROM_OTHERS = PolicyPeer(pod_selector=LabelSelector(match_labels={"app": "other"}))


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        ((), 504),
        ((PolicyRule(),), 200),
        ((PolicyRule(from_=(FROM_WEB,)),), 200),
        ((PolicyRule(from_=(FROM_OTHERS,)),), 504),
        ((PolicyRule(from_=(FROM_OTHERS,)), PolicyRule(from_=(FROM_WEB,))), 200),
        ((PolicyRule(from_=(FROM_WEB,), ports=(PolicyPort(port=8080),)),), 200),
        ((PolicyRule(from_=(FROM_WEB,), ports=(PolicyPort(port="http"),)),), 200),
        ((PolicyRule(from_=(FROM_WEB,), ports=(PolicyPort(port=80),)),), 504),
        ((PolicyRule(ports=(PolicyPort(port=8000, end_port=9000),)),), 200),
        ((PolicyRule(from_=(PolicyPeer(ip_block=IPBlock(cidr="10.0.0.0/8")),)),), 200),
        (
            (PolicyRule(from_=(PolicyPeer(namespace_selector=LabelSelector()),)),),
            200,
        ),
    ],
)
def test_policies_drop_what_no_rule_allows(rules: tuple[PolicyRule, ...], code: int) -> None:
    """A selected pod takes what some rule allows; the rest is dropped without an answer."""
    world = replace(HEALTHY, policies=(policy(rules=rules),))

    assert codes(world)["store"] == code


def test_policy_beside_a_broken_one_mends_it() -> None:
    """Policies add up: what one allows, another cannot take away."""
    world = replace(HEALTHY, policies=(policy(), policy(rules=(PolicyRule(),))))

    assert codes(world)["store"] == 200


def test_flows_of_the_app_can_be_read() -> None:
    """The shipped file names every workload of the app once."""
    flows = read_flows(FLOWS)

    assert [each.service for each in flows.flows] == ["frontend", "catalog", "checkout", "payment"]
