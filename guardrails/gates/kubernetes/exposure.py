"""Whether Services are reached as they were: on their node ports and addresses, on every node.

That fewer ports, or a type that reaches less far, are a loss is judged where losses are. A port
that moved is judged by the callers that name it; of callers that name none nothing is known.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from guardrails.core.evidence import Evidence
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, View, Witness, aside, refer, unread_lists
from guardrails.gates.kubernetes import pods as pod_rules
from guardrails.gates.kubernetes.backing import Network, network
from guardrails.gates.kubernetes.mentions import Call, calls_in
from guardrails.gates.kubernetes.objects import Service
from guardrails.gates.kubernetes.topology import WORKLOAD_LISTS, latest, reaction_to_write
from guardrails.gates.snapshot import Snapshot

ID = CheckId("service-exposed")

LISTS = (*WORKLOAD_LISTS, "ReplicaSet", "Pod", "Service", "EndpointSlice")

ADDRESS_SECONDS = 180.0
"""What a cloud gets to give a new load balancer its address; the large ones take one to three
minutes."""


def judge_exposure(view: View) -> list[Evidence]:
    """Judge every Service in scope by what it offered in the reference."""
    look = view.look
    witness = Witness(check=ID, at=look.at)
    found = list(unread_lists(witness, view, LISTS))
    for namespace in view.scope.namespaces:
        lists = (look.list_of(kind, namespace) for kind in LISTS)
        if all(x is not None and x.read.ok for x in lists):
            found.extend(_judge_namespace(witness, view, namespace))
    return found


SERVICE_EXPOSED = Check(id=ID, judge=judge_exposure, lists=LISTS)


def _judge_namespace(witness: Witness, view: View, namespace: str) -> Iterator[Evidence]:
    past = view.reference.snapshot
    net = network(view.look, namespace)
    old: Mapping[str, Service] = {} if past is None else network(past, namespace).services
    calls = _calls(view.look, view, namespace)
    before = {} if past is None else _calls(past, view, namespace)
    for name, service in net.services.items():
        judging = _Judging(
            witness=witness,
            view=view,
            net=net,
            service=service,
            old=old.get(name),
            calls=calls.get(name, ()),
            named_before=frozenset(c.mention.port for c in before.get(name, ())),
        )
        problems = list(judging.problems())
        yield from problems
        if not any(e.counts for e in problems):
            yield witness.satisfied(
                refer(service),
                field="spec",
                observed=f"{service.spec.type} with {len(service.spec.ports or ())} ports",
                expected="reached as before",
            )


def _calls(look: Snapshot, view: View, namespace: str) -> dict[str, list[Call]]:
    """Return who names each Service of a namespace."""
    calls: defaultdict[str, list[Call]] = defaultdict(list)
    for call in calls_in(look, view.scope.namespaces):
        if call.service.namespace == namespace:
            calls[call.service.name].append(call)
    return calls


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judging:
    witness: Witness
    view: View
    net: Network
    service: Service
    old: Service | None
    calls: Sequence[Call]
    named_before: frozenset[int | None]
    """Ports that callers named in the reference."""

    def problems(self) -> Iterator[Evidence]:
        yield from self._local()
        if self.old is not None:
            yield from self._ports(self.old)
            yield from self._address(self.old)

    def _ports(self, old: Service) -> Iterator[Evidence]:
        ports = {(p.port, p.protocol): p for p in self.service.spec.ports or ()}
        if self.service.spec.type == "ExternalName" or not ports:
            return
        offered = ", ".join(str(number) for number, _ in ports)
        for was in old.spec.ports or ():
            now = ports.get((was.port, was.protocol))
            if now is None:
                if not self._moved(was.port):
                    unknown = f"port {was.port}, which no known caller has left"
                    yield aside(self._lost("spec.ports", offered, unknown))
            elif old.spec.type == "NodePort" and was.node_port not in (0, now.node_port):
                yield self._lost(
                    f"spec.ports[{now.name or now.port}].nodePort",
                    str(now.node_port or "none"),
                    f"{was.node_port} (the reference)",
                )

    def _moved(self, port: int) -> bool:
        """Tell whether those who named a port name another of the Service now, and nobody this."""
        named = {c.mention.port for c in self.calls if c.mention.port is not None}
        offered = {p.port for p in self.service.spec.ports or ()}
        return port in self.named_before and port not in named and bool(named & offered)

    def _address(self, old: Service) -> Iterator[Evidence]:
        if self.service.spec.type != "LoadBalancer":
            return
        had = old.status.load_balancer.ingress or ()
        if had and not self.service.status.load_balancer.ingress:
            yield self._lost(
                "status.loadBalancer.ingress",
                "no address",
                "an address, as in the reference",
                settles_by=self._address_by(),
            )

    def _address_by(self) -> datetime | None:
        began = latest(self.service.metadata.creation_timestamp, self.view.scope.last_write_at)
        return began + timedelta(seconds=ADDRESS_SECONDS) if began else None

    def _local(self) -> Iterator[Evidence]:
        """Judge traffic policies that keep requests on the node where they arrive."""
        spec, old = self.service.spec, self.old
        if spec.internal_traffic_policy == "Local":
            changed = old is not None and old.spec.internal_traffic_policy != "Local"
            yield from self._uncovered("internalTrafficPolicy", self._nodes(everybody=changed))
        if spec.external_traffic_policy == "Local" and spec.type == "NodePort":
            # A load balancer asks each node whether it has an endpoint; who takes any node does
            # not.
            changed = old is not None and old.spec.external_traffic_policy != "Local"
            if changed:
                yield from self._uncovered("externalTrafficPolicy", self._nodes(everybody=True))

    def _nodes(self, *, everybody: bool) -> frozenset[str]:
        """Return the nodes where requests arrive: those of callers, or of all pods in scope."""
        callers = {c.owner for c in self.calls if c.namespace == self.net.land.namespace}
        own = self.net.owners(self.service)
        return frozenset(
            pod.spec.node_name
            for owner, pods in self.net.land.by_owner.items()
            if owner in callers or (everybody and owner not in own)
            for pod in filter(pod_rules.stands, pods)
            if pod.spec.node_name
        )

    def _uncovered(self, field: str, nodes: frozenset[str]) -> Iterator[Evidence]:
        ready = self.net.ready_endpoints(self.service)
        here = {e.node_name for e in ready}
        bare = sorted(nodes - here)
        if ready and bare:
            yield self._lost(
                f"spec.{field}",
                f"Local, and no ready endpoint on {', '.join(bare)}, where requests come from",
                "requests are answered on every node that they come from",
                settles_by=reaction_to_write(self.view.scope),
            )

    def _lost(
        self, field: str, observed: str, expected: str, *, settles_by: datetime | None = None
    ) -> Evidence:
        return self.witness.violated(
            refer(self.service),
            field=field,
            observed=observed,
            expected=expected,
            settles_by=settles_by,
            settling=f"Service {self.service.metadata.name}",
        )
