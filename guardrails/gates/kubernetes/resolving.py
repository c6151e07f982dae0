"""Whether pods can still resolve cluster names: `dnsPolicy` and `dnsConfig` against their use.

Pods are ready without a DNS server; every call to a Service by its name fails.
"""

import ipaddress
from collections.abc import Iterator

from guardrails.core.evidence import Evidence
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, View, Witness, aside, refer, unread_lists
from guardrails.gates.kubernetes.mentions import calls_in
from guardrails.gates.kubernetes.objects import Workload
from guardrails.gates.kubernetes.objects.templates import TemplateSpec
from guardrails.gates.kubernetes.topology import (
    WORKLOAD_LISTS,
    Owner,
    is_deleted,
    kind_of,
    territory,
)

ID = CheckId("cluster-names-resolve")

LISTS = (*WORKLOAD_LISTS, "Service")


def judge_resolving(view: View) -> list[Evidence]:
    """Judge every workload in scope by where its pods look names up."""
    look = view.look
    witness = Witness(check=ID, at=look.at)
    found = list(unread_lists(witness, view, LISTS))
    calling = {(call.namespace, call.owner) for call in calls_in(look, view.scope.namespaces)}
    for namespace in view.scope.namespaces:
        for workload in territory(look, namespace).workloads:
            owner = Owner(kind=kind_of(workload), name=workload.metadata.name)
            if not is_deleted(workload):
                named = (namespace, owner) in calling
                found.extend(_judge(witness, view, workload, names_services=named))
    return found


CLUSTER_NAMES_RESOLVE = Check(id=ID, judge=judge_resolving, lists=LISTS)


def _judge(
    witness: Witness, view: View, workload: Workload, *, names_services: bool
) -> Iterator[Evidence]:
    why = unresolved(workload.spec.template.spec)
    old = _old(view, workload)
    was = unresolved(old.spec.template.spec) if old is not None else None
    lost = old is not None and was is None
    if why is None or not (names_services or lost):
        if names_services:
            yield witness.satisfied(
                refer(workload),
                field="spec.template.spec.dnsPolicy",
                observed="cluster names resolve",
            )
        return
    evidence = witness.violated(
        refer(workload),
        field="spec.template.spec.dnsPolicy",
        observed=why,
        expected="its pods ask the cluster's DNS server"
        + (", as in the reference" if lost else ", since it names Services"),
    )
    yield aside(evidence) if was is not None else evidence


def _old(view: View, workload: Workload) -> Workload | None:
    past, namespace = view.reference.snapshot, workload.metadata.namespace
    if past is None:
        return None
    return territory(past, namespace).workload(kind_of(workload), workload.metadata.name)


def unresolved(spec: TemplateSpec) -> str | None:
    """Return why pods cannot resolve cluster names, or None when they can or it cannot be told.

    A name server with a private address may be the cluster's: its address is not known here.
    """
    policy = spec.dns_policy or "ClusterFirst"
    if policy == "ClusterFirst" and not spec.host_network:
        return None
    if policy == "ClusterFirstWithHostNet":
        return None
    servers = (spec.dns_config.nameservers if spec.dns_config is not None else None) or ()
    if any(map(_may_be_ours, servers)):
        return None
    if policy == "ClusterFirst":
        return "hostNetwork with dnsPolicy ClusterFirst: names are asked of the node's DNS server"
    asked = ", ".join(servers) or "the node's DNS server"
    return f"dnsPolicy {policy}: names are asked of {asked}"


def _may_be_ours(server: str) -> bool:
    try:
        return ipaddress.ip_address(server).is_private
    except ValueError:
        return False  # No address, so no server.
