"""A machine as people write it: states, what each allows, and when it is left.

These models only say what a file may hold. `load` turns them into a `Machine`, and `proof` tells
whether every run of it ends.
"""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from guardrails.core.toolaction import Effect
from guardrails.fsm.guards import parse_guard
from guardrails.policy.durations import Seconds
from guardrails.policy.strict import Count, Strict

MACHINE_SCHEMA = 1
"""Version of the machine file's form."""

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
"""Lower-case letters, digits and dashes."""


def _readable(text: str) -> str:
    parse_guard(text)
    return text


GuardText = Annotated[str, AfterValidator(_readable)]
"""A condition over facts: `hypotheses >= 1 and (sources >= 2 or reads.logs >= 3)`."""

Words = Annotated[str, Field(min_length=1, max_length=600)]
"""For the model. A refusal has 1,200 characters for everything."""

Final = Literal["done", "unresolved", "escalated"]
"""What a run comes to in a final state. `done` is `resolved` or `diagnosed`, as the gate found."""


class StateBudget(Strict):
    """What one visit of a state may spend."""

    turns: Count
    """Model turns."""
    calls: Count | None = None
    """Tool calls that run; None leaves them to the turns and the run's own budget."""


class RunBudget(Strict):
    """What a whole run may spend, where that is less than the policy's budgets."""

    turns: Count | None = None
    calls: Count | None = None


class Arrow(Strict):
    """A way out of a state."""

    to: Name
    """The state that it leads to."""
    when: GuardText | None = None
    """When it is taken. Left out: in every case that no row above covers."""


class Answer(Strict):
    """What becomes of an end that the agent asks for: it leads on, or it is refused."""

    to: Name | None = None
    refuse: Words | None = None
    """Words for the model. What the rows above lack is added to them."""
    when: GuardText | None = None
    """When this row answers. Left out: in every case that no row above covers."""

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.to is None) == (self.refuse is None):
            raise ValueError("write either 'to', the state it leads to, or 'refuse' with words")
        return self


def _form(value: object) -> str:
    """Tell rows from a state, so that what is wrong in a row is told of that row."""
    return "state" if isinstance(value, str) else "rows"


Ways = Annotated[
    Annotated[tuple[Arrow, ...], Tag("rows")] | Annotated[Name, Tag("state")],
    Discriminator(_form),
]


class Verdicts(Strict):
    """Where each verdict of the gate leads."""

    passed: Ways = Field(alias="pass")
    fail: Ways
    pending: Ways
    unknown: Ways


Ends = Annotated[
    Annotated[tuple[Answer, ...], Tag("rows")] | Annotated[Name, Tag("state")],
    Discriminator(_form),
]
"""Rows, or the one state that it always leads to."""


class StateSpec(Strict):
    """One state: the agent works in it, the gate judges in it, or it is final."""

    about: Words
    """What the state is for, in a sentence; it stands in diagrams and in what the model is told."""
    allows: tuple[Effect, ...] = ()
    """Effects of calls that run here. `finish` lets the agent submit its answer."""
    tools: tuple[str, ...] = ("*",)
    """Globs over the names of the tools that the model is shown here. Of these, tools that can only
    do what the state does not allow are left out as well."""
    say: Words | None = None
    """Told to the model when it enters the state, or calls what the state does not allow."""
    asks: bool = False
    """Whether a person is asked here, if there is a question that only a person can answer."""
    budget: StateBudget | None = None
    """What one visit may spend. Every state in which the agent works has one."""
    spent: Name | None = None
    """Where it leads when that is spent."""
    unanswered: Name | None = None
    """Where it leads when the person who was asked does not answer in time."""
    next: tuple[Arrow, ...] = ()
    """Where it leads as soon as the facts say so."""
    end: Ends | None = None
    """What becomes of a claim that the work is done."""
    quit: Ends | None = None
    """What becomes of giving up."""
    ask: Ends | None = None
    """What becomes of asking for a person to take over."""
    gate: Verdicts | None = None
    """The gate judges here, and the agent takes no turn. Where each verdict leads."""
    final: Final | None = None
    """The run ends here."""


class MachineSpec(Strict):
    """A machine file."""

    schema_version: Literal[1]
    """Version of this form. There is one."""
    machine: Name
    """Its name."""
    about: Words
    start: Name
    """The state in which every run begins."""
    settle: Seconds = 15.0
    """How long a change needs to take effect: a look at a changed object counts from then on. A
    rolling update on a healthy cluster has a new pod ready within seconds; more would only make
    the agent wait for what the gate waits for anyway."""
    budget: RunBudget = Field(default_factory=RunBudget)
    end: Ends | None = None
    """For states that do not say what becomes of a claim."""
    quit: Ends | None = None
    """For states that do not say what becomes of giving up."""
    ask: Ends | None = None
    """For states that do not say what becomes of asking for a person."""
    states: Mapping[Name, StateSpec] = Field(min_length=1)
