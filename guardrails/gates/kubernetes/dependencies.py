"""Whether the Services that workloads name exist, and have the ports that are named.

A name that never was a Service may be served by something else, so a bare word counts only where
the reference shows that it was one. A URL or a name with `.svc` needs no such proof.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from guardrails.core.evidence import Evidence, SourceRef
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, View, Witness, aside, refer, unread_lists
from guardrails.gates.kubernetes.mentions import (
    Mention,
    ServiceName,
    mentions_by,
    resolve,
    services_of,
)
from guardrails.gates.kubernetes.objects import Service, Workload
from guardrails.gates.kubernetes.topology import WORKLOAD_LISTS, Owner, territory, wanted

ID = CheckId("named-services-exist")

LISTS = (*WORKLOAD_LISTS, "Service")

Services = Mapping[str, Mapping[str, Service]]


def judge_dependencies(view: View) -> list[Evidence]:
    """Judge every address that a workload in scope is given."""
    look = view.look
    witness = Witness(check=ID, at=look.at)
    found = list(unread_lists(witness, view, LISTS))
    for namespace in view.scope.namespaces:
        lists = (look.list_of(kind, namespace) for kind in LISTS)
        if all(x is not None and x.read.ok for x in lists):
            found.extend(_judge_namespace(witness, view, namespace))
    return found


NAMED_SERVICES_EXIST = Check(id=ID, judge=judge_dependencies, lists=LISTS)


def _judge_namespace(witness: Witness, view: View, namespace: str) -> Iterator[Evidence]:
    services = services_of(view.look, view.scope.namespaces)
    past = _Past(view=view, namespace=namespace)
    land, named, wrong = territory(view.look, namespace), 0, False
    for owner, mentions in mentions_by(view.look, namespace).items():
        workload = land.workload(owner.kind, owner.name)
        if workload is None or not wanted(workload):
            continue
        for mention in mentions:
            service = resolve(mention.host, namespace=namespace, services=services)
            if service is None:
                continue
            named += 1
            problem = _problem(mention, service, services)
            for evidence in _verdict(witness, workload, mention, problem, past=past, owner=owner):
                wrong = wrong or evidence.counts
                yield evidence
    if not wrong:
        yield witness.satisfied(
            SourceRef(source="kubernetes", detail=f"list Service in {namespace}"),
            observed=f"{named} names of Services in the templates of {namespace}",
            expected="each is a Service, with the port that is named",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Problem:
    """What is wrong with a name."""

    service: ServiceName
    observed: str
    expected: str
    port: int | None = None
    """The port that is missing; None when the whole Service is."""


def _problem(mention: Mention, name: ServiceName, services: Services) -> _Problem | None:
    service = services[name.namespace].get(name.name)
    if service is None:
        return _Problem(
            service=name,
            observed=f"{mention}: no Service {name.name} in {name.namespace}",
            expected="a Service that exists",
        )
    if mention.port is None or _takes(service, mention.port):
        return None
    has = ", ".join(str(p.port) for p in service.spec.ports or ())
    return _Problem(
        service=name,
        observed=f"{mention}: Service {name.name} has no port {mention.port}; it has {has}",
        expected="a port of the Service",
        port=mention.port,
    )


def _takes(service: Service, port: int) -> bool:
    """Tell whether a Service takes requests on a port; a headless one maps none."""
    spec = service.spec
    if spec.type == "ExternalName" or spec.cluster_ip == "None" or not spec.ports:
        return True
    return any(p.port == port for p in spec.ports)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Past:
    """What the reference says about a name."""

    view: View
    namespace: str

    @property
    def services(self) -> Services:
        past = self.view.reference.snapshot
        return services_of(past, self.view.scope.namespaces) if past is not None else {}

    def had(self, problem: _Problem) -> bool:
        """Tell whether the Service, or its port, was there."""
        service = self.services.get(problem.service.namespace, {}).get(problem.service.name)
        if service is None:
            return False
        return problem.port is None or _takes(service, problem.port)

    def was_so(self, owner: Owner, mention: Mention, problem: _Problem) -> bool:
        """Tell whether the workload named the same then, as much in vain."""
        past, place = self.view.reference.snapshot, problem.service.namespace
        if past is None or not self.view.reference.knows("Service", place):
            return False
        named = mentions_by(past, self.namespace).get(owner, ())
        return str(mention) in {str(m) for m in named} and not self.had(problem)

    def resolved(self, owner: Owner, mention: Mention) -> str:
        """Return the Service that the same field named then, if there was one."""
        past = self.view.reference.snapshot
        named = mentions_by(past, self.namespace).get(owner, ()) if past is not None else ()
        for old in named:
            if old.field != mention.field:
                continue
            name = resolve(old.host, namespace=self.namespace, services=self.services)
            if name is not None and name.name in self.services.get(name.namespace, {}):
                return str(old)
        return ""


def _verdict(
    witness: Witness,
    workload: Workload,
    mention: Mention,
    problem: _Problem | None,
    *,
    past: _Past,
    owner: Owner,
) -> Iterator[Evidence]:
    if problem is None:
        return
    had, was = past.had(problem), past.resolved(owner, mention)
    sure = mention.plain and not (mention.implied and problem.port is not None)
    if not (sure or had or (was and problem.port is None)):
        return
    before = "; it was there in the reference" if had else f"; it was {was}" if was else ""
    evidence = witness.violated(
        refer(workload),
        field=f"spec.template.spec.{mention.field}",
        observed=problem.observed,
        expected=f"{problem.expected}{before}",
    )
    yield aside(evidence) if past.was_so(owner, mention, problem) else evidence
