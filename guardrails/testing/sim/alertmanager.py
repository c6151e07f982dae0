"""The simulated Alertmanager: alerts with an end, silences, inhibition, a restart that forgets."""

import hashlib
import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

import yaml

from guardrails.core.clock import Clock
from guardrails.testing.sim.kinds import Obj, part, parts
from guardrails.testing.sim.stamps import to_seconds, to_text
from guardrails.testing.sim.tsdb import Matcher, Operator

RESOLVE_AFTER = 300.0
"""Seconds until an alert that came without an end resolves: Alertmanager's resolve_timeout."""
DEFAULT_CONFIG = """\
global:
  resolve_timeout: 5m
route:
  receiver: default
  group_by: [alertname]
receivers:
- name: default
"""
_MATCHER = re.compile(r'^\s*([A-Za-z_][\w:]*)\s*(=~|!~|!=|=)\s*"?((?:[^"\\]|\\.)*?)"?\s*$')


class AlertmanagerError(Exception):
    """A request that Alertmanager refuses with 400; its body is the message."""


def parse_matcher(text: str) -> Matcher:
    """A matcher such as `severity=~"warning|critical"`.

    Raises:
        AlertmanagerError: If it is none.
    """
    found = _MATCHER.match(text)
    if found is None:
        raise AlertmanagerError(f"bad matcher format: {text}")
    operators: dict[str, Operator] = {"=": "=", "!=": "!=", "=~": "=~", "!~": "!~"}
    return _sound(Matcher(name=found[1], operator=operators[found[2]], value=found[3]))


def _sound(matcher: Matcher) -> Matcher:
    try:
        re.compile(matcher.value)
    except re.error as error:
        if "~" in matcher.operator:
            raise AlertmanagerError(f"error parsing regexp: {error}: {matcher.value}") from None
    return matcher


@dataclass(slots=True, kw_only=True)
class StoredAlert:
    """One alert as Alertmanager keeps it."""

    labels: dict[str, str]
    annotations: dict[str, str]
    starts_at: float
    ends_at: float
    updated_at: float
    generator: str

    @property
    def fingerprint(self) -> str:
        """16 hex digits that depend on the labels only."""
        text = "\xff".join(f"{name}\xff{value}" for name, value in sorted(self.labels.items()))
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(slots=True, kw_only=True)
class Silence:
    """One silence."""

    id: str
    matchers: list[Obj]
    starts_at: float
    ends_at: float
    updated_at: float
    created_by: str
    comment: str

    def state(self, at: float) -> Literal["pending", "active", "expired"]:
        """Where it stands."""
        if at >= self.ends_at:
            return "expired"
        return "active" if at >= self.starts_at else "pending"

    def covers(self, labels: dict[str, str]) -> bool:
        """Whether every matcher fits these labels."""
        return all(_silence_matcher(one).matches(labels) for one in self.matchers)


