"""Facts of Services: what each way to break one leaves in its EndpointSlices."""

from guardrails.testing.conformance.client import Json
from guardrails.testing.conformance.workbench import PORT, REPLICAS, Workbench, deployment, service


def _served(bench: Workbench, *, target: int | str = "http") -> None:
    bench.create("deployments", deployment(bench, "web"))
    bench.create("services", service("web", app="web", target=target))
    bench.settled("web")


def _ready(one: Json) -> list[Json]:
    endpoints: list[Json] | None = one.get("endpoints")
    return [item for item in endpoints or () if item["conditions"]["ready"]]


def _with_endpoints(bench: Workbench) -> Json:
    def look() -> Json | None:
        found = bench.slices("web")
        return found[0] if len(found) == 1 and len(_ready(found[0])) == REPLICAS else None

    return bench.eventually(look, f"{REPLICAS} ready endpoints in one slice")


def a_service_gets_a_slice_of_its_pods(bench: Workbench) -> None:
    """Addresses, conditions, targetRef and node of each ready pod; the port by its name."""
    _served(bench)
    one = _with_endpoints(bench)
    assert one["addressType"] == "IPv4"
    assert one["ports"] == [{"name": "http", "port": PORT, "protocol": "TCP"}]
    for endpoint in one["endpoints"]:
        assert endpoint["conditions"] == {"ready": True, "serving": True, "terminating": False}
        assert endpoint["targetRef"]["kind"] == "Pod"
        assert endpoint["nodeName"]
    owner = one["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["name"], owner["controller"]) == ("Service", "web", True)


def a_wrong_selector_leaves_an_empty_slice(bench: Workbench) -> None:
    """The slice stays, with `endpoints: null` and `ports: null`."""
    _served(bench)
    _with_endpoints(bench)
    bench.patch("services", "web", {"spec": {"selector": {"app": "nobody"}}}).expect(200)
    found = bench.eventually(
        lambda: [one for one in bench.slices("web") if not one.get("endpoints")] or None,
        "a slice without endpoints",
    )
    assert [(one["endpoints"], one["ports"]) for one in found] == [(None, None)]


def a_wrong_port_number_is_taken_at_its_word(bench: Workbench) -> None:
    """Endpoints are ready on a port on which nothing listens."""
    _served(bench, target=PORT + 1)
    one = _with_endpoints(bench)
    assert [port["port"] for port in one["ports"]] == [PORT + 1]


def an_unknown_port_name_leaves_no_ports(bench: Workbench) -> None:
    """Endpoints are ready, and `ports` is null."""
    _served(bench, target="nosuch")
    one = _with_endpoints(bench)
    assert one["ports"] is None


def a_deleted_service_takes_its_slices(bench: Workbench) -> None:
    """The slices are collected; the pods stay ready."""
    _served(bench)
    _with_endpoints(bench)
    bench.delete("services", "web").expect(200)
    bench.eventually(lambda: not bench.slices("web"), "the slices to go")
    assert bench.read("deployments", "web")["status"]["readyReplicas"] == REPLICAS


def no_pods_are_no_endpoints(bench: Workbench) -> None:
    """A workload scaled to zero leaves an empty slice."""
    _served(bench)
    _with_endpoints(bench)
    bench.patch("deployments", "web", {"spec": {"replicas": 0}}).expect(200)
    one = bench.eventually(
        lambda: next((one for one in bench.slices("web") if not one.get("endpoints")), None),
        "an empty slice",
    )
    assert (one["endpoints"], one["ports"]) == (None, None)


FACTS = (
    a_service_gets_a_slice_of_its_pods,
    a_wrong_selector_leaves_an_empty_slice,
    a_wrong_port_number_is_taken_at_its_word,
    an_unknown_port_name_leaves_no_ports,
    a_deleted_service_takes_its_slices,
    no_pods_are_no_endpoints,
)
"""All facts of this file."""
