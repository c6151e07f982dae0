"""What a tool call means: its effect on the world and what it touches.

The `actions` room computes these values from a tool's name, schema and arguments; everything
above it decides on them instead of on text.
"""

from enum import StrEnum

import msgspec


class Effect(StrEnum):
    """What a call does to the world, from harmless to grave."""

    READ = "read"
    """Only looks."""
    WRITE = "write"
    """Changes something, or may: whatever cannot be parsed counts as this."""
    DESTRUCTIVE = "destructive"
    """Takes something away that a later write cannot simply put back (delete, drain, prune)."""
    FINISH = "finish"
    """Asks to end the run (a submit tool)."""

    @property
    def gravity(self) -> int:
        """Rank among effects: read 0, write 1, destructive 2, finish 3."""
        return _GRAVITY[self]


_GRAVITY = {Effect.READ: 0, Effect.WRITE: 1, Effect.DESTRUCTIVE: 2, Effect.FINISH: 3}


class Target(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that an operation touches. An empty field is one that the call left open."""

    kind: str = ""
    """Singular lower-case resource (`deployment`, `pod`), `url`, `file`, `release`, `query`."""
    name: str = ""
    namespace: str = ""
    selector: str = ""
    """What narrows a list: label and field selectors, as written."""
    every_namespace: bool = False


class Operation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One verb on some targets. A shell line holds several."""

    program: str
    """`kubectl`, `helm`, `curl` …, or the tool's own name for a function tool."""
    verb: str
    """Normalized: `get`, `patch`, `rollout restart`, `POST`; empty when unknown."""
    effect: Effect
    targets: tuple[Target, ...] = ()
    dry_run: bool = False
    why: str = ""
    """Why this effect, in a few words, when it is not plain from the verb."""


class ToolAction(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one tool call means."""

    effect: Effect
    """The gravest of the operations."""
    operations: tuple[Operation, ...] = ()
    understood: bool = True
    """False when some part could not be parsed, which makes the effect at least `write`."""


class ToolAnnotations(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a tool says of itself (the hints of the Model Context Protocol, all optional)."""

    read_only: bool | None = None
    destructive: bool | None = None
    idempotent: bool | None = None
    open_world: bool | None = None
    description: str = ""
    returns_directly: bool = False
    """LangChain's `return_direct`: the tool's result is the run's answer."""
