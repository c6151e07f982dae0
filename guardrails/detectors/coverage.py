"""Which objects a run looked at, and by which kinds of evidence.

A conclusion is held against this. Doubt is resolved for the agent: a list of objects that shows a
name counts as a look at it, and so does a call that nobody can read.
"""

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Final

from guardrails.actions.conclusions import names_in
from guardrails.actions.evidence import EvidenceKind
from guardrails.actions.sentences import Sentences, read
from guardrails.core.toolaction import Effect, Target
from guardrails.detectors.look import HEAD, Came, Look
from guardrails.detectors.scene import Scene

_OF_POD = re.compile(
    r"-(?:[a-z0-9]{6,10}-)?[bcdfghjklmnpqrstvwxz2456789]{5}$|-[a-f0-9]{8,10}$"
    r"|-\d{1,3}$"
)
"""What controllers append: a template's hash and five letters (apimachinery's `rand.String`), or
an ordinal."""

SHALLOW: Final = frozenset({"service", "endpoints", "endpointslice", "ingress", "configmap"})
"""Objects that say where traffic shall go; none says how the process behind them is."""


_WORDS = (
    *("-level", "-side", "-based", "-related", "-specific", "-wide", "-only", "-time", "-like"),
    *("-handling", "-check", "-end", "-up", "-out", "-off", "-in", "-to", "-term", "-free"),
)
"""How compounds end that are no names: `node-level`, `client-side`, `error-handling`."""


@lru_cache(maxsize=512)
def workload_of(name: str) -> str:
    """Return the name of the workload that a pod, or a replica set, belongs to.

    >>> workload_of("checkout-7d4b9c6f8d-x2xkq"), workload_of("checkout")
    ('checkout', 'checkout')
    """
    return _OF_POD.sub("", name.lower())


def answered(look: Look) -> bool:
    """Tell whether a call showed something of the world.

    A command that fails with much output has shown that: of two, one may have failed.
    """
    if look.came is Came.SOMETHING:
        return True
    return look.came in {Came.FAILED, Came.MISSING} and look.size > 2 * HEAD


