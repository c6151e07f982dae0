"""What the guard's own identity may do in the cluster: enough to judge by, and nothing to change.

A guard that may write is worth stealing: whoever gets its token, or talks it into something, could
mend the evidence instead of the incident. So it does not start with such rights unless told to.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from guardrails.errors import PermanentSourceError, UsageError
from guardrails.gates.kubernetes.resources import RESOURCES, Resource
from guardrails.gates.kubernetes.reviews import Question, ResourceRule, Rules
from guardrails.gates.look import keys_of
from guardrails.gates.registry import DEFAULT_CHECKS, lists_of
from guardrails.gates.snapshot import ListKey, Read, ReadStatus

READS: Final = frozenset({"get", "list", "watch"})
"""Verbs that change nothing."""
REVIEWS: Final = frozenset(
    {
        "selfsubjectaccessreviews",
        "selfsubjectrulesreviews",
        "selfsubjectreviews",
        "tokenreviews",
        "subjectaccessreviews",
        "localsubjectaccessreviews",
    }
)
"""Kinds that are created only to ask something; every authenticated user may create the first
three."""
_REVIEW_GROUPS: Final = frozenset({"authorization.k8s.io", "authentication.k8s.io"})
_ACTING: Final = frozenset({"exec", "attach", "portforward", "proxy"})
"""Subresources that act on what is in a container or behind a Service, also by a mere `get`: the
API server opened them to `get` for WebSockets."""
_MOST_NAMED: Final = 6
_ASKED_ACROSS: Final = (
    Question(verb="patch", group="apps", resource="deployments"),
    Question(verb="delete", group="", resource="pods"),
    Question(verb="create", group="", resource="pods"),
    Question(verb="create", group="", resource="pods", subresource="exec"),
    Question(verb="create", group="", resource="serviceaccounts", subresource="token"),
    Question(verb="update", group="", resource="configmaps"),
    Question(verb="bind", group="rbac.authorization.k8s.io", resource="clusterroles"),
    Question(verb="escalate", group="rbac.authorization.k8s.io", resource="clusterroles"),
    Question(verb="impersonate", group="", resource="users"),
    Question(verb="patch", group="", resource="nodes"),
    Question(verb="patch", group="monitoring.coreos.com", resource="prometheusrules"),
)
"""Asked one by one besides the lists: a webhook authorizer grants what it cannot enumerate."""
_SECRETS: Final = Question(verb="list", group="", resource="secrets")


class Identified(Protocol):
    """The part of a cluster reader that is needed here."""

    @property
    def server(self) -> str:
        """Scheme, host and port."""
        ...

    async def may(self, question: Question) -> tuple[Read, bool]:
        """Ask whether we may do something."""
        ...

    async def rules(self, namespace: str) -> Rules:
        """Ask what we may do in a namespace."""
        ...

    async def can_i(self, verb: str, kind: str, namespace: str) -> tuple[Read, bool]:
        """Ask whether we may do something to a kind that the checks know."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MissingRead:
    """A list that a check needs and the identity may not read."""

    kind: str
    name: str
    """`deployments.apps`."""
    namespace: str
    """Empty: in the whole cluster."""
    needed: bool
    """False where the gate does without, and says so in its reports."""

    def __str__(self) -> str:
        """Say it as kubectl would ask."""
        return f"list {self.name}" + (f" in {self.namespace}" if self.namespace else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What was found out."""

    writes: tuple[str, ...] = ()
    """What it may change: `patch deployments.apps in shop`."""
    secrets: tuple[str, ...] = ()
    """Where it may read Secrets, which no check needs."""
    missing: tuple[MissingRead, ...] = ()
    unknown: tuple[str, ...] = ()
    """What could not be found out, and why."""

    @property
    def blind(self) -> tuple[MissingRead, ...]:
        """What is missing and needed."""
        return tuple(one for one in self.missing if one.needed)

    def refusal(self) -> str:
        """Say why the service must not start; empty when it may."""
        if not self.writes:
            return ""
        shown, more = self.writes[:_MOST_NAMED], len(self.writes) - _MOST_NAMED
        rest = f" and {more} more" if more > 0 else ""
        return (
            f"the guard's own identity may change the cluster ({'; '.join(shown)}{rest}); take the "
            f"rights away, or set scope.allow_write_identity if this is meant"
        )

    def warnings(self) -> tuple[str, ...]:
        """Say what a person should mend."""
        found = [f"cannot find out what the identity may do: {what}" for what in self.unknown]
        if self.secrets:
            found.append(
                f"the identity may read Secrets ({', '.join(self.secrets)}); nothing here reads "
                f"any: take the right away"
            )
        found += [
            f"no right to {one}"
            + ("; no end can be judged" if one.needed else "; what it would show goes unseen")
            for one in self.missing
        ]
        return tuple(found)


async def examine_identity(
    cluster: Identified,
    namespaces: Sequence[str],
    *,
    ignored: Iterable[str] = (),
    more: Iterable[str] = (),
) -> Identity:
    """Find out what the identity may do.

    Args:
        cluster: The cluster.
        namespaces: The scope.
        ignored: Kinds that the policy leaves unread.
        more: Custom resources that it reads besides.

    Raises:
        PermanentSourceError: The credentials are refused.
    """
    kinds = lists_of(DEFAULT_CHECKS, ignored=ignored, more=more)
    rules, across, missing, secrets = await asyncio.gather(
        asyncio.gather(*(cluster.rules(name) for name in namespaces)),
        asyncio.gather(*(cluster.may(one) for one in _ASKED_ACROSS)),
        asyncio.gather(*(_missing(cluster, key) for key in keys_of(kinds, namespaces))),
        cluster.may(_SECRETS),
    )
    reads = [*(one.read for one in rules), *(read for read, _ in across), secrets[0]]
    if refused := next((r for r in reads if r.status is ReadStatus.UNAUTHORIZED), None):
        raise PermanentSourceError(
            f"Kubernetes at {cluster.server} refuses the guard's credentials: {refused.message}; "
            f"renew its token"
        )
    by_rule = [
        f"{what} in {namespace}"
        for namespace, found in zip(namespaces, rules, strict=True)
        for what in writes_of(found.rules)
    ]
    asked = [_named(q) for q, (_, may) in zip(_ASKED_ACROSS, across, strict=True) if may]
    reading = [
        f"in {namespace}"
        for namespace, found in zip(namespaces, rules, strict=True)
        if any(_reads_secrets(rule) for rule in found.rules)
    ]
    failed = next((r.message for r in reads if not r.ok), "")
    partial = [
        f"namespace {namespace}: {found.incomplete}"
        for namespace, found in zip(namespaces, rules, strict=True)
        if found.incomplete
    ]
    return Identity(
        writes=tuple(dict.fromkeys([*by_rule, *asked])),
        secrets=("in every namespace",) if secrets[1] else tuple(reading),
        missing=tuple(one for one, _ in missing if one is not None),
        unknown=tuple(dict.fromkeys([*([failed] if failed else []), *partial])),
    )


def insist(identity: Identity, *, allow_write: bool) -> None:
    """Refuse an identity that may write.

    Raises:
        UsageError: It may, and that was not allowed.
    """
    refusal = identity.refusal()
    if refusal and not allow_write:
        raise UsageError(refusal)


def writes_of(rules: Iterable[ResourceRule]) -> list[str]:
    """Name what rules let an identity change.

    >>> writes_of([ResourceRule(verbs=("get", "patch"), api_groups=("",), resources=("pods",))])
    ['patch pods']
    """
    return [
        f"{verb} {_plural(resource, group)}"
        for rule in rules
        for group in rule.api_groups or ("",)
        for resource in rule.resources
        for verb in rule.verbs
        if _changes(verb, group, resource)
    ]


def _changes(verb: str, group: str, resource: str) -> bool:
    plural, _, subresource = resource.partition("/")
    if subresource in _ACTING or (plural == "*" and subresource == "*"):
        return True
    if verb in READS:
        return False
    asks = plural in REVIEWS and group in _REVIEW_GROUPS and verb == "create"
    return not asks


def _reads_secrets(rule: ResourceRule) -> bool:
    return (
        bool({"*", *READS} & set(rule.verbs))
        and bool({"", "*"} & set(rule.api_groups))
        and bool({"secrets", "*"} & set(rule.resources))
    )


async def _missing(cluster: Identified, key: ListKey) -> tuple[MissingRead | None, Read]:
    read, allowed = await cluster.can_i("list", key.kind, key.namespace)
    if not read.ok or allowed:
        return None, read
    resource = RESOURCES.get(key.kind)
    found = MissingRead(
        kind=key.kind,
        name=_plural(resource.plural, resource.group) if resource is not None else key.kind,
        namespace=key.namespace,
        needed=resource is None or not _optional(resource),
    )
    return found, read


def _optional(resource: Resource) -> bool:
    return resource.refusable or resource.optional


def _named(question: Question) -> str:
    resource = question.resource + (f"/{question.subresource}" if question.subresource else "")
    return f"{question.verb} {_plural(resource, question.group)} in every namespace"


def _plural(plural: str, group: str) -> str:
    return f"{plural}.{group}" if group else plural
