"""Questions to the ledger: what is known of an object, what stands, what is wrong, in few words."""

import re
from collections.abc import Iterable, Iterator, Sequence

from guardrails.actions.facts.fact import ALERT, METRIC, VALUE_LIMIT, Fact, Place, Seen, place_of
from guardrails.actions.facts.ledger import Ledger, Looks
from guardrails.actions.facts.wrongs import WRONG, gravities, gravity


def everything(ledger: Ledger) -> tuple[Fact, ...]:
    """Return every fact, those of the object seen last at the end."""
    return tuple(fact for key, looks in ledger.items() for fact in _facts(key, looks))


def standing(ledger: Ledger) -> tuple[Fact, ...]:
    """Return the facts that nothing was changed since, those seen last at the end."""
    return tuple(
        fact
        for key, looks in ledger.items()
        for fact in _facts(key, [look for look in looks if not look.changed_since])
    )


def about(ledger: Ledger, name: str) -> tuple[Fact, ...]:
    """Return the facts of the objects of one name, of every kind and in every namespace.

    An alert is about what its labels name, so `web-1` finds `KubePodNotReady{pod=web-1}` too.
    """
    return tuple(
        fact
        for key, looks in ledger.items()
        if name in key and _is_called(place_of(key), name)
        for fact in _facts(key, looks)
    )


def knows(ledger: Ledger, *, name: str, kind: str = "", namespace: str = "") -> bool:
    """Tell whether a tool showed such an object, gone or not; empty fields fit any.

    >>> knows(Ledger(), kind="pod", name="web-1")
    False
    """
    if kind and namespace and f"{kind}/{namespace}/{name}" in ledger:
        return True
    return any(
        _is_called(place, name)
        and _open_or_same(kind, place.kind)
        and _open_or_same(namespace, place.namespace)
        for key, _ in ledger.items()
        if name in key
        for place in (place_of(key),)
    )


def seen_as(ledger: Ledger, name: str, *, namespace: str = "") -> str:
    """Tell how an object, or what it made, looked to the agent: the worst that is newest.

    Args:
        ledger: What tools said.
        name: The object's, of any kind; a workload is seen by its pods.
        namespace: Where; empty fits any.

    Returns:
        `CrashLoopBackOff at step 4 (pod web-1)`, `well at step 4`, or nothing if no tool said how
        it is.
    """
    last = 0
    for key, looks in _latest(ledger):
        place = place_of(key)
        if not _open_or_same(namespace, place.namespace) or not _is_of(place, name):
            continue
        worst = _worst(place, looks)
        if worst is not None:
            who = "" if place.name == name else f" ({place.kind} {place.name})"
            return f"{_told(worst)} at step {worst.step}{who}"
        told = [look.step for look in looks if _HEALTH.intersection(look.what)]
        last = max([last, *told])
    return f"well at step {last}" if last else ""


def _worst(place: Place, looks: Sequence[Seen]) -> Fact | None:
    """Return what most tells that an object was not well, doubted since or not."""
    found = [
        _fact(place, look, what, value)
        for look in looks
        for what, value, weight in zip(
            look.what, look.value, gravities(look.what, look.value), strict=False
        )
        if weight == WRONG
    ]
    return max(found, key=lambda fact: (fact.what in _BARE, fact.step), default=None)


_HEALTH = frozenset({"status", "ready"})
_MADE = re.compile(
    r"-(?:\d+|(?:[bcdfghjklmnpqrstvwxz2456789]{4,10}-)?[bcdfghjklmnpqrstvwxz2456789]{5})"
)
"""What controllers append to their own names; Kubernetes leaves out vowels and what looks like
them."""


def _is_of(place: Place, name: str) -> bool:
    if place.kind in {ALERT, METRIC}:
        return False
    rest = place.name.removeprefix(name)
    return not rest or (rest != place.name and _MADE.fullmatch(rest) is not None)


def wrong(ledger: Ledger) -> tuple[Fact, ...]:
    """Return the standing facts that say that something is wrong, newest first.

    Where one call named a namespace and a later one did not, the later one speaks for the object.
    """
    latest = _latest(ledger)
    left_open = {_bare(key) for key, _ in latest if "//" in key}
    items = _once(latest, left_open) if left_open else latest
    return tuple(fact for key, looks in items for fact in _wrong_of(key, looks))


