"""What happened in a run, counted: the ledger that guards read.

It is folded from events alone, bounded in size, and JSON-codable. Words of the model count in one
place only, the hypotheses that it states, and there they count as stated, not as true.
"""

from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final

import msgspec

from guardrails.actions.evidence import EvidenceKind
from guardrails.actions.hypotheses import acts_on, hypotheses_in
from guardrails.actions.overlap import shows
from guardrails.core.events import (
    Event,
    ModelReplied,
    NodeRan,
    ToolRequested,
    ToolReturned,
    ToolStatus,
)
from guardrails.core.ids import CallId
from guardrails.core.toolaction import Effect, Target, ToolAction
from guardrails.fsm.facts import DISTINCT, KINDS

replace = msgspec.structs.replace

AWAITED: Final = 64
"""Calls remembered until they return; frameworks run a handful at a time."""
CHANGES: Final = 32
"""Changed objects remembered, newest last."""
SAID: Final = 2_000
"""Characters of a turn's words that are kept, from its end."""
AGENTS: Final = 8
"""Agents whose last words are kept."""
RESULTS: Final = 16
"""Results remembered, to tell a new one from one that was seen: who goes round in circles comes
back to one of the last."""


class Awaited(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call under way."""

    call_id: CallId
    at: datetime
    effect: Effect
    digest: str
    kinds: tuple[int, ...] = ()
    """Places in `KINDS` of the evidence that it yields."""
    targets: tuple[Target, ...] = ()


class Change(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An object that was changed; an empty target stands for one that nobody can name."""

    target: Target
    at: datetime
    checked: bool = False
    """Whether it was looked at since the change had time to take effect."""


class Ledger(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The counts of one run."""

    turns: int = 0
    calls: int = 0
    reads: int = 0
    writes: int = 0
    stalled: int = 0
    unseen: int = 0
    wrote_at: int = 0
    """Turns taken when something was last changed."""
    refusals: int = 0
    questions: int = 0

    seen: tuple[tuple[str, ...], ...] = ((),) * len(KINDS)
    """Digests of distinct reads, by kind of evidence."""
    others: tuple[str, ...] = ()
    """Digests of reads of no such kind."""
    results: tuple[str, ...] = ()
    """Reads with their results, by digest."""
    hypotheses: tuple[str, ...] = ()
    said: tuple[tuple[str, str], ...] = ()
    """Agents with the words of their last turn, clipped."""
    changes: tuple[Change, ...] = ()
    awaited: tuple[Awaited, ...] = ()
    unanswered: bool = False
    """Whether the time to answer them is over."""
    asked: bool = False
    """Whether the agent asks to end, since its last turn."""
    fresh: bool = True
    """Whether the current turn has brought anything new."""

    @property
    def unchecked(self) -> int:
        """Changed objects that nobody looked at since."""
        return sum(1 for change in self.changes if not change.checked)


def note_turn(ledger: Ledger, event: Event) -> Ledger:
    """Count a turn, and what the model says in it that it believes."""
    fact = event.fact
    if not isinstance(fact, ModelReplied):
        # A node shows nothing of what it did, so nothing can be asked of it.
        unseen = ledger.unseen + 1
        return replace(
            ledger, turns=ledger.turns + 1, unseen=unseen, stalled=0, fresh=True, asked=False
        )
    text = f"{fact.reasoning}\n{fact.text}"[-SAID:]
    others = tuple([pair for pair in ledger.said if pair[0] != event.agent])[1 - AGENTS :]
    ledger = replace(
        ledger,
        turns=ledger.turns + 1,
        stalled=0 if ledger.fresh else ledger.stalled + 1,
        fresh=False,
        asked=False,
        said=(*others, (event.agent, text)),
    )
    found = hypotheses_in(text)
    return _note_hypotheses(ledger, found) if found else ledger


def note_intended(ledger: Ledger, event: Event, action: ToolAction) -> Ledger:
    """Count what an agent says of the object that its call is about to change."""
    text = next((text for agent, text in ledger.said if agent == event.agent), "")
    return _note_hypotheses(ledger, acts_on(text, _targets(action))) if text else ledger


def note_request(
    ledger: Ledger,
    event: Event,
    call: ToolRequested,
    action: ToolAction,
    *,
    kinds: tuple[EvidenceKind, ...],
) -> Ledger:
    """Count a call that is let through, and remember it until it returns.

    Args:
        ledger: The ledger before.
        event: The call's event.
        call: The call.
        action: What it means.
        kinds: Kinds of evidence that it yields, as `actions.evidence` tells them.
    """
    awaited = Awaited(
        call_id=call.call_id,
        at=event.at,
        effect=action.effect,
        digest=_digest(call.tool, call.arguments),
        kinds=tuple(at for at, kind in enumerate(KINDS) if kind in kinds),
        targets=_targets(action),
    )
    return replace(
        ledger,
        calls=ledger.calls + 1,
        awaited=(*ledger.awaited[1 - AWAITED :], awaited),
    )


def _targets(action: ToolAction) -> tuple[Target, ...]:
    """Return what a call changes, or else what it looks at."""
    reads = action.effect is Effect.READ
    found: tuple[Target, ...] = ()
    for operation in action.operations:
        if (operation.effect is Effect.READ) is reads:
            found += operation.targets
    return found if len(found) < 2 else tuple(dict.fromkeys(found))  # noqa: PLR2004  # a hash is a call


def note_return(
    ledger: Ledger, event: Event, returned: ToolReturned, *, settle_seconds: float
) -> Ledger:
    """Count what a call brought, now that it is back."""
    at = _place_of(returned.call_id, ledger.awaited)
    if at is None:
        return ledger
    call = ledger.awaited[at]
    ledger = replace(ledger, awaited=(*ledger.awaited[:at], *ledger.awaited[at + 1 :]))
    if returned.status is not ToolStatus.OK:
        return ledger
    match call.effect:
        case Effect.READ:
            return _note_read(ledger, call, returned, settle_seconds=settle_seconds)
        case Effect.WRITE | Effect.DESTRUCTIVE:
            return _note_write(ledger, call, event.at)
        case Effect.FINISH:
            return ledger


def _place_of(call_id: CallId, awaited: tuple[Awaited, ...]) -> int | None:
    for at, call in enumerate(awaited):
        if call.call_id == call_id:
            return at
    return None


def note_end(ledger: Ledger) -> Ledger:
    """Note that the agent asks to end."""
    return replace(ledger, asked=True)


def _note_hypotheses(ledger: Ledger, found: tuple[str, ...]) -> Ledger:
    known = ledger.hypotheses
    fresh = tuple(one for one in found if one not in known)
    if not fresh or len(known) >= DISTINCT:
        return ledger
    return replace(ledger, hypotheses=(*known, *fresh)[:DISTINCT], fresh=True, stalled=0)


def _note_read(
    ledger: Ledger, call: Awaited, returned: ToolReturned, *, settle_seconds: float
) -> Ledger:
    seen, others, new = ledger.seen, ledger.others, False
    for at in call.kinds:
        if _is_new(call.digest, seen[at]):
            seen, new = (*seen[:at], (*seen[at], call.digest), *seen[at + 1 :]), True
    if not call.kinds and _is_new(call.digest, others):
        others, new = (*others, call.digest), True
    result = f"{call.digest}:{returned.digest}"
    news = new or result not in ledger.results
    return replace(
        ledger,
        reads=ledger.reads + new,
        seen=seen,
        others=others,
        results=(*ledger.results[1 - RESULTS :], result) if news else ledger.results,
        changes=_checked(ledger.changes, call, settle_seconds=settle_seconds),
        fresh=ledger.fresh or news,
        stalled=0 if news else ledger.stalled,
    )


def _is_new(digest: str, seen: tuple[str, ...]) -> bool:
    return len(seen) < DISTINCT and digest not in seen


def _checked(
    changes: tuple[Change, ...], look: Awaited, *, settle_seconds: float
) -> tuple[Change, ...]:
    """Mark the changes that a look shows. It began when it was asked for, not when it was back."""
    if not changes:
        return changes
    settled = look.at - timedelta(seconds=settle_seconds)
    if not any(_is_shown(change, look, settled) for change in changes):
        return changes
    return tuple(
        replace(change, checked=True) if _is_shown(change, look, settled) else change
        for change in changes
    )


def _is_shown(change: Change, look: Awaited, settled: datetime) -> bool:
    if change.checked or change.at > settled:
        return False
    if not look.kinds:
        return False  # waiting, thinking and the like show nothing
    anything = change.target == _UNKNOWN or not look.targets
    return anything or any(shows(target, change.target) for target in look.targets)


def _note_write(ledger: Ledger, call: Awaited, at: datetime) -> Ledger:
    targets = call.targets or (_UNKNOWN,)
    kept = tuple(change for change in ledger.changes if change.target not in targets)
    added = tuple(Change(target=target, at=at) for target in targets)
    return replace(
        ledger,
        writes=ledger.writes + 1,
        wrote_at=ledger.turns,
        changes=(*kept, *added)[-CHANGES:],
        fresh=True,
        stalled=0,
    )


_UNKNOWN = Target()


def _digest(*parts: str) -> str:
    return blake2b("\0".join(parts).encode(), digest_size=8).hexdigest()


def is_turn(event: Event) -> bool:
    """Tell whether an event is a model turn."""
    fact = event.fact
    return isinstance(fact, ModelReplied) or (isinstance(fact, NodeRan) and fact.turn)
