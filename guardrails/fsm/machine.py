"""The machine: a table of states with their rows, ready to run.

`load` makes it of a file and proves it first; `step` runs it. Nothing here changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fnmatch import fnmatchcase
from types import MappingProxyType

from guardrails.core.toolaction import Effect
from guardrails.fsm.guards import Guard, Test
from guardrails.fsm.spec import Final, MachineSpec, RunBudget, StateBudget


class Trigger(StrEnum):
    """What a row waits for."""

    NEXT = "next"
    """Nothing: it is followed as soon as its guard holds."""
    END = "end"
    """The agent claims to be done."""
    QUIT = "quit"
    """The agent gives up."""
    ASK = "ask"
    """The agent asks for a person to take over."""
    PASS = "pass"  # noqa: S105  # a verdict
    FAIL = "fail"
    PENDING = "pending"
    UNKNOWN = "unknown"
    SPENT = "spent"
    """The state's budget is spent, and the agent goes on."""
    UNANSWERED = "unanswered"
    """Nobody answered a question in time."""


ENDS = (Trigger.END, Trigger.QUIT, Trigger.ASK)
"""What an agent that wants to leave may say."""
VERDICTS = (Trigger.PASS, Trigger.FAIL, Trigger.PENDING, Trigger.UNKNOWN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: a condition, and what follows."""

    guard: Guard | None
    """None: in every case that no row above covers."""
    test: Test = field(repr=False, compare=False)
    to: str | None = None
    """Where it leads; None when an end is refused."""
    refuse: str = ""
    line: int = 0
    """Of the file, for messages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One state."""

    name: str
    about: str
    allows: frozenset[Effect] = frozenset()
    tools: tuple[str, ...] = ("*",)
    say: str = ""
    asks: bool = False
    budget: StateBudget | None = None
    rows: Mapping[Trigger, tuple[Row, ...]] = field(default_factory=dict[Trigger, tuple[Row, ...]])
    final: Final | None = None
    line: int = 0
    followed: tuple[Row, ...] = field(init=False, repr=False, compare=False)
    """The rows that wait for nothing: they are asked at every event."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "followed", self.rows.get(Trigger.NEXT, ()))

    @property
    def judges(self) -> bool:
        """True when the gate judges here."""
        return Trigger.PASS in self.rows

    @property
    def works(self) -> bool:
        """True when the agent takes turns here."""
        return not self.judges and self.final is None

    @property
    def writes(self) -> bool:
        """True when something may be changed here."""
        return not self.allows.isdisjoint({Effect.WRITE, Effect.DESTRUCTIVE})

    def shows(self, tool: str) -> bool:
        """Tell whether a tool of this name is one of the state's."""
        return self.tools == ("*",) or any(fnmatchcase(tool, glob) for glob in self.tools)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine that is ready to run. Made by `load`, which proves it first."""

    name: str
    about: str
    start: str
    settle: float
    """Seconds."""
    budget: RunBudget
    states: Mapping[str, State]
    source: str
    """The file, as it was named."""
    spec: MachineSpec = field(repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "states", MappingProxyType(dict(self.states)))

    def settling(self, seconds: float) -> "Machine":
        """Return the same machine with another time that changes need."""
        spec = self.spec.model_copy(update={"settle": seconds})
        return replace(self, settle=seconds, spec=spec)
