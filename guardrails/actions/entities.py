"""The objects that an agent's final words name, and which of them it calls the cause.

Text is searched for `kind/name`, `Kind name` and quoted names beside a kind; structures for the
fields that submit tools and ITBench's `agent_output.json` use. Nothing here is believed: the gate
looks every name up.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from guardrails.actions.kinds import kind_of
from guardrails.actions.tables import tokens
from guardrails.core.claims import NamedEntity

_MOST_ENTITIES = 100
"""A diagnosis that names more names nothing; agents in the ITBench traces name at most five."""
_DEEPEST = 8
"""Levels of a report that are searched; ITBench's has three."""
_LONGEST_TEXT = 20_000
"""Characters searched for names."""

_NAME = r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?"
_KIND = (
    r"(?:deployments?|deploy|statefulsets?|sts|daemonsets?|ds|replicasets?|rs|pods?|po|services?|svc"
    r"|nodes?|namespaces?|ns|configmaps?|cm|secrets?|ingress(?:es)?|ing|jobs?|cronjobs?|hpa|pdb|pvc|pv"
    r"|horizontalpodautoscalers?|persistentvolumeclaims?|persistentvolumes?|networkpolic(?:y|ies)"
    r"|netpol|poddisruptionbudgets?|resourcequotas?|quota|serviceaccounts?|endpoints|endpointslices?"
    r"|virtualservices?|destinationrules?|containers?|applications?|limitranges?|storageclass(?:es)?)"
    r"(?:\.[a-z0-9.]*[a-z0-9])?"
)
_QUOTE = "(?:[`'\"\u201c\u201d\u2018\u2019*]{1,3})"
_IN_NAMESPACE = (
    rf"(?:[`'\"*]*\s*[,(]?\s*(?:in|of|from)\s+(?:the\s+)?(?:namespace\s+{_QUOTE}?(?P<after>{_NAME})"
    rf"|{_QUOTE}?(?P<before>{_NAME}){_QUOTE}?\s+namespace))?"
)
_SLASHED = re.compile(
    rf"(?<![\w/.-])(?:(?P<namespace>{_NAME})/)?(?P<kind>{_KIND})/(?P<name>{_NAME})(?![\w/]){_IN_NAMESPACE}",
    re.IGNORECASE,
)
_SPOKEN = re.compile(
    rf"\b(?P<kind>{_KIND})\s+(?:named\s+|called\s+)?(?P<quote>{_QUOTE})?(?P<name>{_NAME})"
    rf"(?(quote){_QUOTE})(?![\w/]){_IN_NAMESPACE}",
    re.IGNORECASE,
)
_REVERSED = re.compile(
    rf"(?P<quote>{_QUOTE})(?P<name>{_NAME}){_QUOTE}\s+(?P<kind>{_KIND})\b{_IN_NAMESPACE}",
    re.IGNORECASE,
)
_ROOT_CAUSE = re.compile(
    r"\broot[\s-]*causes?\b|\bcaused\s+by\b|\bculprit\b|\bfaulty\b|\bfault\s+(?:is|was|lies)\b",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[^.!?\n]+(?:\.(?=\S)[^.!?\n]+)*")

_CAUSE_KEYS = re.compile(
    r"root_?causes?|culprits?|faulty?|faults?|faulty_\w+|localization|root_cause_\w+|primary_cause",
    re.IGNORECASE,
)
_CAUSE_FLAGS = ("contributing_factor", "root_cause", "is_root_cause", "rootcause", "primary")
_LIST_KEYS = re.compile(
    r"entities|resources|affected\w*|components?|localization|faulty_\w+|objects|workloads|impacted\w*"
    r"|root_?causes?|services|pods|deployments|nodes",
    re.IGNORECASE,
)
_BARE_NAME = re.compile(_NAME)


def entities_in_text(text: str) -> tuple[NamedEntity, ...]:
    """Find the objects that a text names."""
    return _merged(_in_text(text[:_LONGEST_TEXT], cause=False))


def entities_in_structure(value: object) -> tuple[NamedEntity, ...]:
    """Find the objects that a report names."""
    names = isinstance(value, Sequence) and not isinstance(value, str)
    key = "localization" if names else ""  # a bare list is an answer to "where is the fault?"
    return _merged(_in_value(cast("object", value), key=key, cause=False, namespace="", depth=0))


def _merged(found: Iterator[NamedEntity]) -> tuple[NamedEntity, ...]:
    """Name each object once; it is a cause if it was called one anywhere."""
    kept: dict[tuple[str, str, str], NamedEntity] = {}
    for entity in found:
        key = (entity.kind, entity.name, entity.namespace)
        if key not in kept or (entity.root_cause and not kept[key].root_cause):
            kept[key] = entity
        if len(kept) >= _MOST_ENTITIES:
            break
    named = {(e.kind, e.name) for e in kept.values() if e.namespace}
    return tuple(
        e for e in kept.values() if e.namespace or (e.kind, e.name) not in named or e.root_cause
    )


def _in_text(text: str, *, cause: bool) -> Iterator[NamedEntity]:
    for sentence in _SENTENCE.finditer(text):
        words = sentence[0]
        blame = _ROOT_CAUSE.search(words)
        found = [
            (match.start(), match)
            for pattern in (_SLASHED, _SPOKEN, _REVERSED)
            for match in pattern.finditer(words)
            if pattern is not _SPOKEN or _is_name(match)
        ]
        after = blame is not None and any(at >= blame.start() for at, _ in found)
        for at, match in sorted(found, key=lambda pair: pair[0]):
            blamed = blame is not None and (at >= blame.start() or not after)
            yield _entity(match, root_cause=cause or blamed)


def _is_name(match: re.Match[str]) -> bool:
    """Tell a name from the next word of a sentence: `Deployment checkout`, not `pod is`."""
    name = match["name"]
    if match["quote"]:
        return True
    if any(char in name for char in "-0123456789") and name == name.lower():
        return not name.replace(".", "").isdigit()
    return (
        match["kind"][:1].isupper()
        and name == name.lower()
        and name not in _NOT_NAMES
        and len(name) > len("pod")
        and not name.endswith(("ed", "ing"))
    )


_NOT_NAMES = tokens(
    "is was are were has have had with that which this from into here there then than what when"
    " where will would should could must does name names spec status template object objects"
    " resource resources account accounts selector selectors image images port ports events logs"
    " level count list now also only still after before because while been being under over both"
    " each more most restart restarts network endpoint endpoints mesh health discovery failure"
    " failures error errors crash crashes state type types called named manifest config version"
    " versions"
)
"""Words that follow a kind in sentences."""


def _entity(match: re.Match[str], *, root_cause: bool) -> NamedEntity:
    groups = match.groupdict()
    namespace = groups.get("namespace") or groups.get("after") or groups.get("before") or ""
    return NamedEntity(
        name=match["name"].lower(),
        kind=kind_of(match["kind"]),
        namespace=namespace.lower(),
        root_cause=root_cause,
    )


def _in_value(
    value: object, *, key: str, cause: bool, namespace: str, depth: int
) -> Iterator[NamedEntity]:
    if depth > _DEEPEST:
        return
    cause = cause or _CAUSE_KEYS.fullmatch(key) is not None
    if isinstance(value, str):
        yield from _in_string(value, key=key, cause=cause, namespace=namespace)
    elif isinstance(value, Mapping):
        fields = cast("Mapping[object, object]", value)
        yield from _in_mapping(fields, cause=cause, namespace=namespace, depth=depth)
    elif isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        for item in cast("Sequence[object]", value)[:_MOST_ENTITIES]:
            yield from _in_value(item, key=key, cause=cause, namespace=namespace, depth=depth + 1)


def _in_string(text: str, *, key: str, cause: bool, namespace: str) -> Iterator[NamedEntity]:
    """Read a string field: names in its words, or a bare name under a key that lists names."""
    found = list(_in_text(text[:_LONGEST_TEXT], cause=cause))
    if found:
        yield from found
    elif _LIST_KEYS.fullmatch(key) and _BARE_NAME.fullmatch(text.strip()):
        kind = kind_of(key) if key.lower() in {"services", "pods", "deployments", "nodes"} else ""
        yield NamedEntity(name=text.strip(), kind=kind, namespace=namespace, root_cause=cause)


def _in_mapping(
    fields: Mapping[object, object], *, cause: bool, namespace: str, depth: int
) -> Iterator[NamedEntity]:
    plain = {str(key).lower(): value for key, value in fields.items()}
    own = plain.get("namespace")
    namespace = own if isinstance(own, str) else namespace
    flags = [plain[flag] for flag in _CAUSE_FLAGS if isinstance(plain.get(flag), bool)]
    if flags:
        cause = any(flags)
    name, kind = (
        plain.get("name"),
        _first_text(plain, "kind", "resource_type", "resourcetype", "type"),
    )
    skipped = {"namespace", "kind", "type", "resource_type", "resourcetype"}
    if isinstance(name, str) and "/" not in name and (kind or flags) and name.strip():
        yield NamedEntity(
            name=name.strip(),
            kind=kind_of(kind) if kind else "",
            namespace=namespace,
            root_cause=cause,
        )
        skipped |= {"name", "reasoning", "evidence", "description", "explanation", "reason"}
    for label, item in plain.items():
        if label not in skipped:
            yield from _in_value(item, key=label, cause=cause, namespace=namespace, depth=depth + 1)


def _first_text(plain: Mapping[str, object], *keys: str) -> str:
    for key in keys:
        value = plain.get(key)
        if isinstance(value, str):
            return value
    return ""
