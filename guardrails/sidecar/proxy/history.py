"""A conversation as it is compared: by what was said, not by how a client writes it down.

A client sends the whole conversation with each request, and may spell it anew: other whitespace, an
empty text for none, several items for one turn. So all that one turn of the model holds is one
unit, instructions are left out (many have the time in them), and each prefix has a digest.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from hashlib import blake2b
from typing import Final

from guardrails.hygiene.messages import Call, Message, Role
from guardrails.sidecar.proxy.wire.base import Asked

CALLS_KNOWN: Final = 8_192
"""Calls whose digest is remembered: each history has all of its own again."""
SIGN: Final = 200
"""Characters by which a summary is known again."""


def digest(*parts: str) -> str:
    """Return a short digest of texts, in their order.

    >>> digest("a", "b") == digest("ab")
    False
    """
    whole = "".join([f"{len(part)}:{part}" for part in parts])
    return blake2b(whole.encode(errors="replace"), digest_size=12).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """One turn of somebody."""

    role: Role
    key: str
    """Digest of what it says."""
    start: int
    """Its first message."""
    end: int
    """The message after its last one."""
    calls: tuple[str, ...] = ()
    """Ids of the calls in it."""


@dataclass(frozen=True)
class History:
    """One request's conversation."""

    messages: tuple[Message, ...]
    units: tuple[Unit, ...]
    heads: tuple[str, ...]
    """The chain after each number of units; the first is for none."""
    instructions: tuple[str, ...]
    system: str
    """Their digest."""
    root: str
    """Digest of the first user message."""

    @classmethod
    def of(cls, asked: Asked, *, known: "History | None" = None) -> "History":
        """Return the conversation of a request.

        Args:
            asked: The request.
            known: Another one's. Where both begin alike, this one has its objects.
        """
        messages, units = asked.messages, tuple[Unit, ...]()
        if known is not None:
            same = _same(messages, known.messages)
            messages = (*known.messages[:same], *messages[same:])
            units = tuple(unit for unit in known.units if unit.end < same)  # the last may go on
        heads = ("",) if known is None else known.heads[: len(units) + 1]
        more = tuple(units_of(messages, start=units[-1].end if units else 0))
        said = [m.text.strip() for m in messages if m.role is Role.SYSTEM]
        first = next((m.text.strip() for m in messages if m.role is Role.USER), "")
        instructions = (asked.system.strip(), *said)
        alike = known is not None and known.instructions == instructions
        return cls(
            instructions=instructions,
            messages=messages,
            units=(*units, *more),
            heads=(*heads[:-1], *chained(more, heads[-1])),
            system=known.system if alike and known is not None else digest(*instructions),
            root=digest(first),
        )

    @property
    def head(self) -> str:
        """The chain over all of it."""
        return self.heads[-1]

    @cached_property
    def calls(self) -> frozenset[str]:
        """Digests of all calls in it."""
        return frozenset(key_of(call) for m in self.messages for call in m.calls)

    @cached_property
    def fingerprints(self) -> tuple[str, str]:
        """Both of its own, with tools and without."""
        return self.fingerprint(tools=True), self.fingerprint(tools=False)

    @cached_property
    def last_turn(self) -> int:
        """Units up to the model's last turn, that turn included; 0 where there is none."""
        turns = [at for at, unit in enumerate(self.units, 1) if unit.role is Role.ASSISTANT]
        return turns[-1] if turns else 0

    def since(self, units: int) -> tuple[Message, ...]:
        """Return the messages after so many units, instructions left out."""
        start = self.units[units - 1].end if units else 0
        return tuple(m for m in self.messages[start:] if m.role is not Role.SYSTEM)

    def holds(self, sign: str) -> bool:
        """Tell whether a text stands in a message that is no tool's result."""
        return any(sign in m.text for m in self.messages if m.role is not Role.TOOL)

    @property
    def last_words(self) -> str:
        """The last message, where a user wrote it."""
        last = next((m for m in reversed(self.messages) if m.role is not Role.SYSTEM), None)
        return last.text if last is not None and last.role is Role.USER else ""

    def fingerprint(self, *, tools: bool, previous: str = "") -> str:
        """Return what a request is known again by when it is repeated.

        Args:
            tools: Whether it has any.
            previous: The response that it continues: the same words after another one are new.
        """
        return digest(self.system, self.head, str(len(self.units)), str(tools), previous)


def units_of(messages: Sequence[Message], *, start: int = 0) -> Iterator[Unit]:
    """Yield a conversation's turns from a message on; consecutive ones of the model are one."""
    at = start
    while at < len(messages):
        role, begin = messages[at].role, at
        at += 1
        if role is Role.SYSTEM:
            continue
        if role is Role.ASSISTANT:
            while at < len(messages) and messages[at].role is Role.ASSISTANT:
                at += 1
        part = messages[begin:at]
        text = "\n".join(filter(None, (m.text.strip() for m in part)))
        calls = [call for m in part for call in m.calls]
        key = digest(role, text, part[0].call_id, *map(key_of, calls))
        yield Unit(
            role=role, key=key, start=begin, end=at, calls=tuple(call.call_id for call in calls)
        )


def chained(units: Sequence[Unit], head: str = "") -> Iterator[str]:
    """Yield the chain before the first unit, and after each."""
    yield head
    for unit in units:
        head = digest(head, unit.key)
        yield head


def _same(messages: Sequence[Message], others: Sequence[Message]) -> int:
    """Return how many messages two conversations have in common, from their beginning."""
    pairs = enumerate(zip(messages, others, strict=False))
    return next(
        (at for at, (a, b) in pairs if a is not b and a != b), min(len(messages), len(others))
    )


def key_of(call: Call) -> str:
    """Return what a call is known again by; its arguments may be cut by an agent that makes room.

    >>> call = Call(call_id="c1", tool="get_pods")
    >>> key_of(call) == key_of(Call(call_id="c1", tool="get_pods", arguments='{"n": 1}'))
    True
    """
    return _key(call.call_id, call.tool)


@lru_cache(maxsize=CALLS_KNOWN)
def _key(call_id: str, tool: str) -> str:
    return digest(call_id, tool)


def sign_of(text: str) -> str:
    """Return how a summary begins, by which a history that holds it is known."""
    return text.strip()[:SIGN]
