"""Services again: sidecars, strangers among the endpoints, and the wrong application."""

from typing import Any

import pytest

from guardrails.gates.kubernetes.network import SERVICE_REACHES_PODS as CHECK


def beside(app: Any, name: str, **more: Any) -> Any:
    """Put a second container into each pod."""
    for pod in app["Pod"]:
        pod["spec"]["containers"].append({"name": name, "image": f"{name}:1", **more})
    return app


def targeting(world: Any, app: Any, port: int) -> Any:
    """Let the Service send requests to a port by number."""
    app["Service"] = [world.service(target=port)]
    pods = [p["metadata"]["name"] for p in app["Pod"]]
    app["EndpointSlice"] = [world.endpoints("web", pods, port)]
    return app


def silent(app: Any) -> Any:
    """Let the application's own container declare nothing."""
    for pod in app["Pod"]:
        pod["spec"]["containers"][0].pop("ports")
    return app


def test_a_declaring_sidecar_says_nothing_about_the_application(world: Any, net: Any) -> None:
    """Declaring ports is optional, and only the mesh's proxy does it here."""
    app = beside(silent(world.app()), "istio-proxy", ports=[{"containerPort": 15090}])
    assert net.wrong(CHECK, targeting(world, app, 8080)) == []


def test_a_proxy_that_comes_first_is_not_the_application(world: Any, net: Any) -> None:
    """Meshes put their proxy first when it must start first."""
    app = beside(silent(world.app()), "istio-proxy", ports=[{"containerPort": 15090}])
    for pod in app["Pod"]:
        pod["spec"]["containers"].reverse()
    assert net.wrong(CHECK, targeting(world, app, 8080)) == []


def test_a_silent_sidecar_does_not_hide_a_wrong_port(world: Any, net: Any) -> None:
    """The application declares 8080, so 9999 is nobody's."""
    app = beside(world.app(), "logger")
    assert len(net.wrong(CHECK, targeting(world, app, 9999))) == 1


@pytest.mark.parametrize(
    "more",
    [
        {"readinessProbe": {"httpGet": {"path": "/", "port": 9999}}},
        {"livenessProbe": {"tcpSocket": {"port": 9999}}},
        {"env": [{"name": "PORT", "value": "9999"}]},
    ],
)
def test_a_silent_container_that_is_told_the_port_serves_it(
    world: Any, net: Any, more: Any
) -> None:
    """A probe or a variable says what no declaration says."""
    app = beside(world.app(), "admin")
    containers = [{"name": "app"}, {"name": "admin", **more}]
    app["Deployment"][0]["spec"]["template"] = {"spec": {"containers": containers}}
    assert net.wrong(CHECK, targeting(world, app, 9999)) == []


def test_a_port_that_was_served_so_in_the_reference_is_served(world: Any, net: Any) -> None:
    """The same images under the same target: whatever they declare."""
    app = targeting(world, beside(world.app(), "admin"), 9999)
    assert net.wrong(CHECK, app, before=app) == []


def test_every_port_of_a_service_is_judged(world: Any, net: Any) -> None:
    """The second one leads nowhere."""
    app = world.app()
    app["Service"][0]["spec"]["ports"].append({"name": "admin", "port": 81, "targetPort": 9999})
    (said,) = net.wrong(CHECK, app)
    assert "9999" in said


def test_endpoints_that_are_not_its_pods_take_requests_away(world: Any, net: Any) -> None:
    """A slice written by hand sends a part of them elsewhere."""
    app = world.app()
    rogue = world.endpoints("web", ["somebody-else"])
    rogue["metadata"]["name"] = "web-by-hand"
    found = net.judged(CHECK, net.with_(app, "EndpointSlice", rogue))
    assert [e.observed for e in found] == ["1 of its 4 ready endpoints are not pods that match"]
    assert found[0].settles_by is not None


def test_slices_may_leave_the_name_of_an_only_port_out(world: Any, net: Any) -> None:
    """So may the Service; the API does not require one."""
    app = world.app()
    del app["Service"][0]["spec"]["ports"][0]["name"]
    del app["EndpointSlice"][0]["ports"][0]["name"]
    assert net.wrong(CHECK, app) == []


def test_endpoints_are_told_by_uid_or_by_name(world: Any, net: Any) -> None:
    """A slice written by hand may leave the uid out."""
    app = world.app()
    for endpoint in app["EndpointSlice"][0]["endpoints"]:
        del endpoint["targetRef"]["uid"]
    assert net.wrong(CHECK, app) == []


@pytest.mark.parametrize(
    ("replicas", "selector", "deleted", "awaited"),
    [
        (1, "web", False, True),
        (0, "web", False, False),
        (1, "cart", False, False),
        (1, "web", True, False),
    ],
)
def test_the_first_pod_is_waited_for_where_a_workload_makes_one(
    world: Any,
    net: Any,
    replicas: int,
    selector: str,
    deleted: bool,  # noqa: FBT001  # a table
    awaited: bool,  # noqa: FBT001  # a table
) -> None:
    """Not where none is wanted, where others' are made, or where it is being deleted."""
    app = net.caller("web")
    app["Deployment"][0]["spec"]["replicas"] = replicas
    app["Pod"], app["EndpointSlice"] = [], []
    app["Service"][0]["spec"]["selector"] = {"app": selector}
    if deleted:
        app["Deployment"][0]["metadata"]["deletionTimestamp"] = world.stamp(-1)
        app["ReplicaSet"] = []
    (found,) = net.judged(CHECK, app, last_write_at=world.AT)
    assert (found.settles_by is not None) == awaited


