"""Whether Istio's routes lead to what exists, and break nothing on purpose.

A VirtualService may inject faults, send requests to a host that no Service has, or to a subset
that no DestinationRule defines or no pod belongs to.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from guardrails.core.evidence import Evidence
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, View, Witness, refer, unread_lists
from guardrails.gates.kubernetes import pods as pod_rules
from guardrails.gates.kubernetes.backing import network
from guardrails.gates.kubernetes.mentions import ServiceName, resolve, services_of
from guardrails.gates.kubernetes.objects import (
    DestinationRule,
    PeerAuthentication,
    Service,
    VirtualService,
)
from guardrails.gates.kubernetes.objects.mesh import (
    Injection,
    MeshRoute,
    Subset,
    TrafficPolicy,
    WeightedDestination,
)
from guardrails.gates.kubernetes.topology import WORKLOAD_LISTS

ID = CheckId("mesh-routes")

LISTS = (
    *("VirtualService", "DestinationRule", "PeerAuthentication"),
    *(*WORKLOAD_LISTS, "ReplicaSet", "Pod", "Service"),
)


def judge_mesh_routes(view: View) -> list[Evidence]:
    """Judge every VirtualService and DestinationRule in scope."""
    look = view.look
    witness = Witness(check=ID, at=look.at)
    found = list(unread_lists(witness, view, LISTS))
    services = services_of(look, view.scope.namespaces)
    for namespace in services:
        judging = _Judging(witness=witness, view=view, namespace=namespace, services=services)
        found.extend(judging.all())
    return found


MESH_ROUTES = Check(id=ID, judge=judge_mesh_routes, lists=LISTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judging:
    witness: Witness
    view: View
    namespace: str
    services: Mapping[str, Mapping[str, Service]]

    def all(self) -> Iterator[Evidence]:
        for rule in self.view.look.objects(DestinationRule, self.namespace):
            yield from self._plain_text(rule)
        for item in self.view.look.objects(VirtualService, self.namespace):
            problems = list(self._virtual_service(item))
            yield from problems
            if not problems:
                yield self.witness.satisfied(
                    refer(item),
                    field="spec",
                    observed="every destination exists, and no fault is injected",
                )

    def _virtual_service(self, item: VirtualService) -> Iterator[Evidence]:
        for field, routes in (
            ("http", item.spec.http),
            ("tls", item.spec.tls),
            ("tcp", item.spec.tcp),
        ):
            for number, route in enumerate(routes or ()):
                where = f"spec.{field}[{number}]"
                yield from self._faults(item, route, where)
                for to in route.route or ():
                    problem = self._destination(to)
                    if problem:
                        yield self.witness.violated(
                            refer(item),
                            field=f"{where}.route",
                            observed=problem,
                            expected="a Service, and a subset of its ready pods",
                        )

    def _faults(self, item: VirtualService, route: MeshRoute, where: str) -> Iterator[Evidence]:
        fault = route.fault
        for name, injection in (
            ("delay", fault.delay if fault else None),
            ("abort", fault.abort if fault else None),
        ):
            share = _share(injection)
            if share > 0:
                yield self.witness.violated(
                    refer(item),
                    field=f"{where}.fault.{name}",
                    observed=f"injects a fault into {share:g} % of requests",
                    expected="no fault on purpose",
                )

    def _destination(self, to: WeightedDestination) -> str:
        """Return what is wrong with a destination that gets requests."""
        target = to.destination
        name = resolve(target.host, namespace=self.namespace, services=self.services)
        if to.weight == 0 or name is None:
            return ""
        service = self.services[name.namespace].get(name.name)
        if service is None:
            return f"no Service {name.name} in {name.namespace}"
        ports = [p.port for p in service.spec.ports or ()]
        if target.port is not None and target.port.number and target.port.number not in ports:
            return f"Service {name.name} has no port {target.port.number}"
        return self._subset(service, name, target.subset) if target.subset else ""

    def _subset(self, service: Service, name: ServiceName, subset: str) -> str:
        listed = self.view.look.list_of("DestinationRule", self.namespace)
        if listed is None or not listed.read.ok:
            return ""
        found = next((s for s in self._subsets(name) if s.name == subset), None)
        if found is None:
            return f"no DestinationRule defines subset {subset} of Service {name.name}"
        labels = (found.labels or {}).items()
        ready = any(
            pod_rules.is_ready(pod) and labels <= (pod.metadata.labels or {}).items()
            for pod in network(self.view.look, name.namespace).selected(service)
        )
        return "" if ready else f"subset {subset} of Service {name.name} has no ready pod"

    def _subsets(self, name: ServiceName) -> Iterator[Subset]:
        for rule in self._rules(name.namespace):
            host = resolve(rule.spec.host, namespace=name.namespace, services=self.services)
            if host == name:
                yield from rule.spec.subsets or ()

    def _rules(self, namespace: str) -> Iterator[DestinationRule]:
        for place in dict.fromkeys((self.namespace, namespace)):
            yield from self.view.look.objects(DestinationRule, place)

    def _plain_text(self, rule: DestinationRule) -> Iterator[Evidence]:
        """Judge clients that are told to speak plainly to pods that accept only mTLS."""
        policies: list[TrafficPolicy | None] = [rule.spec.traffic_policy]
        policies += [s.traffic_policy for s in rule.spec.subsets or ()]
        modes = {p.tls.mode for p in policies if p is not None and p.tls is not None}
        name = resolve(rule.spec.host, namespace=self.namespace, services=self.services)
        if not modes & {"DISABLE", "SIMPLE"} or name is None:
            return
        strict = [
            p
            for p in self.view.look.objects(PeerAuthentication, "")
            if p.metadata.namespace == name.namespace
            and p.spec.mtls is not None
            and p.spec.mtls.mode == "STRICT"
            and p.spec.selector is None
        ]
        if strict:
            yield self.witness.violated(
                refer(rule),
                field="spec.trafficPolicy.tls.mode",
                observed=f"{min(modes)}, although {strict[0].metadata.name} accepts mTLS only",
                expected="ISTIO_MUTUAL, or none",
            )


def _share(injection: Injection | None) -> float:
    """Return how many of 100 requests get a fault; all of them when nothing is said."""
    if injection is None:
        return 0.0
    if injection.percentage is not None:
        return injection.percentage.value
    return 100.0 if injection.percent is None else injection.percent
