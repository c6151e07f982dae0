"""What the proxy asks of a wire format.

A wire knows one provider's JSON and its stream, and nothing of guarding: it reads what the agent
asks, makes the request that goes upstream, reads what comes back as one `Turn`, and writes a turn
as the client expects it, whole or as a stream. What it does not know it passes on as it came.
"""

import operator
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from guardrails.core.events import Usage
from guardrails.errors import GuardrailsError
from guardrails.hygiene.messages import Call, Message

Json = dict[str, Any]
"""A JSON object as it came in; at this edge nothing more is known of it."""


class WireError(GuardrailsError):
    """A body is not what this format says. The text is one line, for the one who sent it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """A tool that the agent offers to the model."""

    name: str
    schema: Mapping[str, Any] | None = None
    """Of its arguments, as JSON Schema; None where the format gives none (free text tools)."""
    hosted: bool = False
    """Whether the provider runs it, so that no call of it reaches the agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request of an agent to its model."""

    raw: Json
    """The body, untouched."""
    items: tuple[Json, ...]
    """The conversation in the format's own items: `messages`, or `input` as a list."""
    messages: tuple[Message, ...]
    """The same in the form that hygiene works on; a message's `at` is a place in `items`."""
    system: str = ""
    """Instructions that stand beside the conversation (`system`, `instructions`)."""
    tools: tuple[ToolSpec, ...] = ()
    model: str = ""
    stream: bool = False
    structured: bool = False
    """Whether the reply must be JSON of the agent's schema: an answer then is data, not prose."""
    parallel: bool = True
    """Whether several calls may come in one turn."""
    previous: str = ""
    """The response or conversation that this one continues, where the server keeps them. Results
    in `items` then answer calls that are not in `items`, so hygiene must leave the list alone."""
    choices: int = 1
    """How many replies are asked for; the proxy refuses more than one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """What was read of a conversation when its last request came."""

    items: tuple[Json, ...] = ()
    messages: tuple[Message, ...] = ()

    def shared(self, items: Sequence[object]) -> int:
        """Return how many items stand at the beginning of both."""
        for at, differs in enumerate(map(operator.ne, self.items, items)):
            if differs:
                return at
        return min(len(self.items), len(items))

    def up_to(self, items: int) -> tuple[Message, ...]:
        """Return the messages of so many items, where each item was read by itself."""
        if items >= len(self.items):
            return self.messages
        return tuple([m for m in self.messages if m.at < items])


NOTHING: Final = Before()


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """One reply of a model, whole."""

    body: Json
    """As the server gives it to a client that does not stream."""
    text: str = ""
    reasoning: str = ""
    calls: tuple[Call, ...] = ()
    """Calls that the agent is to run; those the provider ran itself are not among them."""
    usage: Usage | None = None
    finish: str = ""
    """`stop`, `tool_calls`, `length`, `content_filter`, `refusal`, `pause` or the server's word."""
    message_id: str = ""
    model: str = ""

    @property
    def cut(self) -> bool:
        """Tell whether the reply was cut off, so that it is no answer."""
        return self.finish in {"length", "pause"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What the model is told of one of its calls that no tool ran."""

    call: Call
    text: str
    error: bool = True


class StreamReader(Protocol):
    """Puts a stream together."""

    def feed(self, event: str, data: str) -> None:
        """Take one server-sent event: its name (empty if it has none) and its data.

        Raises:
            WireError: It is not of this format, or tells that the server failed.
        """
        ...

    def body(self) -> Json:
        """Return what the server would have given without a stream.

        Raises:
            WireError: The stream ended before the reply did.
        """
        ...


class Opening(Protocol):
    """A stream that begins before the turn is there that it will hold.

    Clients measure the time between events that they know, and comments are none.
    """

    @property
    def continued(self) -> str:
        """The id under which a later request may continue this reply; empty where none can."""
        ...

    def start(self) -> bytes:
        """Return the first frames: a reply is at work."""
        ...

    def ping(self) -> bytes:
        """Return a frame that says nothing, and is an event to whoever reads it."""
        ...

    def frames(self, turn: Turn) -> Iterator[bytes]:
        """Yield what follows when the turn is there, to the last frame."""
        ...

    def failed_frame(self, status: int, text: str) -> bytes:
        """Return the frame that tells of an error instead."""
        ...


class Wire(Protocol):
    """One format."""

    @property
    def name(self) -> str:
        """`chat`, `responses` or `anthropic`."""
        ...

    # From the agent

    @property
    def listing(self) -> str:
        """The field of a request that holds the conversation."""
        ...

    def asked(self, body: Json, *, before: Before = NOTHING) -> Asked:
        """Read a request.

        Args:
            body: The request.
            before: An earlier one of the same conversation, whose items need no second look.

        Raises:
            WireError: It is none.
        """
        ...

    def read(self, items: Sequence[Json]) -> tuple[Message, ...]:
        """Return items in the form that hygiene works on."""
        ...

    def write(
        self, items: Sequence[Json], kept: Sequence[Message], *, known: Sequence[Message] = ()
    ) -> list[Json]:
        """Return what hygiene left of items, in this format; the unchanged as they were."""
        ...

    # To the model

    def request(
        self, asked: Asked, items: Sequence[Json], *, stream: bool, tools: frozenset[str] | None
    ) -> Json:
        """Return the body that goes upstream.

        Args:
            asked: What the agent asked.
            items: The conversation that the model is to see.
            stream: Whether the reply comes as a stream; with one, usage is asked for too.
            tools: Names of the tools that the model may see; None for all.
        """
        ...

    def items(self, turn: Turn) -> list[Json]:
        """Return a turn as items of the conversation, as the agent would send it back."""
        ...

    def answers(
        self, results: Sequence[Result], *, note: str = "", turn: Turn | None = None
    ) -> list[Json]:
        """Return what follows a turn: results of its calls, and words to the model after them.

        Args:
            results: Of the turn's calls, in any order.
            note: Words to the model; empty for none.
            turn: The turn that made the calls. A format that answers each kind of call in its own
                way looks there for the kind, and takes calls it does not find for functions.
        """
        ...

    # From the model

    def turn(self, body: Json) -> Turn:
        """Read a reply.

        Raises:
            WireError: It is none.
        """
        ...

    def reader(self) -> StreamReader:
        """Return what puts a stream together."""
        ...

    # To the agent

    def changed(
        self, turn: Turn, *, text: str | None = None, calls: Iterable[str] | None = None
    ) -> Turn:
        """Return a turn that says something else, or has fewer calls, and ends accordingly.

        Args:
            turn: The turn; its id, usage and everything unnamed stay.
            text: What it says now; None for the same.
            calls: Ids of the calls that stay, in the turn's order; None for all.
        """
        ...

    def rewritten(self, turn: Turn, calls: Mapping[str, str]) -> Turn:
        """Return a turn whose calls have other arguments: JSON text by the id of the call."""
        ...

    def said(self, asked: Asked, text: str, *, usage: Usage | None = None) -> Turn:
        """Return a turn that the proxy says itself: an end, or a question to a person."""
        ...

    def frames(self, turn: Turn, *, asked: Asked) -> Iterator[bytes]:
        """Yield a turn as the stream that the format's clients read, from first to last frame."""
        ...

    def opening(self, asked: Asked) -> Opening:
        """Return the beginning of a stream whose turn is not there yet."""
        ...

    def ping(self) -> bytes:
        """Return a frame that keeps a stream open and means nothing to clients."""
        ...

    def failed(self, status: int, text: str) -> Json:
        """Return the body of an error, as the format's clients read it."""
        ...

    def failed_frame(self, status: int, text: str) -> bytes:
        """Return the frame that tells of an error after a stream began."""
        ...
