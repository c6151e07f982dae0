"""Traffic through the cluster: what a packet meets between a client and a container.

Every flow walks Service → EndpointSlice → port → container; what becomes of its requests is
counted in `http_requests_total`, from which alert rules see an incident as users would.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from guardrails.testing.sim.controllers.endpoints import SERVICE_NAME
from guardrails.testing.sim.controllers.symptoms import listening_ports
from guardrails.testing.sim.kinds import Obj, parts
from guardrails.testing.sim.scraping import Reading
from guardrails.testing.sim.selectors import labels_of, match_selector
from guardrails.testing.sim.store import Store
from guardrails.testing.sim.tsdb import labels_of as series_labels

_READS = ("Service", "EndpointSlice", "Pod", "NetworkPolicy", "Namespace")
OK, FAILED, REFUSED = "200", "500", "503"
"""Served; reached but its own dependency failed; nobody there."""


@dataclass(frozen=True, slots=True)
class Flow:
    """Steady requests from a client to a Service.

    If `client` is itself a Service of the namespace, the flow is its dependency: it only sends
    while it is reached itself, and its own requests fail when this flow fails.
    """

    client: str
    """Label `app` of the calling pods, or any name for a caller outside the cluster."""
    service: str
    port: int
    rps: float
    """Requests per second."""
    namespace: str = "default"


class Traffic:
    """All flows, and the counters that they feed; a scrape target."""

    def __init__(self, store: Store) -> None:
        self.job = "gateway"
        self._store = store
        self.flows: list[Flow] = []
        self.up = True
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._fractions: dict[tuple[str, str, str], float] = {}
        self._last: float | None = None
        self._seen = -1
        self._reach: dict[Flow, float] = {}

    def step(self, now: float) -> None:
        """Send the requests of the time since the last step."""
        last, self._last = self._last, now
        if last is None or not self.flows:
            return
        touched = self._store.touched(_READS)
        if touched != self._seen or self._reach.keys() != set(self.flows):
            self._seen = touched
            self._reach = {flow: self._walk(flow) for flow in self.flows}
        for flow in self.flows:
            sent = flow.rps * (now - last) * self._alive(flow)
            reached = self._reach[flow]
            served = reached * self._depends(flow, frozenset())
            self._count(flow, OK, sent * served)
            self._count(flow, FAILED, sent * (reached - served))
            self._count(flow, REFUSED, sent * (1 - reached))

    def _count(self, flow: Flow, code: str, amount: float) -> None:
        key = (flow.namespace, flow.service, code)
        if amount <= 0 and not (code == OK and key not in self._counts):
            return
        total = self._fractions.get(key, 0.0) + amount
        self._counts[key] += int(total)
        self._fractions[key] = total - int(total)

    def _into(self, service: str, namespace: str) -> list[Flow]:
        return [f for f in self.flows if (f.service, f.namespace) == (service, namespace)]

    def _alive(self, flow: Flow) -> float:
        """The share of its requests that the client is there to send."""
        above = self._into(flow.client, flow.namespace)
        return max((self._reach[one] for one in above), default=1.0)

    def _depends(self, flow: Flow, above: frozenset[str]) -> float:
        """The share of reached requests whose own dependencies work."""
        if flow.service in above:
            return 1.0
        share = 1.0
        for below in self.flows:
            if (below.client, below.namespace) == (flow.service, flow.namespace):
                share *= self._reach[below] * self._depends(below, above | {flow.service})
        return share

    def _walk(self, flow: Flow) -> float:
        """The share of a flow's requests that reach a listening container."""
        store = self._store
        service = store.get("Service", flow.service, namespace=flow.namespace)
        if service is None:
            return 0.0
        names = {
            port.get("name", "")
            for port in parts(service["spec"], "ports")
            if port["port"] == flow.port
        }
        tried, reached = 0, 0
        for one in store.objects("EndpointSlice", namespace=flow.namespace):
            if labels_of(one).get(SERVICE_NAME) != flow.service:
                continue
            numbers = [p["port"] for p in parts(one, "ports") if p.get("name", "") in names]
            for endpoint in parts(one, "endpoints"):
                if numbers and endpoint["conditions"]["ready"]:
                    tried += 1
                    reached += self._accepts(flow, endpoint["targetRef"], numbers[0])
        return reached / tried if tried else 0.0

    def _accepts(self, flow: Flow, ref: Obj, number: int) -> bool:
        pod = self._store.get("Pod", ref["name"], namespace=flow.namespace)
        if pod is None or pod["metadata"]["uid"] != ref["uid"]:
            return False
        running = {
            status["name"]
            for status in parts(pod["status"], "containerStatuses")
            if "running" in status["state"]
        }
        listens = any(
            container["name"] in running and number in listening_ports(pod, container)
            for container in pod["spec"]["containers"]
        )
        return listens and self._admitted(flow, pod, number)

    def _admitted(self, flow: Flow, pod: Obj, number: int) -> bool:
        """Whether the NetworkPolicies of the namespace let the packet in."""
        policies = [
            one["spec"]
            for one in self._store.objects("NetworkPolicy", namespace=flow.namespace)
            if "Ingress" in one["spec"]["policyTypes"]
            and match_selector(one["spec"]["podSelector"], labels_of(pod))
        ]
        if not policies:
            return True
        rules = [rule for spec in policies for rule in parts(spec, "ingress")]
        return any(
            self._port_fits(rule, pod, number) and self._peer_fits(rule, flow) for rule in rules
        )

    @staticmethod
    def _port_fits(rule: Obj, pod: Obj, number: int) -> bool:
        ports: list[Obj] = parts(rule, "ports")
        named = {
            one.get("name"): one["containerPort"]
            for container in pod["spec"]["containers"]
            for one in parts(container, "ports")
        }
        return not ports or any(
            port.get("port") is None or named.get(port["port"], port["port"]) == number
            for port in ports
        )

    def _peer_fits(self, rule: Obj, flow: Flow) -> bool:
        peers: list[Obj] = parts(rule, "from")
        if not peers:
            return True
        home = self._store.get("Namespace", flow.namespace)
        home_labels = {
            "kubernetes.io/metadata.name": flow.namespace,
            **(labels_of(home) if home else {}),
        }
        for peer in peers:
            if "ipBlock" in peer:
                continue
            spaces, pods = peer.get("namespaceSelector"), peer.get("podSelector")
            in_space = spaces is None or match_selector(spaces, home_labels)
            if in_space and (pods is None or match_selector(pods, {"app": flow.client})):
                return True
        return False

    def collect(self) -> Iterator[Reading]:
        """The counters, for a scrape."""
        for (namespace, service, code), count in self._counts.items():
            labels = {
                "namespace": namespace,
                "service": service,
                "code": code,
                "job": self.job,
                "instance": "gateway:9090",
            }
            yield series_labels("http_requests_total", labels.items()), float(count)
