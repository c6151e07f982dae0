"""Whether everybody may still do what the reference let them do, and workloads keep their identity.

Judged by what a subject may do in a namespace, not by which Roles say so. What bindings of the
whole cluster give is not read, so a fall to the default account is a loss by itself.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from guardrails.core.evidence import ObjectRef
from guardrails.gates.checks import refer
from guardrails.gates.kubernetes.objects import Role, RoleBinding, ServiceAccount
from guardrails.gates.losses.comparing import TEMPLATE_LISTS, Ground, Loss, Pair, loss_check
from guardrails.gates.snapshot import Snapshot

LISTS = ("ServiceAccount", "Role", "RoleBinding", *TEMPLATE_LISTS)

DEFAULT = "default"


class Subject(NamedTuple):
    """Whom a binding names."""

    kind: str
    namespace: str
    name: str


class Right(NamedTuple):
    """One thing that a subject may do; a ClusterRole is taken whole, as it is not read."""

    group: str
    resource: str
    name: str
    verb: str

    def covers(self, other: "Right") -> bool:
        """Tell whether this right includes another."""
        return all(mine in ("*", theirs) for mine, theirs in zip(self, other, strict=True))

    def __str__(self) -> str:
        """Write it as a verb on a resource."""
        if self.verb == _WHOLE:
            return f"have ClusterRole {self.name}"
        named = "" if self.name == "*" else f"/{self.name}"
        group = f".{self.group}" if self.group else ""
        return f"{self.verb} {self.resource}{group}{named}"


_WHOLE = "(all of it)"

Rights = Mapping[Subject, frozenset[Right]]


def find(ground: Ground) -> Iterator[Loss]:
    """Yield workloads that lost their account, and subjects that lost a right."""
    comparable = all(_both_read(ground, kind) for kind in ("Role", "RoleBinding"))
    before: Rights = rights(ground.then, ground.namespace) if comparable else {}
    after: Rights = rights(ground.now, ground.namespace) if comparable else {}
    moved: dict[Subject, list[Pair]] = defaultdict(list)
    for pair in ground.pairs():
        old, new = account_of(pair, then=True), account_of(pair, then=False)
        yield from _missing(ground, pair, new)
        if old != new:
            subject = Subject("ServiceAccount", ground.namespace, old)
            moved[subject].append(pair)
            yield from _moved(ground, pair, before.get(subject, frozenset()), after)
    for subject, had in before.items():
        has = after.get(subject, frozenset())
        lost = [r for r in sorted(had) if not any(h.covers(r) for h in has)]
        if lost and subject not in moved:
            yield Loss(
                subject=ObjectRef(kind=subject.kind, name=subject.name, namespace=ground.namespace),
                field="rules",
                observed=f"may not {lost[0]}" + (f", and {len(lost) - 1} more" if lost[1:] else ""),
                expected="as many rights as in the reference",
            )


PERMISSIONS_KEPT = loss_check("permissions-kept", LISTS, find)


def _both_read(ground: Ground, kind: str) -> bool:
    past = ground.then.list_of(kind, ground.namespace)
    return past is not None and past.read.ok and ground.is_read(kind)


def account_of(pair: Pair, *, then: bool) -> str:
    """Return the account that pods run under."""
    return (pair.before if then else pair.after).spec.service_account_name or DEFAULT


def _missing(ground: Ground, pair: Pair, account: str) -> Iterator[Loss]:
    had = {x.metadata.name for x in ground.had(ServiceAccount)}
    gone = ground.is_read("ServiceAccount") and account not in ground.named(ServiceAccount)
    if gone and account in had and account != DEFAULT:
        yield Loss(
            subject=ObjectRef(kind="ServiceAccount", name=account, namespace=ground.namespace),
            observed="does not exist",
            expected=f"the account of {pair.new.metadata.name} (the reference)",
        )


def _moved(ground: Ground, pair: Pair, had: frozenset[Right], after: Rights) -> Iterator[Loss]:
    """A workload under another account: fine when that may do all that the old one might."""
    old, new = account_of(pair, then=True), account_of(pair, then=False)
    has = after.get(Subject("ServiceAccount", ground.namespace, new), frozenset())
    lost = [r for r in sorted(had) if not any(h.covers(r) for h in has)]
    readable = all(_both_read(ground, kind) for kind in ("Role", "RoleBinding"))
    if old == DEFAULT and not lost:
        return
    if new == DEFAULT or lost or not readable:
        why = f", which may not {lost[0]}" if lost else ""
        yield Loss(
            subject=refer(pair.new),
            field="spec.template.spec.serviceAccountName",
            observed=f"{new}{why}",
            expected=f"{old}, or one that may do as much (the reference)",
        )


def rights(look: Snapshot, namespace: str) -> Rights:
    """Return what each subject may do in a namespace, by its bindings there."""
    roles = {role.metadata.name: _of_role(role) for role in look.objects(Role, namespace)}
    found: defaultdict[Subject, set[Right]] = defaultdict(set)
    for binding in look.objects(RoleBinding, namespace):
        ref = binding.role_ref
        if ref.kind == "Role":
            given = roles.get(ref.name, frozenset())
        else:
            given = frozenset({Right("", ref.kind, ref.name, _WHOLE)})
        for grantee in binding.subjects or ():
            place = grantee.namespace or namespace if grantee.kind == "ServiceAccount" else ""
            found[Subject(grantee.kind, place, grantee.name)] |= given
    return {subject: frozenset(given) for subject, given in found.items()}


def _of_role(role: Role) -> frozenset[Right]:
    return frozenset(
        Right(group, resource, name, verb)
        for rule in role.rules or ()
        for group in rule.api_groups or ("",)
        for resource in rule.resources or ()
        for name in rule.resource_names or ("*",)
        for verb in rule.verbs or ()
    )
