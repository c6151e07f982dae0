"""The first error of a chain, told before it runs: what is malformed, invented, or never seen.

A wrong call is sent back once with what would be right. When the agent's next turn is wrong too,
both are taken back: the model is sent neither again, and goes on from the last clean one.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from guardrails.actions.invented import invented_targets
from guardrails.actions.nameset import NameSet
from guardrails.actions.unread import never_read
from guardrails.core.decisions import Reason
from guardrails.core.events import ToolRequested, ToolReturned
from guardrails.core.ids import CallId
from guardrails.core.incident import Incident
from guardrails.core.questions import Answer
from guardrails.core.toolaction import Effect, Target, ToolAction
from guardrails.engine.chains import Chain, TakenBack, chain_of, lengthened, with_chain, with_good

replace = msgspec.structs.replace

SEEN: Final = 256
"""Targets of reads remembered, newest last; successful runs make 20 to 40 reads."""
AWAITED: Final = 64
"""Reads remembered until they return."""
TAKEN_BACK: Final = 64
"""Calls that were taken back, newest last."""


class Read(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A read under way, with what it looks at."""

    call_id: CallId
    targets: tuple[Target, ...]


class Early(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is needed to tell a first error."""

    seen: tuple[Target, ...] = ()
    """What reads showed."""
    awaited: tuple[Read, ...] = ()
    chains: tuple[Chain, ...] = ()
    """Wrong calls in a row, by agent."""
    taken_back: tuple[TakenBack, ...] = ()
    """Calls that models are not sent again; those that left the agent's own history are gone."""
    rewinds: int = 0
    """How often steps were taken back."""


class Wrong(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a call."""

    reason: Reason
    said: str
    """For the model: what is wrong and what would be right."""


def wrong_by_itself(
    call: ToolRequested,
    action: ToolAction,
    *,
    names: NameSet,
    incident: Incident | None,
    answered: tuple[Answer, ...],
) -> Wrong | None:
    """Tell what is wrong with a call whatever was looked at before; None when nothing is.

    Args:
        call: The call, with what its adapter found wrong in its form.
        action: What it means.
        names: Names that tools returned.
        incident: What the run is about; names in it were given by a person.
        answered: What people said since.
    """
    if call.fault:
        return Wrong(reason=Reason.BAD_CALL, said=call.fault)
    if not _changes(action):
        return None
    said = " ".join(_given(incident, answered))
    invented = invented_targets(action, known=names.all(), said=said)
    if not invented:
        return None
    told = f"nothing that you looked at has {_listed(invented)}. Look up the name first"
    return Wrong(reason=Reason.INVENTED, said=told)


def unread(early: Early, action: ToolAction) -> Wrong | None:
    """Tell what a call would change that no read showed; None when it may run."""
    missed = never_read(action, seen=early.seen) if _changes(action) else ()
    if not missed:
        return None
    told = f"{_listed(missed)} was never looked at. Look at it first, and then change it"
    return Wrong(reason=Reason.UNREAD, said=told)


def _changes(action: ToolAction) -> bool:
    return action.effect in {Effect.WRITE, Effect.DESTRUCTIVE} and action.understood


def _given(incident: Incident | None, answered: tuple[Answer, ...]) -> Iterator[str]:
    """Yield what people wrote: names in it are not the model's."""
    yield from (answer.text for answer in answered)
    yield from (answer.choice for answer in answered)
    if incident is None:
        return
    yield incident.task
    yield from incident.namespaces
    yield from (workload.name for workload in incident.workloads)
    yield from (value for alert in incident.alerts for value in alert.labels.values())


def _listed(targets: tuple[Target, ...]) -> str:
    names = [f"{t.kind}/{t.name}" if t.kind else t.name for t in targets[:3]]
    more = len(targets) - len(names)
    return ", ".join(names) + (f" and {more} more" if more else "")


def noted_wrong(early: Early, call: ToolRequested, said: str, *, agent: str, turn: int) -> Early:
    """Remember a wrong call; a second turn in a row that errs takes both back.

    Args:
        early: What is remembered.
        call: The call.
        said: What is wrong with it.
        agent: Who made it.
        turn: The model turn that it stands in.
    """
    found = TakenBack(call_id=call.call_id, reason=said)
    chain, taken, rewound = lengthened(chain_of(early.chains, agent), found, turn=turn)
    return replace(
        early,
        chains=with_chain(early.chains, chain),
        taken_back=(*early.taken_back, *taken)[-TAKEN_BACK:],
        rewinds=early.rewinds + rewound,
    )


def noted_good(
    early: Early, call: ToolRequested, action: ToolAction, *, agent: str, turn: int
) -> Early:
    """Remember a call that runs."""
    if early.chains:
        chain = with_good(chain_of(early.chains, agent), turn=turn)
        early = replace(early, chains=with_chain(early.chains, chain))
    if action.effect is not Effect.READ:
        return early
    targets = tuple(t for operation in action.operations for t in operation.targets)
    read = Read(call_id=call.call_id, targets=targets)
    return replace(early, awaited=(*early.awaited[1 - AWAITED :], read))


def noted_removed(early: Early, calls: tuple[CallId, ...]) -> Early:
    """Forget calls that stand in no history any more.

    Some models number their calls anew in every turn, so an id that is kept would take a later
    call for the one that was taken back.
    """
    kept = tuple(one for one in early.taken_back if one.call_id not in calls)
    return replace(early, taken_back=kept)


def noted_return(early: Early, returned: ToolReturned, *, ok: bool) -> Early:
    """Remember what a read showed, now that it is back."""
    read = next((read for read in early.awaited if read.call_id == returned.call_id), None)
    if read is None:
        return early
    early = replace(early, awaited=tuple([one for one in early.awaited if one is not read]))
    fresh = tuple(t for t in read.targets if t not in early.seen) if ok else ()
    return replace(early, seen=(*early.seen, *fresh)[-SEEN:]) if fresh else early