def test_only_a_workload_of_the_services_name_is_a_forgotten_one(world: Any, net: Any) -> None:
    """Another one that no Service reaches may be a worker, and a bare pod of the name is none."""
    now = world.join(world.app("web"), world.app("cart"))
    now["Service"] = [world.service("front")]
    now["Service"][0]["spec"]["selector"] = {"app": "cart"}
    now["EndpointSlice"] = [world.endpoints("front", ["cart-1-0", "cart-1-1", "cart-1-2"])]
    assert net.wrong(CHECK, now) == []
    bare = world.pod("front", app="bare")
    bare["metadata"]["ownerReferences"] = []
    assert net.wrong(CHECK, net.with_(now, "Pod", bare)) == []


def test_a_selector_widened_to_another_application_is_violated(world: Any, net: Any) -> None:
    """Half of the requests go to pods that stood behind another Service all along."""
    before = world.join(world.app("web"), world.app("cart"))
    for pod in before["Pod"]:
        pod["metadata"]["labels"]["tier"] = "front"
    now = world.join(before)
    net.part(now, "Service", "web")["spec"]["selector"] = {"tier": "front"}
    pods = [p["metadata"]["name"] for p in now["Pod"]]
    now["EndpointSlice"] = [world.endpoints("web", pods), now["EndpointSlice"][1]]
    (said,) = net.wrong(CHECK, now, before=before)
    assert "also reaches the pods of Deployment cart" in said


def test_a_second_colour_of_the_same_program_may_take_over(world: Any, net: Any) -> None:
    """It stood by with a Service of its own."""
    before = world.join(world.app("web"), world.app("web-green"))
    for pod in before["Pod"]:
        pod["spec"]["containers"][0]["image"] = "registry.example/web:2"
    now = world.join(before)
    net.part(now, "Service", "web")["spec"]["selector"] = {"app": "web-green"}
    now["EndpointSlice"][0] = world.endpoints("web", ["web-green-1-0"])
    assert net.wrong(CHECK, now, before=before) == []


@pytest.mark.parametrize(("args", "wrong"), [(["web.py"], 0), (["cart.py"], 1)])
def test_an_image_that_everybody_runs_is_no_program(
    world: Any, net: Any, args: Any, wrong: int
) -> None:
    """As that of a language: what is launched in it tells, where another application runs it."""
    before = world.join(world.app("web"), world.app("web-green"), world.app("pay"))
    for pod in before["Pod"]:
        pod["spec"]["containers"][0]["image"] = "python:3.14"
    launched = {"web": ["web.py"], "web-green": args, "pay": ["pay.py"]}
    for name, line in launched.items():
        container = {"name": "app", "image": "python:3.14", "args": line}
        net.part(before, "Deployment", name)["spec"]["template"] = {
            "metadata": {"labels": {"app": name}},
            "spec": {"containers": [container]},
        }
    now = world.join(before)
    net.part(now, "Service", "web")["spec"]["selector"] = {"app": "web-green"}
    now["EndpointSlice"][0] = world.endpoints("web", ["web-green-1-0"])
    assert len(net.wrong(CHECK, now, before=before)) == wrong
    alone = world.join(before)
    alone["Pod"] = [p for p in alone["Pod"] if p["metadata"]["labels"]["app"] != "pay"]
    assert net.wrong(CHECK, now, before=alone) == []


def test_without_a_reference_the_name_tells_the_wrong_application(world: Any, net: Any) -> None:
    """The workload of the Service's name is there, and nobody reaches it."""
    now = world.join(world.app("web"), world.app("cart"))
    net.part(now, "Service", "web")["spec"]["selector"] = {"app": "cart"}
    now["EndpointSlice"][0] = world.endpoints("web", ["cart-1-0"])
    (said,) = net.wrong(CHECK, now)
    assert said == "web: reaches the pods of Deployment cart"


@pytest.mark.parametrize("how", ["declares nothing", "has another Service"])
def test_a_namesake_that_nobody_needs_to_reach_is_no_sign(world: Any, net: Any, how: str) -> None:
    """A worker, or one that is reached through another Service."""
    now = world.join(world.app("web"), world.app("cart"))
    net.part(now, "Service", "web")["spec"]["selector"] = {"app": "cart"}
    now["EndpointSlice"][0] = world.endpoints("web", ["cart-1-0"])
    if how == "declares nothing":
        for pod in now["Pod"]:
            if pod["metadata"]["labels"]["app"] == "web":
                pod["spec"]["containers"][0].pop("ports")
    else:
        other = world.service("front")
        other["spec"]["selector"] = {"app": "web"}
        now["Service"].append(other)
        now["EndpointSlice"].append(world.endpoints("front", ["web-1-0", "web-1-1", "web-1-2"]))
    assert net.wrong(CHECK, now) == []
