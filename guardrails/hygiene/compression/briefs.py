"""Kubernetes objects told in a few values each, for lists that do not fit otherwise.

An object's brief has its name and the distinct values of the fields that a diagnosis rests on,
wherever they stood. Objects with like briefs are told once, with all their names.
"""

from collections.abc import Iterator
from typing import Final

from guardrails.actions.tables import tokens
from guardrails.hygiene.compression.fields import GOOD_REASONS
from guardrails.hygiene.compression.jsontext import Json
from guardrails.hygiene.compression.masks import Masks

_TOLD: Final = tokens(
    "image phase reason message replicas readyReplicas availableReplicas unavailableReplicas port"
    " targetPort containerPort nodePort hostPort exitCode restartCount nodeName unschedulable"
    " clusterIP claimName storageClassName hard used maxReplicas minReplicas currentReplicas"
    " command args severity summary description state health"
)
_NESTED: Final = frozenset({"selector", "matchLabels", "hard", "used", "limits", "requests"})
"""Maps told whole."""
_FINE: Final = GOOD_REASONS | {"Running", 0, "True", True}
_MOST_VALUES: Final = 6


def is_object(value: Json) -> bool:
    """Tell whether a value is an object with a name."""
    return (
        isinstance(value, dict)
        and isinstance(meta := value.get("metadata"), dict)
        and "name" in meta
    )


def holds_objects(value: Json) -> bool:
    """Tell whether a value is a list of objects, or holds one within a few levels."""
    match value:
        case list():
            return len(value) > 1 and all(is_object(each) for each in value)
        case dict() if not is_object(value):
            return any(holds_objects(each) for each in value.values())
        case _:
            return False


def briefs(value: Json) -> Json:
    """Put briefs in the place of objects."""
    match value:
        case list() if value and all(is_object(each) for each in value):
            return _grouped([_brief(each) for each in value if isinstance(each, dict)])
        case list():
            return [briefs(each) for each in value]
        case dict() if is_object(value):
            return _brief(value)
        case dict():
            return {
                key: briefs(each)
                for key, each in value.items()
                if key not in {"kind", "apiVersion"}
            }
        case _:
            return value


def _brief(value: dict[str, Json]) -> dict[str, Json]:
    told: dict[str, list[Json]] = {}
    for key, leaf in _leaves(value):
        values = told.setdefault(key, [])
        if leaf not in values and len(values) < _MOST_VALUES:
            values.append(leaf)
    about = value.get("involvedObject") or value.get("regarding") or value.get("metadata")
    name = about.get("name") if isinstance(about, dict) else None
    return {
        "name": name,
        **{key: each[0] if len(each) == 1 else each for key, each in told.items()},
    }


def _leaves(value: Json) -> Iterator[tuple[str, Json]]:
    match value:
        case dict():
            for key, inner in value.items():
                if key in _NESTED:
                    yield key, inner
                elif isinstance(inner, dict | list) and key not in {"command", "args"}:
                    yield from _leaves(inner)
                elif key in _TOLD and not (isinstance(inner, str | int) and inner in _FINE):
                    yield key, inner
        case list():
            for each in value:
                yield from _leaves(each)
        case _:
            return


def _grouped(told: list[dict[str, Json]]) -> list[Json]:
    masks = Masks()
    groups: dict[str, list[dict[str, Json]]] = {}
    for each in told:
        rest = {key: inner for key, inner in each.items() if key != "name"}
        groups.setdefault(masks.template(repr(rest))[0], []).append(each)
    return [_group(group) for group in groups.values()]


def _group(group: list[dict[str, Json]]) -> Json:
    names = list(dict.fromkeys(str(each["name"]) for each in group))
    first = group[0]
    if len(group) == 1:
        return first
    rest = {key: inner for key, inner in first.items() if key != "name"}
    if len(names) == 1:
        return {"name": names[0], "times": len(group), **rest}
    return {"names": ", ".join(names), "times": len(group), **rest}