def _latest(ledger: Ledger) -> list[tuple[str, Looks]]:
    """Return the objects, the one seen last first."""
    items = ledger.items()
    items.reverse()
    items.sort(key=_last_step, reverse=True)
    return items


def _last_step(item: tuple[str, Looks]) -> int:
    return item[1][-1].step


def _once(
    items: Iterable[tuple[str, Looks]], bare: set[tuple[str, str]]
) -> Iterator[tuple[str, Looks]]:
    """Leave out what an earlier one names too, namespace aside, of those that may be the same."""
    told: set[tuple[str, str]] = set()
    for item in items:
        name = _bare(item[0])
        if name not in bare:
            yield item
        elif name not in told:
            told.add(name)
            yield item


def _bare(key: str) -> tuple[str, str]:
    kind, _, name = key.split("/", 2)
    return kind, name


def brief(facts: Iterable[Fact], *, room: int) -> str:
    """Tell facts in few words: a line for each object, the most telling first.

    Args:
        facts: In any order, such as `wrong` gives them.
        room: Most characters of the result.

    Returns:
        Whole lines only; the last one counts the objects that found no room.

    >>> fact = Fact(kind="pod", namespace="shop", name="web-1", what="ready", value="0/1", step=4)
    >>> brief([fact], room=80)
    'pod shop/web-1: ready 0/1 (step 4)'
    """
    grouped: dict[Place, list[Fact]] = {}
    for fact in facts:
        grouped.setdefault(Place(fact.kind, fact.namespace, fact.name), []).append(fact)
    ranked = sorted(grouped.values(), key=lambda group: -max(map(_weight, group)))
    return _within([_line(group) for group in ranked], room)


def _facts(key: str, looks: Sequence[Seen]) -> Iterator[Fact]:
    place = place_of(key)
    for look in looks:
        for what, value in zip(look.what, look.value, strict=False):
            if value and (value != "<none>" or what == "endpoints"):
                yield _fact(place, look, what, value)


def _wrong_of(key: str, looks: Looks) -> Iterator[Fact]:
    for look in reversed(looks):
        heavy = () if look.changed_since else gravities(look.what, look.value)
        if any(heavy):
            place = place_of(key)
            for what, value, weight in zip(look.what, look.value, heavy, strict=False):
                if weight:
                    yield _fact(place, look, what, value)


def _fact(place: Place, look: Seen, what: str, value: str) -> Fact:
    return Fact(
        kind=place.kind,
        namespace=place.namespace,
        name=place.name,
        what=what,
        value=value[:VALUE_LIMIT],
        step=look.step,
        at=look.at,
        call_id=look.call_id,
        changed_since=look.changed_since,
    )


def _is_called(place: Place, name: str) -> bool:
    if place.name == name:
        return True
    base, brace, labels = place.name.partition("{")
    told = labels.rstrip("}").split(",")
    return bool(brace) and (base == name or any(each.partition("=")[2] == name for each in told))


def _open_or_same(asked: str, found: str) -> bool:
    return not asked or not found or asked == found


def _weight(fact: Fact) -> int:
    return gravity(fact.what, fact.value)


_BARE = frozenset({"status", "reason", "alert-state"})
"""What needs no word before its value."""


def _told(fact: Fact) -> str:
    return fact.value if fact.what in _BARE else f"{fact.what} {fact.value}"


def _line(group: Sequence[Fact]) -> str:
    first = group[0]
    name = f"{first.namespace}/{first.name}" if first.namespace else first.name
    ordered = sorted(group, key=lambda fact: (-_weight(fact), fact.what not in _BARE))
    told = dict.fromkeys(map(_told, ordered))
    step = max(fact.step for fact in group)
    doubt = "" if all(fact.certain for fact in group) else ", changed since"
    line = f"{first.kind} {name}: {', '.join(told)} (step {step}{doubt})".strip()
    return "".join(c if c.isprintable() else " " for c in line)


def _within(lines: Sequence[str], room: int) -> str:
    """Take lines while they fit, with room for the count of the others."""
    shown: list[str] = []
    for at, line in enumerate(lines):
        rest = len(lines) - at - 1
        more = len(_MORE.format(rest)) + 1 if rest else 0
        if len(line) + more > room:
            break
        shown.append(line)
        room -= len(line) + 1
    rest = len(lines) - len(shown)
    if rest and shown:
        shown.append(_MORE.format(rest))
    return "\n".join(shown)


_MORE = "… and {} more"
