"""Requests and answers of the decision API, as far as a client needs them.

Fields that a later service adds are skipped, so an older client goes on working with it.
"""

import msgspec

from guardrails.core.claims import Claim
from guardrails.core.decisions import Decision
from guardrails.core.events import AnyFact, EndRequested, Event, ExitKind
from guardrails.core.evidence import GateProgress
from guardrails.core.ids import CallId, RunId
from guardrails.core.incident import Incident
from guardrails.core.questions import Question


class Opening(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Asks for a new run."""

    incident: Incident
    policy: str = ""
    model: str = ""
    key: str = ""
    run: str = ""


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """A run that is open."""

    run: RunId
    key: str = ""
    number: int = 0
    questions: tuple[Question, ...] = ()
    events: tuple[Event, ...] = ()


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """One run of a list."""

    run: RunId
    key: str = ""
    ended: bool = False


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """Runs that were asked for."""

    sessions: tuple[Listed, ...]


class Stated(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A fact, numbered."""

    number: int
    fact: AnyFact
    agent: str = ""


class Stating(msgspec.Struct, frozen=True, kw_only=True):
    """Facts, and the last event that is known here."""

    events: tuple[Stated, ...]
    since: int


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """The decision on one fact."""

    number: int
    decision: Decision


class Taken(msgspec.Struct, frozen=True, kw_only=True):
    """Facts were taken."""

    decisions: tuple[Decided, ...] = ()
    number: int = 0
    """Of the run's last fact."""
    seq: int = 0
    """Of the run's last event."""
    events: tuple[Event, ...] = ()
    """What happened since; perhaps not all of it, when `seq` is larger than the last one's."""


class Ending(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Asks to end."""

    number: int
    exit: ExitKind
    wait: float
    since: int
    claim: Claim | None = None
    call_id: CallId | None = None
    detail: str = ""
    agent: str = ""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """What became of an end; without a decision the gate is still at work."""

    number: int = 0
    decision: Decision | None = None
    seq: int = 0
    events: tuple[Event, ...] = ()
    progress: GateProgress | None = None


class Answering(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person's answer."""

    question: str
    text: str
    by: str = ""


class Unanswered(msgspec.Struct, frozen=True, kw_only=True):
    """Nobody answered."""

    detail: str = ""


class Allowing(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A person allows a loss."""

    check: str
    kind: str
    name: str
    reason: str
    by: str
    namespace: str = ""


class Looking(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The gate is to look, if a look is due."""

    agent: str = ""


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that the service needs."""

    name: str
    ok: bool
    error: str = ""


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the service can do its work now."""

    checks: tuple[Checked, ...]


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """Why a request was not done (RFC 9457)."""

    title: str = ""
    status: int = 0
    detail: str = ""
    expected: int | None = None


def ending_of(stated: Stated, *, wait: float, since: int) -> Ending:
    """Write an end as a request of its own."""
    fact = stated.fact
    if not isinstance(fact, EndRequested):
        raise TypeError("only an end can be judged")
    return Ending(
        number=stated.number,
        exit=fact.exit,
        claim=fact.claim,
        call_id=fact.call_id,
        detail=fact.detail,
        agent=stated.agent,
        wait=wait,
        since=since,
    )