@dataclass(frozen=True, kw_only=True)
class Coverage:
    """What the looks of a run cover, for one conclusion.

    A conclusion asks for many names. So the looks are indexed by name when it asks first, which
    most reports never do.
    """

    scene: Scene

    def covering(self, name: str, *, lists: bool = True) -> tuple[Look, ...]:
        """Return the calls that looked at an object, or at a workload's pods, and got an answer.

        Args:
            name: The object.
            lists: Whether a list that shows the name counts. It shows whether pods run, and
                nothing of what their templates set.
        """
        wanted = workload_of(name)
        found = self._places(wanted)
        if lists:
            found = found | {at for at, text in self._lists if wanted in text}
        looks = self._in_order(found)
        return tuple(
            [look for look in looks if look.effect is not Effect.FINISH and answered(look)]
        )

    def asked_for(self, name: str) -> tuple[Look, ...]:
        """Return the calls that name an object, whatever came back."""
        return self._in_order(self._places(workload_of(name)))

    def known(self, words: str, *, besides: str | None = None) -> tuple[str, ...]:
        """Return the words of a text that are names of objects which occurred in the run.

        A word counts if a call was made on it, or if it is compound and a tool showed it or a plan
        names it: plain words of a sentence occur in every result.

        Args:
            words: The text.
            besides: Another text, which has to hold the workload's name as well.
        """
        namespaces, targets = self.namespaces, self._targets
        found: list[str] = []
        for name in names_in(words):
            joined = "-" in name
            workload = workload_of(name) if joined else name
            called = workload in targets
            compound = called or (joined and not name.endswith(_WORDS))
            # What costs most is asked last: a long text has hundreds of words.
            if not compound or name in namespaces:
                continue
            if besides is not None and workload not in besides:
                continue
            if called or any(_stands_in(text, name) for text in self._texts):
                found.append(name)
        return tuple(found)

    @cached_property
    def results(self) -> tuple[Sentences, ...]:
        """What tools returned, oldest first."""
        return tuple([read(one.text) for one in self.scene.shown])

    @cached_property
    def namespaces(self) -> frozenset[str]:
        """The namespaces that calls were made in, and those of the incident."""
        called = {target.namespace for targets in self._touched for target in targets}
        if self.scene.incident is not None:
            called.update(self.scene.incident.namespaces)
        return frozenset(called)

    @cached_property
    def _touched(self) -> tuple[tuple[Target, ...], ...]:
        """What each look touched."""
        return tuple([look.targets for look in self.scene.looks])

    @cached_property
    def _named(self) -> dict[str, set[int]]:
        """Places of the looks, by what they may be called to look at."""
        found: dict[str, set[int]] = {}
        for at, targets in enumerate(self._touched):
            for target in targets:
                for name in _names_of(target.name):
                    found.setdefault(name, set()).add(at)
        return found

    @cached_property
    def _selected(self) -> tuple[tuple[int, str], ...]:
        """Places of the looks that select by labels, with what they select."""
        return tuple(
            (at, target.selector.lower())
            for at, targets in enumerate(self._touched)
            for target in targets
            if target.selector
        )

    @cached_property
    def _lists(self) -> tuple[tuple[int, str], ...]:
        """Places of the looks that name no object, with the results that may show any."""
        shown = {one.seq: one.text for one in self.scene.shown}
        return tuple(
            (at, shown[look.seq])
            for at, look in enumerate(self.scene.looks)
            if look.seq in shown
            and (not look.facets or look.facets[0] in _ANY_OBJECT)
            and not any(target.name for target in self._touched[at])
        )

    @cached_property
    def _texts(self) -> tuple[str, ...]:
        """Results and steps of the plan, in which a name may occur."""
        return tuple(one.text for one in (*self.scene.shown, *self.scene.plan))

    @cached_property
    def _targets(self) -> frozenset[str]:
        """Workloads that calls were made on."""
        return frozenset(
            workload_of(part)
            for targets in self._touched
            for target in targets
            for part in (target.name, target.name.rpartition("/")[2])
            if part
        )

    def _places(self, wanted: str) -> AbstractSet[int]:
        """Return the places of the looks that name a workload."""
        named = self._named.get(wanted, _NOWHERE)
        selected = [at for at, selector in self._selected if wanted in selector]
        return named.union(selected) if selected else named

    def _in_order(self, places: Iterable[int]) -> tuple[Look, ...]:
        looks = self.scene.looks
        return tuple([looks[at] for at in sorted(places)])


_NOWHERE: Final = frozenset[int]()
_ANY_OBJECT: Final = frozenset({EvidenceKind.OBJECTS, EvidenceKind.OTHER})
"""Facets of calls whose result may be a list of objects."""


@lru_cache(maxsize=1024)
def _names_of(written: str) -> tuple[str, ...]:
    """Return what a target may be called, as it is written in a call.

    Its own name, and the parts of what is longer than a name: a query, an address,
    `web.shop.svc`, `web -n shop`. Runs touch the same few objects over and over.
    """
    name = written.lower()
    own = workload_of(name.rpartition("/")[2])
    if not any(char in name for char in " ./{=:,"):
        return (own,)
    parts = [workload_of(part) for part in re.split(r"[^a-z0-9-]+", name) if part]
    return tuple(dict.fromkeys((own, *parts)))


def _stands_in(text: str, name: str) -> bool:
    r"""Tell whether a text holds a name, and not only as a part of another.

    As a search for `(?<![\w-])name(?![\w-]*[a-z]{3})` would, which has to try every place.
    """
    at = text.find(name)
    while at >= 0:
        before = text[at - 1 : at] if at else ""
        within = before in {"_", "-"} or before.isalnum()
        if not within and _GOES_ON.match(text, at + len(name)) is None:
            return True
        at = text.find(name, at + 1)
    return False


_GOES_ON: Final = re.compile(r"[\w-]*[a-z]{3}")
