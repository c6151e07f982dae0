"""Whether pods that NetworkPolicies isolated are still isolated.

A pod is isolated in a direction when a policy selects it there and none lets everybody through on
every port. Another policy that does the same is no loss; nor is one that lets a named caller in.
"""

from collections.abc import Iterator, Mapping, Sequence

from guardrails.gates.checks import refer
from guardrails.gates.kubernetes.objects import (
    DaemonSet,
    Deployment,
    LabelSelector,
    NetworkPolicy,
    StatefulSet,
)
from guardrails.gates.kubernetes.objects.network import PolicyPeer, PolicyPort
from guardrails.gates.kubernetes.reachability import (
    EVERYWHERE,
    Direction,
    is_about,
    peers_of,
    rules_of,
)
from guardrails.gates.losses.comparing import (
    TEMPLATE_LISTS,
    Ground,
    Loss,
    Owner,
    loss_check,
    template_of,
)

LISTS = ("NetworkPolicy", *TEMPLATE_LISTS)

Labels = Mapping[str, str]
Policies = Sequence[NetworkPolicy]


def find(ground: Ground) -> Iterator[Loss]:
    """Yield everything whose pods were isolated and are not any more."""
    before = ground.had(NetworkPolicy)
    if not before or not ground.is_read("NetworkPolicy"):
        return
    after = ground.has(NetworkPolicy)
    for old, new in _subjects(ground):
        had, has = _labels(old), _labels(new)
        for direction in Direction:
            by = isolated_by(before, had, direction)
            if by is not None and isolated_by(after, has, direction) is None:
                yield Loss(
                    subject=refer(new),
                    field=f"NetworkPolicy.{direction.lower()}",
                    observed=_seen(after, has, direction),
                    expected=f"isolated by NetworkPolicy {by} (the reference)",
                )


ISOLATION_KEPT = loss_check("isolation-kept", LISTS, find)


def _subjects(ground: Ground) -> Iterator[tuple[Owner, Owner]]:
    """Yield what makes pods, then and now; what a partial reference does not hold, only now."""
    known: set[tuple[str, str]] = set()
    for pair in ground.pairs():
        known.add((type(pair.new).__name__, pair.new.metadata.name))
        yield pair.old, pair.new
    if ground.partial:
        for kind in (Deployment, StatefulSet, DaemonSet):
            for item in ground.has(kind):
                if (kind.__name__, item.metadata.name) not in known:
                    yield item, item


def _labels(item: Owner) -> Labels:
    return template_of(item).metadata.labels or {}


def isolated_by(policies: Policies, labels: Labels, direction: Direction) -> str | None:
    """Return the name of a policy that isolates pods, or None when they are open."""
    about = [p for p in policies if _selects(p, labels, direction)]
    if not about or any(_lets_all(p, direction) for p in about):
        return None
    return about[0].metadata.name


def _selects(policy: NetworkPolicy, labels: Labels, direction: Direction) -> bool:
    return is_about(policy, direction) and policy.spec.pod_selector.selects(dict(labels))


def _lets_all(policy: NetworkPolicy, direction: Direction) -> bool:
    return any(
        _all_ports(rule.ports) and _everybody(peers_of(rule))
        for rule in rules_of(policy, direction)
    )


def _all_ports(ports: Sequence[PolicyPort] | None) -> bool:
    whole = 65535
    return not ports or any(
        p.protocol == "TCP" and (p.port is None or (p.port == 1 and p.end_port == whole))
        for p in ports
    )


def _everybody(peers: Sequence[PolicyPeer] | None) -> bool:
    return not peers or any(_is_everybody(p) for p in peers)


def _is_everybody(peer: PolicyPeer) -> bool:
    if peer.ip_block is not None:
        return peer.ip_block.cidr in EVERYWHERE and not peer.ip_block.except_
    anything = LabelSelector()
    all_pods = peer.pod_selector is None or peer.pod_selector == anything
    return all_pods and peer.namespace_selector == anything


def _seen(policies: Policies, labels: Labels, direction: Direction) -> str:
    about = [p.metadata.name for p in policies if _selects(p, labels, direction)]
    if not about:
        return "no policy selects its pods"
    opening = [
        p.metadata.name for p in policies if p.metadata.name in about and _lets_all(p, direction)
    ]
    return f"NetworkPolicy {opening[0]} lets everybody through"
