"""What a peer gate is shown: raw object lists and alerts of one namespace, look after look.

Peers were written against the API's JSON, so they are judged on it, undecoded. Field access is by
path and forgives what is absent, as the clients of those tools do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

Thing = Mapping[str, Any]
"""One API object, or a part of one."""

WORKLOADS = {
    "deployments": "Deployment",
    "statefulsets": "StatefulSet",
    "daemonsets": "DaemonSet",
    "jobs": "Job",
    "cronjobs": "CronJob",
}
"""Kinds that people apply to run pods, by the plural that lists are kept under."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A namespace at one instant."""

    at: float
    """Seconds; only differences mean something."""
    lists: Mapping[str, Sequence[Thing]]
    """By plural, for example `deployments`."""
    alerts: Sequence[Thing] | None = ()
    """As Prometheus lists them; `None` when it could not be asked."""

    def of(self, plural: str) -> Sequence[Thing]:
        """Return a list; one that was not read is empty, which is how these tools see it."""
        return self.lists.get(plural, ())

    def named(self, plural: str, name: str) -> Thing | None:
        """Return one object, or nothing."""
        return next((each for each in self.of(plural) if name_of(each) == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a peer judges."""

    now: World
    before: World
    """The healthy namespace; tools that capture a baseline capture this one."""
    since: Sequence[World] = field(default=())
    """Every look since the claim, oldest first, `now` included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a peer says at one look."""

    accepts: bool
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """One tool."""

    name: str
    source: str
    """Where its rules are published."""
    judge: Callable[[View], Answer]


def yes(said: str) -> Answer:
    """Accept."""
    return Answer(accepts=True, said=said)


def no(said: str) -> Answer:
    """Do not accept (yet)."""
    return Answer(accepts=False, said=said)


def dig(thing: Thing | None, *path: str) -> Any:
    """Return what is at a path, or `None`."""
    found: Any = thing
    for step in path:
        if not isinstance(found, Mapping):
            return None
        found = cast("Thing", found).get(step)
    return found


def number(thing: Thing | None, *path: str, absent: int = 0) -> int:
    """Return a count; the API leaves out those that are zero."""
    found = dig(thing, *path)
    return found if isinstance(found, int) else absent


def each(thing: Thing | None, *path: str) -> list[Thing]:
    """Return a list of parts; null and absent are empty."""
    return list(dig(thing, *path) or ())


def name_of(thing: Thing) -> str:
    """Return an object's name."""
    return str(dig(thing, "metadata", "name") or "")


def condition(thing: Thing, kind: str) -> Thing | None:
    """Return a condition by its type; their order varies between states."""
    return next((c for c in each(thing, "status", "conditions") if c.get("type") == kind), None)


def holds(thing: Thing, kind: str, status: str = "True") -> bool:
    """Tell whether a condition has a status."""
    return dig(condition(thing, kind), "status") == status


def observed(thing: Thing) -> bool:
    """Tell whether the controller has seen the newest spec."""
    return number(thing, "status", "observedGeneration") >= number(thing, "metadata", "generation")


def replicas(thing: Thing) -> int:
    """Return the replicas asked for; absent means one."""
    return number(thing, "spec", "replicas", absent=1)


def owned_by(world: World, plural: str, owner: Thing) -> list[Thing]:
    """Return the objects that an object controls."""
    uid = dig(owner, "metadata", "uid")
    return [
        one
        for one in world.of(plural)
        if any(
            ref.get("uid") == uid and ref.get("controller")
            for ref in each(one, "metadata", "ownerReferences")
        )
    ]


def applied(view: View) -> list[tuple[str, str, Thing | None]]:
    """Return the workloads that were rolled out, with what they are now: kind, name, object.

    A tool that waits for a rollout is told what was applied: the workloads of the healthy
    namespace. Of other kinds it sees what is there (a deleted Service is not missed).
    """
    return [
        (plural, name_of(one), view.now.named(plural, name_of(one)))
        for plural in WORKLOADS
        for one in view.before.of(plural)
        if not each(one, "metadata", "ownerReferences")
    ]
