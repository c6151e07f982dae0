"""Paths into objects, as people know them from kubectl: `status.conditions[type=Ready].status`.

A path is read once, when the policy is, so that a mistake in it has a line in the policy. It leads
to values, or to nothing; whether nothing is a fault is for its user to say.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

_STEP = re.compile(
    r"""
    (?:^|\.)(?P<name>[A-Za-z0-9_$-]+)             # .name
    | (?:^|\.)?\[(?P<quote>["'])(?P<quoted>.+?)(?P=quote)\]  # ["app.kubernetes.io/name"]
    | \[(?P<index>[0-9]+)\]                       # [0]
    | \[(?P<all>\*)\]                             # [*]
    | \[(?P<key>[A-Za-z0-9_.-]+)=(?P<value>[^\[\]]+)\]  # [type=Ready]
    """,
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of a path; exactly one of the four is set."""

    name: str | None = None
    """A key of a mapping."""
    index: int | None = None
    """A place in a list."""
    where: tuple[str, str] | None = None
    """The entries of a list whose key has a value."""
    every: bool = False
    """All entries of a list."""


def parse_path(text: str) -> tuple[Step, ...]:
    """Read a path.

    Raises:
        ValueError: It is empty or not a path; the message says from where on.

    >>> [step.name or step.where for step in parse_path("status.conditions[type=Ready].status")]
    ['status', 'conditions', ('type', 'Ready'), 'status']
    """
    steps: list[Step] = []
    at = 0
    while at < len(text):
        found = _STEP.match(text, at) if at == 0 or text[at] in ".[" else None
        if found is None:
            raise ValueError(
                f"{text!r} is no path from {text[at:]!r} on; write it like spec.replicas, "
                f"status.conditions[type=Ready].status or metadata.labels['a.b/c']"
            )
        steps.append(_step(found))
        at = found.end()
    if not steps:
        raise ValueError("the path is empty; write it like spec.replicas")
    return tuple(steps)


def values_at(item: object, path: Sequence[Step]) -> tuple[object, ...]:
    """Return what a path leads to in decoded JSON; null leads to nothing.

    >>> values_at({"ports": [{"port": 80}, {"port": 81}]}, parse_path("ports[*].port"))
    (80, 81)
    """
    reached: list[object] = [item]
    for step in path:
        reached = [inner for outer in reached for inner in _walk(outer, step)]
    return tuple(value for value in reached if value is not None)


def _step(found: re.Match[str]) -> Step:
    parts = found.groupdict()
    name = parts["name"] or parts["quoted"]
    if name:
        return Step(name=name)
    if parts["index"]:
        return Step(index=int(parts["index"]))
    if parts["key"]:
        return Step(where=(parts["key"], parts["value"].strip("\"'")))
    return Step(every=True)


def _walk(value: object, step: Step) -> Iterator[object]:
    match value:
        case dict():
            found = cast("Mapping[str, object]", value)
            if step.name is not None and step.name in found:
                yield found[step.name]
        case list():
            yield from _entries(cast("list[object]", value), step)
        case _:
            return


def _entries(rows: Sequence[object], step: Step) -> Iterator[object]:
    if step.every:
        yield from rows
    elif step.index is not None:
        yield from rows[step.index : step.index + 1]
    elif step.where is not None:
        key, wanted = step.where
        for row in rows:
            # A key of the filter may be a path of its own: [metadata.name=x].
            inner: object = row
            for part in key.split("."):
                inner = (
                    cast("dict[str, object]", inner).get(part) if isinstance(inner, dict) else None
                )
            if inner is not None and _text(inner) == wanted:
                yield row


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
