"""Whether NetworkPolicies leave open what was open: clients, the outside, and the DNS server.

A policy that only restricts is no fault. One that cuts off a workload that names a Service, or
everybody, takes something away; an allowing policy added beside it mends that.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from guardrails.core.evidence import Evidence, ObjectRef, SourceRef
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, View, Witness, aside, refer, unread_lists
from guardrails.gates.kubernetes.edges import (
    Client,
    Edge,
    Target,
    edges_of,
    namers,
    parties,
    targets_of,
)
from guardrails.gates.kubernetes.mentions import ServiceName, services_of
from guardrails.gates.kubernetes.objects import Ingress, NetworkPolicy, Service
from guardrails.gates.kubernetes.reachability import (
    Direction,
    Party,
    Passage,
    Walls,
    admits_outside,
    entry,
    isolating,
    passage,
    reaches_dns,
    walls,
)
from guardrails.gates.kubernetes.topology import WORKLOAD_LISTS
from guardrails.gates.snapshot import Snapshot

ID = CheckId("traffic-allowed")

_NEEDED = (*WORKLOAD_LISTS, "ReplicaSet", "Pod", "Service", "NetworkPolicy")
LISTS = (*_NEEDED, "Ingress", "Namespace")
"""Ingresses tell what must be reached from outside; Namespaces carry the labels of selectors."""

OUTSIDE_TYPES = frozenset({"LoadBalancer", "NodePort"})


def judge_traffic(view: View) -> list[Evidence]:
    """Judge every connection that is known, by the policies at both ends."""
    witness = Witness(check=ID, at=view.look.at)
    found = list(unread_lists(witness, view, LISTS))
    readable = [n for n in view.scope.namespaces if _is_read(view.look, n)]
    if not readable:
        return found
    now = _Land(look=view.look, namespaces=readable)
    # Which policies there were cannot be told from a partial reference.
    past = None if view.reference.partial else view.reference.snapshot
    before = _Land(look=past, namespaces=readable) if past is not None else None
    judging = _Judging(witness=witness, now=now, before=before, view=view)
    return [*found, *judging.all()]


TRAFFIC_ALLOWED = Check(id=ID, judge=judge_traffic, lists=LISTS)


def _is_read(look: Snapshot, namespace: str) -> bool:
    lists = (look.list_of(kind, namespace) for kind in _NEEDED)
    return all(x is not None and x.read.ok for x in lists)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Land:
    """The policies of one look, and the connections under them."""

    look: Snapshot
    namespaces: Sequence[str]

    @property
    def walls(self) -> Walls:
        return walls(self.look)

    def edges(self) -> Iterator[tuple[tuple[Client, ServiceName], Edge, Passage]]:
        if not self.walls.policies:
            return
        for edge in edges_of(self.look, self.namespaces):
            ways = [
                passage(self.walls, source=edge.source, target=edge.target.party, port=port)
                for port in edge.ports
            ]
            yield (edge.client, edge.service), edge, _any(ways)

    def services(self) -> Iterator[tuple[ServiceName, Service, Target]]:
        """Yield each Service with each workload behind it that some policy closes."""
        for namespace, services in services_of(self.look, self.namespaces).items():
            if not self.walls.policies.get(namespace):
                continue
            for name, service in services.items():
                for target in targets_of(self.look, namespace, service):
                    if target.ports:
                        yield ServiceName(namespace=namespace, name=name), service, target

    def target(self, name: ServiceName, client: Client) -> Target | None:
        """Return the same workload behind the same Service."""
        service = services_of(self.look, (name.namespace,)).get(name.namespace, {}).get(name.name)
        found = targets_of(self.look, name.namespace, service) if service is not None else ()
        return next((t for t in found if t.client == client), None)

    def lets_anybody_in(self, target: Target) -> bool:
        """Tell whether any other workload in scope, or the outside, gets in."""
        others = parties(self.look, self.namespaces).items()
        return self.is_open_outside(target) or any(
            client != target.client and self.lets_in(target, party) for client, party in others
        )

    def lets_in(self, target: Target, party: Party) -> bool:
        """Tell whether pods get in on some port of the Service, as far as can be told."""
        land = self.walls
        ways = (entry(land, source=party, target=target.party, port=p) for p in target.ports)
        return any(way is not Passage.SHUT for way in ways)

    def is_open_outside(self, target: Target) -> bool:
        return any(admits_outside(self.walls, target.party, port) for port in target.ports)

    def exposed(self, name: ServiceName) -> bool:
        """Tell whether an Ingress leads to a Service."""
        return any(
            path.backend.service is not None and path.backend.service.name == name.name
            for ingress in self.look.objects(Ingress, name.namespace)
            for rule in ingress.spec.rules or ()
            for path in (rule.http.paths if rule.http is not None else None) or ()
        )


def _any(ways: Sequence[Passage]) -> Passage:
    return next((p for p in (Passage.OPEN, Passage.UNCLEAR) if p in ways), Passage.SHUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judging:
    witness: Witness
    now: _Land
    before: _Land | None
    view: View

    def all(self) -> Iterator[Evidence]:
        problems = [*self._edges(), *self._closed(), *self._names()]
        yield from problems
        if not any(e.counts for e in problems):
            for namespace in self.now.namespaces:
                policies = len(self.now.walls.policies.get(namespace, ()))
                yield self.witness.satisfied(
                    SourceRef(source="kubernetes", detail=f"list NetworkPolicy in {namespace}"),
                    observed=f"{policies} policies; they let through what is known to be needed",
                    expected="clients reach the Services that they name",
                )

    def _edges(self) -> Iterator[Evidence]:
        before = {key: way for key, _, way in self.before.edges()} if self.before else {}
        for key, edge, way in self.now.edges():
            if way is Passage.OPEN:
                continue
            evidence = self._edge(edge, way)
            was_shut = before.get(key) is Passage.SHUT
            yield aside(evidence) if was_shut else evidence

    def _edge(self, edge: Edge, way: Passage) -> Evidence:
        ports = ", ".join(str(p.number) for p in edge.ports)
        words = f"{edge.client} to {edge.target.client} (Service {edge.service}) on port {ports}"
        expected = f"{edge.client} reaches Service {edge.service.name}, which it names"
        culprit = self._culprit(edge.target.party, edge.source)
        if way is Passage.SHUT:
            observed = f"lets nothing through from {words}"
            return self.witness.violated(
                culprit, field="spec", observed=observed, expected=expected
            )
        unclear = self.witness.unknown(
            culprit,
            field="spec",
            observed=f"whether it lets {words} hangs on addresses or namespace labels not read",
            expected=expected,
        )
        labels = self.view.look.list_of("Namespace", "")
        by_address = labels is not None and labels.read.ok
        return aside(unclear) if by_address else unclear

    def _closed(self) -> Iterator[Evidence]:
        for name, service, target in self.now.services():
            policies = isolating(self.now.walls, target.party, Direction.INGRESS)
            if not policies:
                continue
            words = f"{target.client} (Service {name})"
            for lost, expected in self._lost(name, service, target, policies):
                observed = f"keeps {lost} from {words}"
                yield self.witness.violated(
                    self._culprit(target.party, None),
                    field="spec.ingress",
                    observed=observed,
                    expected=expected,
                )

    def _lost(
        self,
        name: ServiceName,
        service: Service,
        target: Target,
        policies: Sequence[NetworkPolicy],
    ) -> Iterator[tuple[str, str]]:
        old = self.before.target(name, target.client) if self.before else None
        outside = self.now.is_open_outside(target)
        if self.before is None or old is None:
            if not any(policy.spec.ingress for policy in policies):
                yield "everybody", "somebody may reach a Service"
            elif service.spec.type in OUTSIDE_TYPES and not outside:
                yield "everybody outside", f"a {service.spec.type} is reached from outside"
            return
        past = isolating(self.before.walls, old.party, Direction.INGRESS)
        if [p.spec for p in past] == [p.spec for p in policies]:
            return
        was_outside = self.before.is_open_outside(old)
        if not self.now.lets_anybody_in(target) and self.before.lets_anybody_in(old):
            yield "everybody", "who could reach it in the reference"
            return
        faces = service.spec.type in OUTSIDE_TYPES or self.now.exposed(name)
        if faces and was_outside and not outside:
            yield "everybody outside", "reached from outside (the reference)"
        for client, party in parties(self.now.look, self.now.namespaces).items():
            named = _is_named(past, old, party) and self.before.lets_in(old, party)
            if named and client != target.client and not self.now.lets_in(target, party):
                yield str(client), "let in, as a policy of the reference did by name"

    def _names(self) -> Iterator[Evidence]:
        for client, party in namers(self.now.look, self.now.namespaces).items():
            if reaches_dns(self.now.walls, party):
                continue
            evidence = self.witness.violated(
                self._culprit(None, party),
                field="spec.egress",
                observed=f"keeps {client} from any DNS server (port 53)",
                expected="the names that it is given resolve",
            )
            yield aside(evidence) if self._was_mute(client) else evidence

    def _was_mute(self, client: Client) -> bool:
        """Tell whether a workload could not resolve names in the reference either."""
        if self.before is None:
            return False
        old = parties(self.before.look, self.before.namespaces).get(client)
        return old is not None and not reaches_dns(self.before.walls, old)

    def _culprit(self, target: Party | None, source: Party | None) -> ObjectRef:
        """Name the policy to look at: one that is new or changed, before any other."""
        land = self.now.walls
        found = [
            *(isolating(land, target, Direction.INGRESS) if target else ()),
            *(isolating(land, source, Direction.EGRESS) if source else ()),
        ]
        changed = [p for p in found if self.before and not _is_in(p, self.before.walls)]
        return refer((changed or found)[0])


def _is_in(policy: NetworkPolicy, old: Walls) -> bool:
    known = old.policies.get(policy.metadata.namespace, ())
    return any(p.metadata.name == policy.metadata.name and p.spec == policy.spec for p in known)


def _is_named(policies: Sequence[NetworkPolicy], target: Target, party: Party) -> bool:
    """Tell whether a policy lets pods in by a selector that says more than "all"."""
    peers = (
        peer.pod_selector
        for policy in policies
        for rule in policy.spec.ingress or ()
        for peer in rule.from_ or ()
        if peer.namespace_selector is None or target.party.namespace != party.namespace
    )
    return any(
        s is not None and (s.match_labels or s.match_expressions) and s.selects(dict(party.labels))
        for s in peers
    )
