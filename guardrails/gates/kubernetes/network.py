"""Whether Services reach pods: selector, ready endpoints, and a port that the pods have.

Fault states that six trusted tools call healthy stop here: a Service whose selector matches
nothing, and a target port, by number or by name, that no container has.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from guardrails.core.evidence import Evidence, SourceRef
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, View, Witness, refer, unread_lists
from guardrails.gates.kubernetes import pods as pod_rules
from guardrails.gates.kubernetes.backing import Network, network
from guardrails.gates.kubernetes.objects import (
    Pod,
    Service,
    ServicePort,
    TemplateContainer,
)
from guardrails.gates.kubernetes.programs import images_of, is_one_program
from guardrails.gates.kubernetes.replacement import selects
from guardrails.gates.kubernetes.targetports import (
    declared_by,
    known_ports,
    target_of,
    undeclared,
)
from guardrails.gates.kubernetes.topology import (
    WORKLOAD_LISTS,
    Owner,
    is_deleted,
    reaction_by,
    reaction_to_write,
    wanted,
)

ID = CheckId("service-reaches-pods")

LISTS = (*WORKLOAD_LISTS, "ReplicaSet", "Pod", "Service", "EndpointSlice")


def judge_services(view: View) -> list[Evidence]:
    """Judge every Service in scope; `service-kept` tells those that are gone."""
    look = view.look
    witness = Witness(check=ID, at=look.at)
    found = list(unread_lists(witness, view, LISTS))
    for namespace in view.scope.namespaces:
        lists = [look.list_of(kind, namespace) for kind in LISTS]
        if any(x is None or not x.read.ok for x in lists):
            # Without its pods, a Service cannot be judged; the list itself is reported above.
            continue
        found.extend(_judge_namespace(witness, view, namespace))
    return found


SERVICE_REACHES_PODS = Check(id=ID, judge=judge_services, lists=LISTS)


def _judge_namespace(witness: Witness, view: View, namespace: str) -> Iterator[Evidence]:
    reference = view.reference
    net = network(view.look, namespace)
    before = network(reference.snapshot, namespace) if reference.snapshot else None
    start = network(reference.start, namespace) if reference.start else None
    for service in net.services.values():
        judge = _Judging(witness=witness, net=net, before=before, service=service, view=view)
        yield judge.verdict()
    known = bool(start and start.services) or bool(before and before.services)
    if not net.services and not known:
        yield witness.satisfied(
            SourceRef(source="kubernetes", detail=f"list Service in {namespace}"),
            observed="no Service, and none known from before",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judging:
    """One Service being judged."""

    witness: Witness
    net: Network
    before: Network | None
    service: Service
    view: View

    def verdict(self) -> Evidence:
        spec = self.service.spec
        if spec.type == "ExternalName":
            outside = f"points outside the cluster, to {spec.external_name}"
            return self._detached(outside) or self._fine(outside)
        if not spec.selector:
            return self._detached("has no selector any more") or self._by_hand()
        for problem in (self._selection, self._switched, self._ports, self._slices, self._released):
            found = problem()
            if found is not None:
                return found
        ready = self.net.ready_endpoints(self.service)
        return self._fine(f"{len(ready)} ready endpoints")

    def _detached(self, observed: str) -> Evidence | None:
        """A Service that followed pods and does no longer has lost what it was for."""
        old = self._old()
        if self.before is None or old is None or not self.before.selected(old):
            return None
        return self.witness.violated(
            refer(self.service),
            field="spec.selector",
            observed=observed,
            expected=f"the pods of {_owners(self.before.owners(old))} (the reference)",
        )

    def _by_hand(self) -> Evidence:
        ready = self.net.ready_endpoints(self.service)
        old = self._old()
        had = self.before.ready_endpoints(old) if self.before and old else ()
        if had and not ready:
            return self.witness.violated(
                refer(self.service),
                field="endpoints",
                observed="no ready endpoint (the Service has no selector)",
                expected=f"{len(had)} (the reference)",
            )
        return self._fine(f"no selector; {len(ready)} endpoints kept by hand")

    def _selection(self) -> Evidence | None:
        pods = self.net.selected(self.service)
        selector = _words(self.service.spec.selector or {})
        if not pods:
            return self.witness.violated(
                refer(self.service),
                field="spec.selector",
                observed=f"{selector} matches no pod",
                expected="at least one ready pod",
                settles_by=reaction_to_write(self.view.scope) if self._is_awaited() else None,
                settling=f"the first pod behind Service {self.service.metadata.name}",
            )
        if (
            any(pod_rules.is_ready(p) for p in pods)
            or self.service.spec.publish_not_ready_addresses
        ):
            return None
        return self.witness.violated(
            refer(self.service),
            field="endpoints",
            observed=f"none of the {len(pods)} pods that {selector} matches is ready",
            expected="at least one ready pod",
            settles_by=pod_rules.settles_by(pods, self.net.land, self.view.scope),
            settling=f"a pod behind Service {self.service.metadata.name} to become ready",
        )

    def _is_awaited(self) -> bool:
        """Tell whether some workload is about to make pods for this Service."""
        return any(
            wanted(w) > 0 and not is_deleted(w) and selects(self.service, w)
            for w in self.net.land.workloads
        )

    def _switched(self) -> Evidence | None:
        """A Service that reaches another application's pods is not mended.

        Told from a replaced workload by the reference: what it reaches now backed other Services
        there and never this one, and is not the same program.
        """
        old = self._old()
        if self.before is None or old is None:
            return self._mistaken()
        had, has = self.before.owners(old), self.net.owners(self.service)
        behind = {o: self.before.backed.get(o, frozenset[str]()) for o in has - had}
        strangers = frozenset(o for o, names in behind.items() if names - {old.metadata.name})
        if not had or not strangers or not (has & had or strangers == has):
            return None
        if is_one_program(self.before.land, had, self.net.land, strangers):
            return None
        also = "also " if has & had else ""
        other = min(behind[min(strangers)])
        return self.witness.violated(
            refer(self.service),
            field="spec.selector",
            observed=f"{also}reaches the pods of {_owners(strangers)}, behind Service {other}",
            expected=f"the pods of {_owners(had)} (the reference)",
        )

    def _mistaken(self) -> Evidence | None:
        """Without a reference: the workload of the Service's own name is there, and left out.

        Only when it declares a port, so that somebody should reach it, and no Service does.
        """
        name, has = self.service.metadata.name, self.net.owners(self.service)
        if any(o.name == name for o in has):
            return None
        for owner, pods in self.net.land.by_owner.items():
            forgotten = owner.name == name and owner.kind in WORKLOAD_LISTS
            ports = forgotten and any(d for pod in pods for d in declared_by(pod))
            if ports and owner not in self.net.backed:
                return self.witness.violated(
                    refer(self.service),
                    field="spec.selector",
                    observed=f"reaches the pods of {_owners(has)}",
                    expected=f"those of {owner.kind} {owner.name}, which no Service reaches",
                )
        return None

    def _ports(self) -> Evidence | None:
        if self.service.spec.cluster_ip == "None":
            return None  # Headless: clients get pod addresses, and no port is mapped.
        pods = self._serving()
        for port in self.service.spec.ports or ():
            problem = self._port(port, pods)
            if problem is not None:
                return self.witness.violated(
                    refer(self.service),
                    field=f"spec.ports[{port.name or port.port}].targetPort",
                    observed=problem,
                    expected="a port of the pods' containers",
                    settles_by=self._replaced_by(pods),
                    settling=f"the pods behind Service {self.service.metadata.name} to be replaced",
                )
        return None

    def _replaced_by(self, pods: Sequence[Pod]) -> datetime | None:
        """Return until when a rollout may still bring the pods that have the port."""
        written = self.view.scope.last_write_at
        if written is None or not any(self.net.land.is_outdated(pod) for pod in pods):
            return None
        return written + timedelta(seconds=pod_rules.START_SECONDS)

    def _port(self, port: ServicePort, pods: Sequence[Pod]) -> str | None:
        target = target_of(port)
        declared = [d for pod in pods for d in declared_by(pod) if d.protocol == port.protocol]
        if isinstance(target, str):
            if any(d.name == target for d in declared):
                return None
            return f"{target}: no container of its pods names a port so{known_ports(declared)}"
        if any(d.container_port == target for d in declared):
            return None
        was = self._target_before(port, pods)
        if was == target:
            return None
        if declared and not undeclared(port, pods, self._templates(pods)):
            return f"{target}: no container of its pods declares it{known_ports(declared)}"
        if was is None:
            return None  # Which they need not, and nothing tells better.
        return f"{target}: it was {was} in the reference, and the images are the same"

    def _target_before(self, port: ServicePort, pods: Sequence[Pod]) -> int | str | None:
        """Return the target in the reference, where the same images served it."""
        old = self._old()
        if self.before is None or old is None:
            return None
        if images_of(pods) != images_of(self.before.selected(old)):
            return None
        same = (p for p in old.spec.ports or () if (p.name, p.port) == (port.name, port.port))
        return next(map(target_of, same), None)

    def _templates(self, pods: Sequence[Pod]) -> list[TemplateContainer]:
        owners = {self.net.land.owner_of(pod) for pod in pods}
        workloads = (self.net.land.workload(o.kind, o.name) for o in owners)
        return [
            c for w in workloads if w is not None for c in w.spec.template.spec.containers or ()
        ]

    def _slices(self) -> Evidence | None:
        """Compare what the controller published with what the objects say; it may lag."""
        serving = self._serving()
        ready = self.net.ready_endpoints(self.service)
        behind = {e.target_ref.uid or e.target_ref.name for e in ready if e.target_ref is not None}
        known = {x for pod in serving for x in (pod.metadata.uid, pod.metadata.name)}
        observed = ""
        strays = behind - {
            x for p in self.net.selected(self.service) for x in (p.metadata.uid, p.metadata.name)
        }
        if not ready:
            observed = "no ready endpoint, although ready pods match"
        elif behind and not behind & known:
            observed = "its endpoints are not the pods that match"
        elif strays:
            observed = f"{len(strays)} of its {len(ready)} ready endpoints are not pods that match"
        elif self.service.spec.cluster_ip != "None" and not self._published():
            observed = "its EndpointSlices carry none of its ports"
        if not observed:
            return None
        return self.witness.violated(
            refer(self.service),
            field="endpointslices",
            observed=observed,
            expected="the ready pods, on the Service's ports",
            settles_by=reaction_by(self.view.history, self.view.scope),
            settling=f"the endpoints of Service {self.service.metadata.name}",
        )

    def _published(self) -> bool:
        """Tell whether every port of the Service is in some slice, under the right number."""
        published = {
            (port.name or "", port.port)
            for part in self.net.slices.get(self.service.metadata.name, ())
            for port in part.ports or ()
        }
        declared = [d for pod in self._serving() for d in declared_by(pod)]
        for port in self.service.spec.ports or ():
            target = target_of(port)
            if isinstance(target, str):
                numbers = {d.container_port for d in declared if d.name == target}
            else:
                numbers = {target}
            if not any((port.name, number) in published for number in numbers):
                return False
        return True

    def _released(self) -> Evidence | None:
        """Endpoints must be pods that somebody owns: a released pod is replaced by nobody."""
        owned = [
            p
            for p in self._serving()
            if pod_rules.trouble_of(p, self.net.land, self.view.scope) is None
        ]
        if owned or self.service.spec.publish_not_ready_addresses:
            return None
        name = self._serving()[0].metadata.name if self._serving() else "?"
        return self.witness.violated(
            refer(self.service),
            field="endpoints",
            observed=f"none of its ready pods is well, such as {name}",
            expected="a ready pod of a workload",
        )

    def _serving(self) -> tuple[Pod, ...]:
        pods = self.net.selected(self.service)
        if self.service.spec.publish_not_ready_addresses:
            return pods
        return tuple(p for p in pods if pod_rules.is_ready(p))

    def _old(self) -> Service | None:
        return self.before.services.get(self.service.metadata.name) if self.before else None

    def _fine(self, observed: str) -> Evidence:
        return self.witness.satisfied(
            refer(self.service),
            field="endpoints",
            observed=observed,
            expected="at least one ready endpoint",
        )


def _words(selector: dict[str, str]) -> str:
    return ",".join(f"{k}={v}" for k, v in sorted(selector.items()))


def _owners(owners: frozenset[Owner]) -> str:
    return ", ".join(f"{o.kind} {o.name}" for o in sorted(owners))
