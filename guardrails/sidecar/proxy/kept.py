"""What the proxy keeps beside a run, so that any process can go on where another one died.

It is written ahead: facts that are about to be stated, and the model's turn that they are about,
stand here with their numbers before the first of them is stated. Whoever reads it states them
again, and what was stated already is answered as it was.
"""

from typing import Any, Final

import msgspec

from guardrails.core.events import AnyFact
from guardrails.sidecar.facts import Posted

NAME: Final = "conversation"
"""What it is kept under."""

Item = dict[str, Any]
"""One item of a conversation, in its wire's form."""

CALLS: Final = 512
"""Calls that a conversation is known by, newest last. An agent that makes room keeps its last ones,
and successful runs make 20 to 40."""
RESPONSES: Final = 64
SUMMARIES: Final = 8
HIDDEN: Final = 64
"""Places at which hidden turns stand. A run of the usual budgets has fewer refusals and blocks."""
HIDDEN_CHARACTERS: Final = 400_000
"""About 100,000 tokens: more than any model is to be reminded of its refused turns."""


class Hidden(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Turns that the agent never saw, and where they stand in what its model is sent."""

    after: int
    """Units of the agent's history before them."""
    head: str
    """The chain over those units."""
    anchor: str
    """The last of them by itself, for a history that was changed before it."""
    items: tuple[Item, ...] = ()
    """In order: refused ends, calls that did not run, and what the model was told."""
    calls: tuple[str, ...] = ()
    """Ids of the calls that were let through, in the turn that follows."""
    turn: tuple[Item, ...] = ()
    """That turn as the model gave it; it takes the place of the agent's. Empty where they are the
    same."""
    answers: tuple[Item, ...] = ()
    """Results of its calls that did not run."""
    response: str = ""
    """The response's id, where the server keeps conversations: it knows the rest."""


class Delivery(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a request came to."""

    body: Item | None = None
    """The model's turn; None for one that the proxy says itself."""
    calls: tuple[str, ...] | None = None
    """Ids of the calls that are delivered; None for all."""
    text: str | None = None
    """What it says in place of the model's words; None for those."""


class Given(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The last turn that an agent was given."""

    request: str
    """Fingerprint of the request."""
    at: float
    """Seconds since the epoch."""
    delivery: Delivery


class PlannedCall(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call of a turn, with what is wrong with it as far as its form tells."""

    call_id: str
    tool: str
    arguments: str
    fault: str = ""
    readable: bool = True


class Pending(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A turn of the model that is being decided on."""

    request: str
    """Fingerprint of the request that it answers."""
    number: int
    """Of the first fact that it leads to."""
    wire: str
    facts: tuple[AnyFact, ...] = ()
    """What is stated before anything is decided: what was filtered, what the model said."""
    body: Item | None = None
    """The turn, its arguments mended; None where the model is not asked because the run stopped."""
    calls: tuple[PlannedCall, ...] = ()
    structured: bool = False
    sends_back: bool = False
    """Whether a call that cannot be read is sent back; otherwise it is an end without an answer."""


class OpenCall(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A call that was let through, and whose result has not come."""

    call_id: str
    tool: str


class Thread(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One conversation of a run: one agent, one history that grows."""

    root: str
    """Digest of its first user message."""
    system: str
    """Digest of its instructions."""
    agent: str = ""
    lead: bool = True
    """Whether its end is the run's."""
    count: int = 0
    """Units of the history that are known, the turn included that was given last."""
    head: str = ""
    """The chain over them."""
    anchor: str = ""
    """The last of them by itself."""
    asked: str = ""
    """Fingerprint of the last request whose news were taken."""
    before: int = 0
    """Units of that request."""
    before_head: str = ""
    """The chain over them."""
    given: Given | None = None
    opened: tuple[OpenCall, ...] = ()
    calls: tuple[str, ...] = ()
    """Digests of calls that were given."""
    responses: tuple[str, ...] = ()
    """Ids of responses that were given."""
    aliases: dict[str, str] = {}
    """Ids that streams began with, before it was known which response they would hold."""
    upstream: str | None = None
    """The last response that the server knows, where the one given last is the proxy's own; empty
    where it knows none. None where it knows the one given last."""
    summaries: tuple[str, ...] = ()
    """How summaries of it begin; a history that holds one goes on from it."""
    hidden: tuple[Hidden, ...] = ()
    pending: Pending | None = None
    question: str = ""
    """Id of the question that was put to a person."""


class Kept(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All conversations of a run."""

    client: str
    """Digest of whoever sends them."""
    wire: str
    number: int = 0
    """The last number that was given to a fact."""
    planned: tuple[Posted, ...] = ()
    """Facts that may not have been stated."""
    threads: tuple[Thread, ...] = ()

    def with_thread(self, at: int, thread: Thread) -> "Kept":
        """Return the same with one conversation changed, or a new one at the end."""
        threads = (*self.threads[:at], thread, *self.threads[at + 1 :])
        return msgspec.structs.replace(self, threads=threads)


def bounded(hidden: tuple[Hidden, ...]) -> tuple[Hidden, ...]:
    """Return the newest hidden turns that are within the bounds."""
    room, found = HIDDEN_CHARACTERS, list[Hidden]()
    for one in reversed(hidden[-HIDDEN:]):
        room -= len(msgspec.json.encode((one.items, one.turn, one.answers)))
        if room < 0 and found:
            break
        found.insert(0, one)
    return tuple(found)


encode = msgspec.json.encode
decode = msgspec.json.Decoder(Kept).decode
