"""Whether Ingresses lead to Services that are there, and to the same applications as before.

That a route or its encryption is gone is judged where losses are. Certificates are in Secrets,
which are never read: a missing one is not seen here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from guardrails.core.evidence import Evidence, ObjectRef
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, View, Witness, refer, unread_lists
from guardrails.gates.kubernetes.backing import network
from guardrails.gates.kubernetes.objects import Ingress, IngressClass, Service
from guardrails.gates.kubernetes.objects.network import IngressBackend
from guardrails.gates.kubernetes.topology import WORKLOAD_LISTS, reaction_by
from guardrails.gates.snapshot import Snapshot

ID = CheckId("ingress-routes")

_NEEDED = ("Ingress", "Service")
LISTS = (*_NEEDED, "IngressClass", *WORKLOAD_LISTS, "ReplicaSet", "Pod", "EndpointSlice")
"""Pods tell whether a route was moved to another application."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One host and path, and where it leads."""

    ingress: Ingress
    host: str
    path: str
    backend: IngressBackend

    @property
    def service(self) -> str:
        """Name of the Service; empty when it leads to something else."""
        return self.backend.service.name if self.backend.service is not None else ""

    def __str__(self) -> str:
        """Write host and path; a star is every host."""
        return f"{self.host or '*'}{self.path}"


def routes_of(look: Snapshot, namespace: str) -> tuple[Route, ...]:
    """Return every route of a namespace."""
    return tuple(route for i in look.objects(Ingress, namespace) for route in _routes(i))


def _routes(ingress: Ingress) -> Iterator[Route]:
    default = ingress.spec.default_backend
    if default is not None:
        yield Route(ingress=ingress, host="", path="/", backend=default)
    for rule in ingress.spec.rules or ():
        for path in (rule.http.paths if rule.http is not None else None) or ():
            yield Route(
                ingress=ingress,
                host=rule.host,
                path=path.path or "/",
                backend=path.backend,
            )


def judge_ingresses(view: View) -> list[Evidence]:
    """Judge every Ingress in scope, and every route that leads elsewhere."""
    look = view.look
    witness = Witness(check=ID, at=look.at)
    found = list(unread_lists(witness, view, LISTS))
    for namespace in view.scope.namespaces:
        lists = (look.list_of(kind, namespace) for kind in _NEEDED)
        if all(x is not None and x.read.ok for x in lists):
            judging = _Judging(witness=witness, view=view, namespace=namespace)
            found.extend(judging.present())
            found.extend(judging.led_elsewhere())
    return found


INGRESS_ROUTES = Check(id=ID, judge=judge_ingresses, lists=LISTS)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judging:
    witness: Witness
    view: View
    namespace: str

    @property
    def _services(self) -> Mapping[str, Service]:
        return network(self.view.look, self.namespace).services

    def present(self) -> Iterator[Evidence]:
        past = self.view.reference.snapshot
        old = {} if past is None else _by_name(past, self.namespace)
        for name, ingress in _by_name(self.view.look, self.namespace).items():
            problems = [
                *self._backends(ingress),
                *self._class(ingress),
                *(self._lost(ingress, old[name]) if name in old else ()),
            ]
            yield from problems
            if not problems:
                routes = sum(1 for _ in _routes(ingress))
                yield self.witness.satisfied(
                    refer(ingress),
                    field="spec.rules",
                    observed=f"{routes} routes, each to a Service and port that exist",
                    expected="every route leads somewhere",
                )

    def _backends(self, ingress: Ingress) -> Iterator[Evidence]:
        for route in _routes(ingress):
            problem = _problem(route.backend, self._services)
            if problem:
                yield self._violated(
                    ingress,
                    f"spec.rules[{route}].backend",
                    problem,
                    "a Service of the namespace, and a port of it",
                )

    def _class(self, ingress: Ingress) -> Iterator[Evidence]:
        name = ingress.spec.ingress_class_name
        listed = self.view.look.list_of("IngressClass", "")
        if not name or listed is None or not listed.read.ok:
            return
        if all(c.metadata.name != name for c in self.view.look.objects(IngressClass, "")):
            yield self._violated(
                ingress,
                "spec.ingressClassName",
                f"no IngressClass {name}: nobody serves it",
                "a class that exists",
            )

    def _lost(self, ingress: Ingress, old: Ingress) -> Iterator[Evidence]:
        if old.status.load_balancer.ingress and not ingress.status.load_balancer.ingress:
            yield self.witness.violated(
                refer(ingress),
                field="status.loadBalancer.ingress",
                observed="no address",
                expected="an address, as in the reference",
                settles_by=reaction_by(self.view.history, self.view.scope),
                settling=f"the address of Ingress {ingress.metadata.name}",
            )

    def led_elsewhere(self) -> Iterator[Evidence]:
        """Judge routes of the reference that lead to another application now."""
        past = self.view.reference.snapshot
        if past is None:
            return
        now = {str(route): route for route in routes_of(self.view.look, self.namespace)}
        names = _by_name(self.view.look, self.namespace)
        for route in routes_of(past, self.namespace):
            if route.service and route.service not in network(past, self.namespace).services:
                continue  # It led nowhere then.
            new = now.get(str(route))
            subject = refer(names.get(route.ingress.metadata.name, route.ingress))
            if new is not None and self._is_foreign(past, route, new):
                yield self._violated(
                    subject,
                    f"spec.rules[{route}].backend",
                    f"leads to Service {new.service}, of another application",
                    f"to Service {route.service} (the reference)",
                )

    def _is_foreign(self, past: Snapshot, old: Route, new: Route) -> bool:
        """Tell whether a route leads to what was another application all along."""
        before = network(past, self.namespace)
        was, other = before.services.get(old.service), before.services.get(new.service)
        if old.service == new.service or was is None or other is None:
            return False
        return not before.owners(was) & before.owners(other)

    def _violated(
        self, ingress: Ingress | ObjectRef, field: str, observed: str, expected: str
    ) -> Evidence:
        subject = ingress if isinstance(ingress, ObjectRef) else refer(ingress)
        return self.witness.violated(subject, field=field, observed=observed, expected=expected)


def _by_name(look: Snapshot, namespace: str) -> dict[str, Ingress]:
    return {i.metadata.name: i for i in look.objects(Ingress, namespace)}


def _problem(backend: IngressBackend, services: Mapping[str, Service]) -> str:
    """Return what is wrong with a backend; nothing when it may be served."""
    named = backend.service
    if named is None:
        return ""  # A resource of another kind, which its controller judges.
    service = services.get(named.name)
    if service is None:
        return f"Service {named.name} does not exist"
    if service.spec.type == "ExternalName":
        return ""
    ports = service.spec.ports or ()
    if named.port.name:
        known = any(p.name == named.port.name for p in ports)
    else:
        known = any(p.port == named.port.number for p in ports)
    if known:
        return ""
    has = ", ".join(f"{p.port} ({p.name})" if p.name else str(p.port) for p in ports)
    asked = named.port.name or named.port.number
    return f"Service {named.name} has no port {asked}; it has {has or 'none'}"
