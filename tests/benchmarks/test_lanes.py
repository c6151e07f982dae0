"""Traffic of many apps: each lane sees its own, and what stands in a packet's way is in its way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.gates.live.app import FLOWS
from e2e.mesh import AuthenticationSpec as Authentication
from e2e.mesh import (
    AuthorizationPolicy,
    AuthorizationSpec,
    ChaosSelector,
    ChaosSpec,
    Mesh,
    MutualTls,
    NetworkChaos,
    PeerAuthentication,
)
from e2e.objects import (
    Container,
    ContainerPort,
    Endpoint,
    EndpointPort,
    EndpointSlice,
    EnvVar,
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
from e2e.traffic import PATIENCE_SECONDS, Flow, Flows, World, read_flows, request

USERS = Flow(service="web", port=80)
CALLS = Flow(client="web", service="store", port=80, env="STORE_URL")
SURGE = Flow(client="surge", service="web", port=80, load=10)
APP = Flows(namespace="shop", requests_per_second=10, pod_capacity=20, flows=[USERS, CALLS, SURGE])


def pod(app: str, *, url: str = "", dns: str = "ClusterFirst") -> Pod:
    """Return a ready pod that listens on 8080."""
    container = Container(
        name="server",
        ports=[ContainerPort(name="http", container_port=8080)],
        env=[EnvVar(name="STORE_URL", value=url)],
    )
    return Pod(
        metadata=Metadata(name=app, namespace="shop", labels={"app": app}),
        spec=PodSpec(containers=[container], dns_policy=dns),
        status=PodStatus(
            pod_ip=f"10.0.0.{len(app)}", conditions=[PodCondition(type="Ready", status="True")]
        ),
    )


def service(name: str, *, port: int = 80) -> tuple[Service, EndpointSlice]:
    """Return a Service and its slice."""
    spec = ServiceSpec(ports=[ServicePort(name="http", port=port, target_port="http")])
    return Service(metadata=Metadata(name=name), spec=spec), EndpointSlice(
        metadata=Metadata(labels={"kubernetes.io/service-name": name}),
        endpoints=[Endpoint(addresses=[f"10.0.0.{len(name)}"])],
        ports=[EndpointPort(name="http", port=8080)],
    )


WEB, STORE = service("web"), service("store")
HEALTHY = World(
    services={"web": WEB[0], "store": STORE[0]},
    slices=(WEB[1], STORE[1]),
    pods=(pod("web", url="http://store"), pod("store")),
    policies=(),
    namespaces={"shop": {}},
)


def codes(world: World) -> dict[str, int]:
    """Return the code by service of one request of users."""
    return {a.service: a.code for a in request(USERS, flows=APP, world=world, turn=0)}


def with_web(**changes: str) -> World:
    """Return the app with another caller."""
    return replace(HEALTHY, pods=(pod("web", **changes), pod("store")))


@pytest.mark.parametrize(
    ("world", "code"),
    [
        (HEALTHY, 200),
        (with_web(url="http://store.shop.svc.cluster.local:80/x"), 200),
        (with_web(url="http://stores"), 503),
        (with_web(url="http://store:8080"), 503),
        (with_web(url="http://store", dns="Default"), 503),
        (with_web(url="http://store:99999"), 503),
    ],
)
def test_callers_go_where_their_environment_says(world: World, code: int) -> None:
    """A wrong name, a wrong port and names that do not resolve end in an error."""
    assert codes(world)["store"] == code


def test_port_that_moves_with_its_callers_is_no_fault() -> None:
    """What matters is that they agree."""
    moved = service("store", port=8080)
    world = replace(
        with_web(url="http://store:8080"),
        services={"web": WEB[0], "store": moved[0]},
        slices=(WEB[1], moved[1]),
    )

    assert codes(world) == {"web": 200, "store": 200}


def about(app: str) -> LabelSelector:
    """Return a selector of an app's pods."""
    return LabelSelector(match_labels={"app": app})


META = Metadata(name="x", namespace="shop")
DENY = AuthorizationSpec(action="DENY", selector=about("store"), rules=({},))
STRICT = Authentication(selector=about("web"), mtls=MutualTls(mode="STRICT"))
LOSS = ChaosSpec(action="loss", selector=ChaosSelector(label_selectors={"app": "store"}))


@pytest.mark.parametrize(
    ("mesh", "service_name", "code"),
    [
        (Mesh(authorizations=(AuthorizationPolicy(metadata=META, spec=DENY),)), "store", 503),
        (Mesh(authentications=(PeerAuthentication(metadata=META, spec=STRICT),)), "web", 503),
        (Mesh(chaos=(NetworkChaos(metadata=META, spec=LOSS),)), "store", 504),
    ],
)
def test_custom_resources_stand_in_the_way(mesh: Mesh, service_name: str, code: int) -> None:
    """A deny policy, strict encryption and an experiment end requests."""
    assert codes(replace(HEALTHY, mesh=mesh))[service_name] == code


def test_surge_makes_a_service_slow_until_there_are_enough_pods() -> None:
    """Load beyond what the ready pods can take shows in the time of requests only."""
    surge = replace(HEALTHY, pods=(*HEALTHY.pods, pod("surge")))
    more = replace(surge, pods=(*surge.pods, *(pod("web", url="http://store") for _ in range(5))))
    first = request(USERS, flows=APP, world=surge, turn=0)[0]

    assert (first.code, first.seconds >= PATIENCE_SECONDS) == (200, True)
    assert request(USERS, flows=APP, world=more, turn=0)[0].seconds < PATIENCE_SECONDS
    assert request(USERS, flows=APP, world=HEALTHY, turn=0)[0].seconds < PATIENCE_SECONDS


def test_flows_of_the_cases_have_one_root_for_users() -> None:
    """The surge is a root of its own; the rest is caused by users."""
    assert [flow.client for flow in read_flows(FLOWS).roots] == [None, "surge"]
