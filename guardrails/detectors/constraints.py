"""What a task forbids, confines to, or asks for, read from its words once, when it is given.

Only plain orders count: `read-only`, `do not touch …`, `only in namespace …`, and a list of quoted
fields for the answer. A rule that is read wrongly stops sound work, so that doubt means no rule.
"""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final

import msgspec

from guardrails.actions.kinds import kind_of
from guardrails.actions.sentences import Cued, Sentences, read
from guardrails.actions.tables import tokens
from guardrails.core.toolaction import Operation, Target

LONGEST: Final = 6_000
"""Characters of a task that are read."""
ORDERS: Final = 16
"""Objects remembered that one task forbids to change."""

_READ_ONLY = Cued(
    r"\bread[- ]only (?:task|mode|investigation|access|run|basis)\b"
    r"|\b(?:task|investigation|run|session|access|work|you) (?:is|are) (?:strictly )?read[- ]only\b"
    r"|\b(?:stay|remain|be|keep|work) (?:strictly )?read[- ]only\b"
    r"|\b(?:do not|don't|must not|never|without)"
    r" (?:mak(?:e|ing)|apply(?:ing)?|perform(?:ing)?) any (?:changes?|mutations?|writes?)\b"
    r"|\b(?:do not|don't|must not) (?:change|modify|mutate|touch|fix|repair|remediate) anything\b"
    r"|\bno (?:changes|mutations|writes) (?:are |is )?(?:allowed|permitted)\b|\bchange nothing\b"
    r"|\bonly (?:diagnose|investigate)\b(?! (?:in|on|within)\b)",
    (
        *("read-only", "read only", " any change", " any mutation", " any write", "anything"),
        *("allowed", "permitted", "change nothing", "only diagnose", "only investigate"),
    ),
)
_FORBIDS = Cued(
    r"\b(?:do not|don't|never|must not|may not)\s+(?:ever\s+)?"
    r"(?P<verbs>(?:touch|change|modify|delete|restart|scale|edit|patch|remove|drain|evict|alter"
    r"|write to|act on|interfere with)"
    r"(?:(?:,| or| and|/)\s*\w+)*)\s+(?P<what>[^.;!?\n]{2,160})",
    ("do not", "don't", "never", "must not", "may not"),
)
_CONFINES = Cued(
    r"\b(?:only|solely|exclusively|strictly|nowhere but)\b[^.;!?\n]{0,40}?"
    r"\b(?:in|within|inside|to)\s+(?:the\s+)?(?:namespace\s+[`'\"]?(?P<after>[a-z0-9][a-z0-9-]*)"
    r"|[`'\"]?(?P<before>[a-z0-9][a-z0-9-]*)[`'\"]?\s+namespace)",
    ("namespace",),
    ("only", "solely", "exclusively", "strictly", "nowhere but"),
)
_EXCEPT = re.compile(
    r"\b(?:unless|except|until|before|without|other than|outside)\b", re.IGNORECASE
)
_KIND = (
    r"(?:deployments?|deploy|statefulsets?|sts|daemonsets?|ds|services?|svc|pods?|nodes?|namespaces?"
    r"|ns|configmaps?|cm|secrets?|ingress(?:es)?|jobs?)"
)
_WORD = r"(?!(?:the|an?|any|all|of|in|on|or|and|to|for|that|which|with|is|are|other|this)\b)"
_OBJECT = re.compile(
    rf"\b(?P<kind>{_KIND})[ /][`'\"]?(?P<name>{_WORD}[a-z0-9][a-z0-9-]*)"
    rf"|(?P<reversed>{_WORD}\b[a-z0-9][a-z0-9-]*)[`'\"]? (?P<of>{_KIND})\b"
    r"|[`'\"](?P<quoted>[a-z0-9][a-z0-9./-]*)[`'\"]"
    r"|\b(?P<compound>[a-z0-9]+(?:-[a-z0-9]+)+)\b",
    re.IGNORECASE,
)
_ITEM = r"[`'\"][\w .-]{2,40}[`'\"]"
_FIELDS = Cued(
    r"\b(?:fields?|keys?|sections?|headings?)\b[^.;\n`'\"]{0,30}"
    rf"(?P<list>{_ITEM}(?:(?:\s*,\s*(?:and\s+)?|\s+and\s+|\s*/\s*){_ITEM})*)",
    ("field", "key", "section", "heading"),
    ("`", "'", '"'),
)
_ASKS = re.compile(
    r"\b(?:answer|report|reply|respond|return|output|result|include|provide|submit)\w*\b",
    re.IGNORECASE,
)
_ONE_FIELD = re.compile(r"[`'\"]([\w .-]{2,40})[`'\"]")
_CLUSTER = frozenset({"kubectl", "helm", "argocd", "flux", "istioctl"})


