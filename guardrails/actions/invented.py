"""Names that a call uses and nobody ever gave: no tool returned them, and no task named them.

A change to such a name is at best an error and at worst hits something else; a read of one is
harmless (`NotFound`), so that reads are told apart.
"""

import re
from collections.abc import Collection, Iterable, Iterator

from guardrails.actions.changes import changed_targets, objects_of
from guardrails.core.toolaction import Effect, Target, ToolAction

_NAME = re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
_SHORTEST = 2
"""Characters. Names of one letter are not remembered, and so cannot be missed."""
_ALWAYS_THERE = frozenset(
    {"default", "kube-system", "kube-public", "kube-node-lease", "kubernetes", "kube-root-ca.crt"}
)
"""Every cluster has them."""
_OF_A_WORKLOAD = re.compile(r"-[a-z0-9]{1,10}(?:-[a-z0-9]{1,10})?")
"""What controllers append to their names: an ordinal, or a hash and five letters."""
_GENERATED = re.compile(r"(?!v\d+$)[a-z0-9]*\d[a-z0-9]*|[bcdfghjklmnpqrstvwxz]{5,10}")
"""A segment with a digit (`v2` is a version), or without vowels: Kubernetes picks its letters from
`bcdfghjklmnpqrstvwxz2456789`."""


def invented_targets(
    action: ToolAction, *, known: Collection[str], said: str
) -> tuple[Target, ...]:
    """Return what a call would change by a name that nothing and nobody gave.

    Args:
        action: What the call means. What it makes itself is not invented.
        known: Names that tools returned, in lower case. A workload is known by a pod of it
            (`checkout` by `checkout-7d4b9-x2x`); a pod only by its whole name.
        said: Text of the incident and of people, which may speak of `the product catalog`.

    >>> from guardrails.actions.classify import classify
    >>> action = classify("kubectl", '{"command": "kubectl delete pod web-1 web-2 -n shop"}')
    >>> [target.name for target in invented_targets(action, known={"web-1"}, said="")]
    ['web-2']
    """
    return _unknown(changed_targets(action), known=known, said=said)


def invented_reads(action: ToolAction, *, known: Collection[str], said: str) -> tuple[Target, ...]:
    """Return what a call would read by a name that nothing and nobody gave."""
    read = (
        target
        for operation in action.operations
        if operation.effect is Effect.READ
        for target in objects_of(operation)
    )
    return _unknown(dict.fromkeys(read), known=known, said=said)


def _unknown(targets: Iterable[Target], *, known: Collection[str], said: str) -> tuple[Target, ...]:
    fresh = [target for target in targets if _can_be_missed(target.name.lower())]
    fresh = [target for target in fresh if target.name.lower() not in known]
    if not fresh:
        return ()
    told = said.lower()
    words = frozenset(_NAME.findall(told))

    def is_given(name: str) -> bool:
        if name in known or _is_said(name, told, words):
            return True
        return any(each.startswith(name) and _is_of(each, name) for each in _all(known, words))

    return tuple(
        target
        for target in fresh
        if not is_given(target.name.lower())
        and not all(is_given(label) for label in _place(target.name.lower()))
    )


def _can_be_missed(name: str) -> bool:
    """Tell whether a name is one that a tool would have shown as it is."""
    usual = name in _ALWAYS_THERE or len(name) < _SHORTEST
    return not usual and _NAME.fullmatch(name) is not None


def _place(name: str) -> list[str]:
    """Split `web.shop.svc.cluster.local` into `web` and `shop`, which may be known apart."""
    object_, dot, place = name.partition(".")
    return [object_, place.partition(".")[0]] if dot else [name]


def _is_said(name: str, told: str, words: frozenset[str]) -> bool:
    """Tell whether people spoke of it, `product-catalog` as `product catalog` perhaps."""
    return name in words or ("-" in name and name.replace("-", " ") in told)


def _all(known: Collection[str], words: frozenset[str]) -> Iterator[str]:
    yield from words
    yield from known


def _is_of(seen: str, name: str) -> bool:
    """Tell whether a longer name that was seen is of this workload, or its name in DNS."""
    rest = seen[len(name) :]
    if rest.startswith("."):
        return True
    return _OF_A_WORKLOAD.fullmatch(rest) is not None and all(
        _GENERATED.fullmatch(part) for part in rest[1:].split("-")
    )