def _silence_matcher(one: Obj) -> Matcher:
    equal, regex = one.get("isEqual", True), one.get("isRegex", False)
    operator: Operator = ("=~" if regex else "=") if equal else ("!~" if regex else "!=")
    return Matcher(name=one["name"], operator=operator, value=one["value"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Inhibition:
    """One inhibit rule."""

    source: list[Matcher]
    target: list[Matcher]
    equal: list[str] = field(default_factory=list[str])

    def mutes(self, source: dict[str, str], target: dict[str, str]) -> bool:
        """Whether an alert with the source labels mutes one with the target labels."""
        return (
            all(one.matches(source) for one in self.source)
            and all(one.matches(target) for one in self.target)
            and all(source.get(name, "") == target.get(name, "") for name in self.equal)
        )


class Alertmanager:
    """One Alertmanager. Its own lock guards it: Prometheus and HTTP callers use it at once."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.lock = threading.RLock()
        self.config = DEFAULT_CONFIG
        self.started_at = self.now()
        self.silences: dict[str, Silence] = {}
        self._alerts: dict[str, StoredAlert] = {}
        self._inhibitions: list[Inhibition] = []
        self._issued = 0

    def now(self) -> float:
        """Seconds since the epoch."""
        return self.clock.now().timestamp()

    def configure(self, text: str) -> None:
        """Load a configuration; `inhibit_rules` and the route's `group_by` take effect.

        Raises:
            AlertmanagerError: If a matcher is malformed.
        """
        loaded: Obj = yaml.safe_load(text)
        inhibitions = [
            Inhibition(
                source=[parse_matcher(one) for one in rule.get("source_matchers", ())],
                target=[parse_matcher(one) for one in rule.get("target_matchers", ())],
                equal=list(rule.get("equal", ())),
            )
            for rule in parts(loaded, "inhibit_rules")
        ]
        with self.lock:
            self.config, self._inhibitions = text, inhibitions

    def restart(self) -> None:
        """Forget the alerts; silences and configuration stay, as they are on disk."""
        with self.lock:
            self._alerts.clear()
            self.started_at = self.now()

    # Alerts

    def receive(self, alerts: Sequence[Obj]) -> None:
        """Take alerts in.

        Raises:
            AlertmanagerError: For an alert without labels or that ends before it starts.
        """
        with self.lock:
            for one in [self._read(alert) for alert in alerts]:
                old = self._alerts.get(one.fingerprint)
                if old is not None and old.ends_at > one.starts_at:
                    # The same alert goes on: it keeps its first start.
                    one.starts_at = min(old.starts_at, one.starts_at)
                self._alerts[one.fingerprint] = one

    def _read(self, alert: Obj) -> StoredAlert:
        labels = {name: value for name, value in part(alert, "labels").items() if value}
        if not labels:
            raise AlertmanagerError("invalid label set: at least one label pair required")
        at = self.now()
        ends = to_seconds(alert["endsAt"]) if alert.get("endsAt") else at + RESOLVE_AFTER
        starts = to_seconds(alert["startsAt"]) if alert.get("startsAt") else min(at, ends)
        if starts > ends:
            raise AlertmanagerError("start time must be before end time")
        return StoredAlert(
            labels=labels,
            annotations=dict(part(alert, "annotations")),
            starts_at=starts,
            ends_at=ends,
            updated_at=at,
            generator=alert.get("generatorURL", ""),
        )

    def alerts(self) -> list[Obj]:
        """Unresolved alerts with their status, in the API's shape."""
        with self.lock:
            at = self.now()
            live = [one for one in self._alerts.values() if one.ends_at > at]
            return [self._show(one, live, at) for one in live]

    def _show(self, alert: StoredAlert, live: list[StoredAlert], at: float) -> Obj:
        silenced = [
            one.id
            for one in self.silences.values()
            if one.state(at) == "active" and one.covers(alert.labels)
        ]
        inhibited = [
            source.fingerprint
            for source in live
            for rule in self._inhibitions
            if source is not alert and rule.mutes(source.labels, alert.labels)
        ]
        return {
            "annotations": alert.annotations,
            "endsAt": to_text(alert.ends_at),
            "fingerprint": alert.fingerprint,
            "receivers": [{"name": self.receiver()}],
            "startsAt": to_text(alert.starts_at),
            "status": {
                "inhibitedBy": sorted(set(inhibited)),
                "mutedBy": [],
                "silencedBy": silenced,
                "state": "suppressed" if silenced or inhibited else "active",
            },
            "updatedAt": to_text(alert.updated_at),
            "generatorURL": alert.generator,
            "labels": alert.labels,
        }

    def _route(self) -> Obj:
        loaded: Obj | None = yaml.safe_load(self.config)
        return part(loaded or {}, "route")

    def receiver(self) -> str:
        """The root route's receiver."""
        return str(self._route().get("receiver", "default"))

    def group_by(self) -> list[str]:
        """The root route's grouping labels."""
        return list(self._route().get("group_by") or ())

    # Silences

    def silence(self, asked: Obj) -> str:
        """Create or update a silence; its id.

        Raises:
            AlertmanagerError: If it makes no sense.
        """
        matchers: list[Obj] = parts(asked, "matchers")
        if not matchers:
            raise AlertmanagerError("silence invalid: at least one matcher required")
        for one in matchers:
            _sound(_silence_matcher(one))
        starts, ends = to_seconds(asked["startsAt"]), to_seconds(asked["endsAt"])
        at = self.now()
        if ends <= starts:
            raise AlertmanagerError("silence invalid: end time must not be before start time")
        if ends < at:
            raise AlertmanagerError("failed to create silence: end time can't be in the past")
        with self.lock:
            known = self.silences.get(asked.get("id", ""))
            if asked.get("id") and known is None:
                raise AlertmanagerError("silence not found")
            if known is None or known.state(at) == "expired" or known.matchers != matchers:
                self._issued += 1
                name = str(UUID(int=self._issued, version=4))
                if known is not None:
                    self.expire(known.id)
            else:
                name = known.id
            self.silences[name] = Silence(
                id=name,
                matchers=matchers,
                starts_at=max(starts, at),
                ends_at=ends,
                updated_at=at,
                created_by=asked.get("createdBy", ""),
                comment=asked.get("comment", ""),
            )
            return name

    def expire(self, name: str) -> bool:
        """End a silence now; false if there is none."""
        with self.lock:
            known = self.silences.get(name)
            if known is None:
                return False
            at = self.now()
            known.ends_at = min(known.ends_at, at)
            known.starts_at = min(known.starts_at, at)
            known.updated_at = at
            return True

    def show_silence(self, one: Silence) -> Obj:
        """A silence in the API's shape."""
        return {
            "id": one.id,
            "status": {"state": one.state(self.now())},
            "updatedAt": to_text(one.updated_at),
            "comment": one.comment,
            "createdBy": one.created_by,
            "startsAt": to_text(one.starts_at),
            "endsAt": to_text(one.ends_at),
            "matchers": [{"isEqual": True, "isRegex": False, **item} for item in one.matchers],
        }