class Forbidden(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Something that is not to be changed."""

    name: str
    order: str
    """The words that say so."""
    namespace: bool = False
    """True when it is a namespace as a whole."""


class Constraints(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one task demands."""

    read_only: str = ""
    """The words that say so; empty when changes are free."""
    forbidden: tuple[Forbidden, ...] = ()
    confined: str = ""
    """The only namespace in which something may be changed."""
    confined_by: str = ""
    fields: tuple[str, ...] = ()
    """What the answer is to hold."""

    @property
    def binds_changes(self) -> bool:
        """Whether any change can break them."""
        return bool(self.read_only or self.forbidden or self.confined)


def constraints_in(task: str) -> Constraints:
    """Read the orders of a task.

    >>> read = constraints_in("Do not restart deployment/cart. Work only in namespace shop.")
    >>> read.forbidden[0].name, read.confined
    ('cart', 'shop')
    """
    words = read(task[:LONGEST])
    read_only = _READ_ONLY.search(words)
    confines = _CONFINES.search(words)
    forbidden = (one for found in _FORBIDS.all_in(words) for one in _forbidden(found))
    return Constraints(
        read_only=read_only[0] if read_only else "",
        forbidden=tuple(islice(forbidden, ORDERS)),
        confined=(confines["after"] or confines["before"] or "").lower() if confines else "",
        confined_by=confines[0] if confines else "",
        fields=_fields_in(words),
    )


def broken_by(constraints: Constraints, operation: Operation) -> tuple[str, str] | None:
    """Return what a change breaks: the order, and the object; None when it is free.

    Only programs that act on a cluster, and tools that name a kind of object, are judged: to write
    a file or to note a thought is no change of the system.
    """
    if operation.dry_run:
        return None
    of_cluster = operation.program in _CLUSTER
    for target in operation.targets or (Target(),):
        if not (of_cluster or target.kind in _KINDS):
            continue
        if constraints.read_only:
            return constraints.read_only, _called(target, operation)
        for one in constraints.forbidden:
            if one.name == (target.namespace if one.namespace else target.name).lower():
                return one.order, _called(target, operation)
        elsewhere = target.namespace and target.namespace.lower() != constraints.confined
        if constraints.confined and elsewhere:
            return constraints.confined_by, _called(target, operation)
    return None


def lacking(constraints: Constraints, answer: str) -> tuple[str, ...]:
    """Return the asked-for fields that an answer does not have."""
    plain = _plain(answer)
    return tuple(field for field in constraints.fields if _plain(field) not in plain)


def _forbidden(found: re.Match[str]) -> Iterator[Forbidden]:
    what = _EXCEPT.split(found["what"])[0]
    order = " ".join(found[0].split())
    for one in _OBJECT.finditer(what):
        kind = kind_of((one["kind"] or one["of"] or "").lower())
        written = one["name"] or one["reversed"] or one["quoted"] or one["compound"] or ""
        before, _, name = written.lower().rpartition("/")
        is_namespace = "namespace" in {kind, kind_of(before)}
        yield Forbidden(name=name, order=order, namespace=is_namespace)


_KINDS = tokens(
    "deployment statefulset daemonset service pod node namespace configmap secret ingress job"
)
"""Kinds that orders name. Any other word before a name is a word."""


def _fields_in(words: Sentences) -> tuple[str, ...]:
    text = words.text
    for found in _FIELDS.all_in(words):
        begins = max(text.rfind(mark, 0, found.start()) for mark in ".\n;") + 1
        if _ASKS.search(text[begins : found.start()]):
            return tuple(_ONE_FIELD.findall(found["list"]))
    return ()


def _called(target: Target, operation: Operation) -> str:
    name = f"{target.kind}/{target.name}" if target.kind else target.name
    place = f" in {target.namespace}" if target.namespace else ""
    return f"{operation.program} {operation.verb} {name}{place}".strip()


def _plain(text: str) -> str:
    return re.sub(r"[\s_-]+", "", text.lower())
