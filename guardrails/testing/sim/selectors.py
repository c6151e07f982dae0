"""Label and field selectors, parsed as the API server parses them.

Label selectors come as text (`app=web,tier in (a,b),!old`) from requests and as structures from
workloads; field selectors only as text, and only for the fields the kind supports.
"""

import re
from collections.abc import Callable, Mapping

from guardrails.testing.sim.kinds import Kind, Obj, part, parts, texts
from guardrails.testing.sim.status import bad_request

Labels = Mapping[str, str]
Predicate = Callable[[Labels], bool]

_SET = re.compile(r"^([\w./-]+)\s+(in|notin)\s*\(([^()]*)\)$")
_EQUAL = re.compile(r"^([\w./-]+)\s*(==|=|!=)\s*([\w.-]*)$")
_ORDER = re.compile(r"^([\w./-]+)\s*([<>])\s*(-?\d+)$")
_EXISTS = re.compile(r"^(!?)\s*([\w./-]+)$")


def _equals(key: str, value: str, *, negate: bool) -> Predicate:
    # A missing label satisfies != and notin: that is how Kubernetes defines them.
    if negate:
        return lambda labels: labels.get(key) != value
    return lambda labels: labels.get(key) == value


def _one_of(key: str, values: frozenset[str], *, negate: bool) -> Predicate:
    if negate:
        return lambda labels: key not in labels or labels[key] not in values
    return lambda labels: labels.get(key) in values and key in labels


def _compares(key: str, bound: int, *, greater: bool) -> Predicate:
    def test(labels: Labels) -> bool:
        try:
            value = int(labels.get(key, ""))
        except ValueError:
            return False
        return value > bound if greater else value < bound

    return test


def _present(key: str, *, negate: bool) -> Predicate:
    return (lambda labels: key not in labels) if negate else (lambda labels: key in labels)


def _requirement(text: str) -> Predicate:
    if found := _SET.match(text):
        values = frozenset(text.strip() for text in found[3].split(","))
        return _one_of(found[1], values, negate=found[2] == "notin")
    if found := _EQUAL.match(text):
        return _equals(found[1], found[3], negate=found[2] == "!=")
    if found := _ORDER.match(text):
        return _compares(found[1], int(found[3]), greater=found[2] == ">")
    if found := _EXISTS.match(text):
        return _present(found[2], negate=bool(found[1]))
    raise bad_request(f"unable to parse requirement: found {text!r}, expected: a label selector")


def parse_labels(selector: str) -> Predicate:
    """A predicate over labels from selector text; empty text selects everything.

    Raises:
        StatusError: 400 if the text is no selector.
    """
    wanted = [text.strip() for text in re.split(r",(?![^()]*\))", selector) if text.strip()]
    tests = [_requirement(text) for text in wanted]
    return lambda labels: all(test(labels) for test in tests)


def match_selector(selector: Obj | None, labels: Labels) -> bool:
    """Whether a workload's `selector` structure selects these labels.

    An absent selector selects nothing, an empty one everything.
    """
    if selector is None:
        return False
    wanted: Labels = part(selector, "matchLabels")
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    return all(_expression(one, labels) for one in parts(selector, "matchExpressions"))


def _expression(one: Obj, labels: Labels) -> bool:
    values = frozenset(texts(one, "values"))
    match one["operator"]:
        case "In":
            return _one_of(one["key"], values, negate=False)(labels)
        case "NotIn":
            return _one_of(one["key"], values, negate=True)(labels)
        case "Exists":
            return one["key"] in labels
        case _:
            return one["key"] not in labels


def labels_of(obj: Obj) -> Labels:
    """An object's labels; empty when it has none."""
    return part(obj["metadata"], "labels")


def _field(obj: Obj, path: str) -> str:
    *way, last = path.split(".")
    node = obj
    for step in way:
        node = part(node, step)
    value: object = node.get(last)
    if path == "source":
        return str(part(obj, "source").get("component", ""))
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)


def _unselectable(path: str, kind: Kind) -> str:
    """Word it as the API server does: differently for kinds that have fields of their own."""
    if kind.fields:
        return f"field label not supported: {path}"
    return f'"{path}" is not a known field selector: only "metadata.name", "metadata.namespace"'


def parse_fields(selector: str, *, kind: Kind) -> Callable[[Obj], bool]:
    """A predicate over objects from field selector text.

    Raises:
        StatusError: 400 if a field is not selectable for this kind.
    """
    tests: list[tuple[str, str, bool]] = []
    for text in filter(None, (text.strip() for text in selector.split(","))):
        found = re.match(r"^([\w.]+)(==|=|!=)(.*)$", text)
        if found is None:
            raise bad_request(f"invalid field selector: {selector!r}; can't understand {text!r}")
        path = found[1]
        allowed = path == "metadata.name" or (path == "metadata.namespace" and kind.namespaced)
        if not allowed and path not in kind.fields:
            raise bad_request(_unselectable(path, kind))
        tests.append((path, found[3], found[2] != "!="))
    return lambda obj: all((_field(obj, path) == value) is same for path, value, same in tests)
