"""Where Alertmanager sends an alert, read from its configuration: to somebody, or to nobody.

Only the tree of routes and the names of the receivers that notify are kept: a configuration holds
secrets, and a snapshot is stored.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping

import msgspec
import yaml

from guardrails.gates.alerts.matching import takes
from guardrails.gates.snapshot import Route, Routing, SilenceMatcher

_MATCHER = re.compile(r"""^\s*"?([^"=!~\s]+)"?\s*(=~|!~|!=|=)\s*(.*?)\s*$""", re.DOTALL)


class _Route(msgspec.Struct, frozen=True):
    receiver: str | None = None
    match: dict[str, str] | None = None
    match_re: dict[str, str] | None = None
    matchers: list[str] | None = None
    go_on: bool = msgspec.field(default=False, name="continue")
    mute_time_intervals: list[str] | None = None
    active_time_intervals: list[str] | None = None
    routes: "list[_Route] | None" = None


class _Configuration(msgspec.Struct, frozen=True):
    route: _Route
    receivers: list[dict[str, object]] | None = None


def routing_of(text: str) -> Routing | None:
    """Return what a configuration does with alerts; None when it cannot be read."""
    try:
        found = msgspec.convert(yaml.safe_load(text), _Configuration)
    except (yaml.YAMLError, msgspec.ValidationError):
        return None
    heard = [str(r.get("name", "")) for r in found.receivers or () if _notifies(r)]
    return Routing(
        root=_route(found.route, ""),
        heard=tuple(sorted(heard)),
        digest=hashlib.sha256(text.encode()).hexdigest()[:16],
    )


def _notifies(receiver: Mapping[str, object]) -> bool:
    return any(name.endswith("_configs") and value for name, value in receiver.items())


def _route(route: _Route, inherited: str) -> Route:
    receiver = route.receiver or inherited
    return Route(
        receiver=receiver,
        matchers=(
            *(SilenceMatcher(name=k, value=v) for k, v in (route.match or {}).items()),
            *(
                SilenceMatcher(name=k, value=v, is_regex=True)
                for k, v in (route.match_re or {}).items()
            ),
            *(m for text in route.matchers or () for m in matchers_in(text)),
        ),
        goes_on=route.go_on,
        intervals=(
            *(f"mute {name}" for name in route.mute_time_intervals or ()),
            *(f"active {name}" for name in route.active_time_intervals or ()),
        ),
        routes=tuple(_route(each, receiver) for each in route.routes or ()),
    )


def matchers_in(text: str) -> Iterator[SilenceMatcher]:
    """Yield the matchers of one line, such as `severity=~"page|critical"` or `{a="b", c!="d"}`."""
    for part in re.split(r""",(?=(?:[^"]*"[^"]*")*[^"]*$)""", text.strip().strip("{}")):
        found = _MATCHER.match(part)
        if found is None:
            continue
        name, operator, value = found.groups()
        if len(value) > 1 and value[0] == value[-1] == '"':
            value = value[1:-1].replace('\\"', '"')
        yield SilenceMatcher(
            name=name, value=value, is_regex="~" in operator, is_equal=not operator.startswith("!")
        )


def taken_by(route: Route, labels: Mapping[str, str]) -> list[Route]:
    """Return the routes that end up with an alert, as Alertmanager walks its tree."""
    if not all(takes(m, labels.get(m.name, "")) for m in route.matchers):
        return []
    taken: list[Route] = []
    for child in route.routes:
        below = taken_by(child, labels)
        taken += below
        if below and not child.goes_on:
            break
    return taken or [route]
