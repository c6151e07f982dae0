"""How the ledger is filled: a later read supersedes, and a change puts in doubt.

Every function returns a new ledger, so that the engine's fold stays pure. One entry holds what
several calls said of one object, each with the time it was said.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Final

from guardrails.actions.facts.asked import Whole, asks, whole_list
from guardrails.actions.facts.extract import READ_LIMIT, facts_in, unwrapped
from guardrails.actions.facts.fact import GONE, NO_CALL, STATUS, Seen, Shown
from guardrails.actions.facts.ledger import Ledger, Looks, group_of
from guardrails.actions.facts.touching import touched_by
from guardrails.actions.facts.wrongs import gravities
from guardrails.core.ids import CallId
from guardrails.core.toolaction import ToolAction

OBJECTS_LIMIT: Final = 512
"""Most objects kept, about 200 kB at rest. What is well and was seen longest ago goes first: a list
of a large cluster must not push out the one pod that fails."""
LOOKS_LIMIT: Final = 6
"""Most calls remembered for one object: table, describe, events and the object itself fit."""


def noted(  # who called, when, and what came back
    ledger: Ledger,
    action: ToolAction,
    text: str,
    *,
    step: int,
    at: datetime | None = None,
    call_id: CallId = NO_CALL,
) -> Ledger:
    """Return the ledger with what a call returned.

    A later word on the same thing takes the place of the earlier one. An object that a whole list
    no longer shows is `gone`.

    Args:
        ledger: The ledger before.
        action: What the call meant, whole or as `asked.followed` keeps it.
        text: What it returned; at most 16,000 characters are read.
        step: The model's turn.
        at: When it returned.
        call_id: The call.
    """
    asked = asks(action)
    if not asked or not text:
        return ledger
    found = facts_in(text, asked)
    whole = whole_list(action)
    if not found and whole is None:
        return ledger
    draft = _Draft(ledger)
    draft.add(found, Seen(step=step, at=at, call_id=call_id))
    if whole is not None and ledger.groups and _is_whole(text, rows=len(found)):
        gone = Seen(what=(STATUS,), value=(GONE,), step=step, at=at, call_id=call_id)
        draft.end_others(whole, {key for key, _, _ in found}, gone)
    draft.evict()
    return Ledger(groups=draft.groups)


def written(ledger: Ledger, action: ToolAction, *, step: int) -> Ledger:
    """Return the ledger with doubt on what a call's changes may have made untrue.

    Args:
        ledger: The ledger before.
        action: What the call meant; one that only reads changes nothing.
        step: The model's turn in which it returned. A change that failed counts too: it may have
            been carried out in part.
    """
    touched = touched_by(action)
    if not touched or not ledger.groups:
        return ledger
    groups = dict(ledger.groups)
    for name, group in ledger.groups.items():
        if changed := touched.among(group):
            groups[name] = {
                key: _doubted(looks, step) if key in changed else looks
                for key, looks in group.items()
            }
    return Ledger(groups=groups)


class _Draft:
    """A ledger on its way to the next one: groups are copied when they first change."""

    def __init__(self, ledger: Ledger) -> None:
        self.groups: dict[str, Mapping[str, Looks]] = dict(ledger.groups)
        self._own: dict[str, dict[str, Looks]] = {}

    def _begin(self, prefix: str) -> dict[str, Looks]:
        """Make a group ours, and the one seen last."""
        if prefix not in self._own:
            self._own[prefix] = dict(self.groups.pop(prefix, {}))
            self.groups[prefix] = self._own[prefix]
        return self._own[prefix]

    def add(self, found: Iterable[Shown], call: Seen) -> None:
        """Add what a call said of objects; those of one table are of one group."""
        step, at, call_id = call.step, call.at, call.call_id
        prefix, group = "\n", dict[str, Looks]()
        for key, what, value in found:
            if not key.startswith(prefix):
                prefix = group_of(key)
                group = self._begin(prefix)
            seen = Seen(what=what, value=value, step=step, at=at, call_id=call_id)
            before = group.pop(key, None)
            if before is None or (len(before) == 1 and before[0].what == what):
                group[key] = (seen,)
            else:
                group[key] = _superseded(before, seen)

    def end_others(self, whole: Whole, shown: set[str], gone: Seen) -> None:
        """End what a whole list does not show."""
        prefix = f"{whole.kind}/" if whole.everywhere else f"{whole.kind}/{whole.namespace}/"
        for name in [name for name in self.groups if name.startswith(prefix)]:
            missing = [
                key
                for key, looks in self.groups[name].items()
                if key not in shown and looks[-1].value != (GONE,)
            ]
            for key in missing:
                group = self._begin(name)
                del group[key]
                group[key] = (gone,)

    def evict(self) -> None:
        """Forget the oldest objects, those that are well before those that are not."""
        over = sum(map(len, self.groups.values())) - OBJECTS_LIMIT
        if over <= 0:
            return
        items = [item for group in self.groups.values() for item in group.items()]
        well = list(islice((key for key, looks in items if not _is_wrong(looks)), over))
        ill = (key for key, looks in items if _is_wrong(looks))
        for key in (*well, *islice(ill, over - len(well))):
            self._forget(key)

    def _forget(self, key: str) -> None:
        name = group_of(key)
        if name not in self._own:
            self._own[name] = dict(self.groups[name])
            self.groups[name] = self._own[name]
        del self._own[name][key]
        if not self._own[name]:
            del self.groups[name], self._own[name]


def _superseded(before: Looks, seen: Seen) -> Looks:
    """Add a look; what it says again is taken from the earlier ones."""
    if seen.value == (GONE,):
        return (seen,)
    kept: list[Seen] = []
    for look in before:
        what, places = _left(look.what, seen.what)
        if look.value == (GONE,) or not what:
            continue
        if len(what) == len(look.what):
            kept.append(look)
        else:
            value = tuple([look.value[place] for place in places])
            kept.append(_with(look, what, value, look.changed_since))
    return (*kept[1 - LOOKS_LIMIT :], seen)


@lru_cache(maxsize=1_024)
def _left(what: tuple[str, ...], again: tuple[str, ...]) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return what is not said again, and where it stands; the rows of two tables are alike."""
    left = [(word, place) for place, word in enumerate(what) if word not in again]
    return tuple([word for word, _ in left]), tuple([place for _, place in left])


def _with(look: Seen, what: tuple[str, ...], value: tuple[str, ...], changed_since: int) -> Seen:
    """Copy a look; `msgspec.structs.replace` takes five times as long."""
    return Seen(
        what=what,
        value=value,
        step=look.step,
        at=look.at,
        call_id=look.call_id,
        changed_since=changed_since,
    )


def _doubted(looks: Looks, step: int) -> Looks:
    return tuple(
        [
            look if look.changed_since else _with(look, look.what, look.value, step or 1)
            for look in looks
        ]
    )


def _is_whole(text: str, *, rows: int) -> bool:
    """Tell whether a list was read to its end.

    A line that is neither header nor row may be an error, or a tool's word on what it left out.
    """
    if len(text) >= READ_LIMIT:
        return False
    lines = [line for line in unwrapped(text).split("\n") if line and not line.isspace()]
    if not lines:
        return False
    if not rows:
        return len(lines) == 1 and lines[0].startswith("No resources found")
    return lines[0].startswith("NAME") and len(lines) == rows + 1


def _is_wrong(looks: Looks) -> bool:
    return any(any(gravities(look.what, look.value)) for look in looks if not look.changed_since)
