"""What callers send. One definition gives the type, the codec and the JSON Schema.

Unknown fields are refused at every depth: a fact with `argument` in place of `arguments` would
otherwise be decided as one without any.
"""

from typing import Annotated, Final, Literal

import msgspec

from guardrails.core.claims import Claim
from guardrails.core.events import (
    AgentHandedOff,
    ContextFiltered,
    EndRequested,
    ErrorRaised,
    ExitKind,
    MessagePassed,
    ModelReplied,
    NodeRan,
    PlanStated,
    RunPaused,
    RunResumed,
    StepTakenBack,
    ToolRequested,
    ToolReturned,
)
from guardrails.core.ids import CallId
from guardrails.core.incident import Incident
from guardrails.core.toolaction import ToolAnnotations
from guardrails.policy.allowing import LossCheck
from guardrails.sidecar.facts import Posted

LARGEST: Final = 2**53 - 1
"""Largest number of a fact: what every JSON reader holds exactly."""
FACTS_AT_MOST: Final = 1_000
"""Facts in one request. A turn of an agent has some tens."""
WAIT_AT_MOST: Final = 120.0
"""Seconds that one request for an end may wait; proxies in between cut longer ones."""
WAIT_USUAL: Final = 25.0
"""Seconds, if the caller does not say: below the 30 of common proxies."""

RUN_NAME: Final = r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}"
"""What the id of a run looks like: it goes into URLs, file names and keys of stores."""

Number = Annotated[int, msgspec.Meta(ge=1, le=LARGEST, description="Counted from 1 in each run.")]
Since = Annotated[
    int,
    msgspec.Meta(
        ge=0, le=LARGEST, description="Answer with the events after this one; left out, with none."
    ),
]
Agent = Annotated[
    str, msgspec.Meta(max_length=256, description="Which agent, where a run has several.")
]
Said = Annotated[str, msgspec.Meta(min_length=1, max_length=16_000, pattern=r"[!-~\u00a1-\ud7ff]")]
"""Words of a person; some of them can be seen."""
Named = Annotated[str, msgspec.Meta(min_length=1, max_length=512, pattern=r"[!-~\u00a1-\ud7ff]")]

StatedFact = (
    ModelReplied
    | NodeRan
    | ContextFiltered
    | StepTakenBack
    | ToolRequested
    | ToolReturned
    | AgentHandedOff
    | MessagePassed
    | PlanStated
    | RunPaused
    | RunResumed
    | ErrorRaised
)
"""The facts that a caller may state; a test holds them to `guardrails.sidecar.facts.STATED`."""

AskedExit = Literal[
    "final_answer",
    "structured",
    "direct_return",
    "finish_tool",
    "graph_end",
    "middleware_end",
    "handoff",
    "empty",
    "malformed",
    "budget",
    "recursion",
    "error",
    "cancelled",
]
"""Every door but `look`, which is no exit and has a request of its own."""


class Body(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of what is sent in a request."""


class NoBody(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For requests without one."""


class OpenRun(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Begin a run. Sent again with the same `run` or `key`, it gives the run that is open."""

    incident: Incident
    policy: Annotated[str, msgspec.Meta(max_length=256)] = ""
    """The name of a policy that the service has; empty for its usual one."""
    model: Annotated[str, msgspec.Meta(max_length=256)] = ""
    """`provider:name`; chooses the profile."""
    key: Annotated[str, msgspec.Meta(max_length=512, pattern=r"^[^\x00-\x1f\x7f]*$")] = ""
    """What the caller finds the run by, besides its id. One open run has it at a time."""
    run: Annotated[str, msgspec.Meta(max_length=128, pattern=f"^({RUN_NAME})?$")] = ""
    """An id of the caller's own; left out, the service makes one."""
    since: Since = 0

    def __post_init__(self) -> None:
        """Refuse times without a zone: they cannot be compared with those of the cluster."""
        for alert in self.incident.alerts:
            if alert.starts_at is not None and alert.starts_at.tzinfo is None:
                raise ValueError(
                    f"starts_at {alert.starts_at.isoformat()} of an alert has no zone: add Z"
                )


class StatedOne(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fact as a caller states it."""

    number: Number
    fact: StatedFact
    agent: Agent = ""

    def posted(self) -> Posted:
        """Return it as the service takes it."""
        return Posted(number=self.number, fact=self.fact, agent=self.agent)


class StateFacts(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Facts in their order. Without any, this only reads."""

    events: Annotated[tuple[StatedOne, ...], msgspec.Meta(max_length=FACTS_AT_MOST)]
    since: Since | None = None


class AskCall(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """May this tool run?"""

    number: Number
    call_id: CallId
    tool: str
    arguments: str = "{}"
    """JSON text."""
    annotations: ToolAnnotations | None = None
    fault: str = ""
    """What is wrong with its form, by the tool's schema."""
    agent: Agent = ""
    since: Since | None = None

    def posted(self) -> Posted:
        """Return it as the service takes it."""
        fact = ToolRequested(
            call_id=self.call_id,
            tool=self.tool,
            arguments=self.arguments,
            annotations=self.annotations,
            fault=self.fault,
        )
        return Posted(number=self.number, fact=fact, agent=self.agent)


class AskEnd(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """May the run end? Asked again with the same number, it is the same end."""

    number: Number
    exit: AskedExit
    claim: Claim | None = None
    call_id: CallId | None = None
    """The finish tool's call, when a tool is held."""
    detail: Annotated[str, msgspec.Meta(max_length=16_000)] = ""
    agent: Agent = ""
    wait: Annotated[float, msgspec.Meta(ge=0, le=WAIT_AT_MOST)] = WAIT_USUAL
    """Seconds to wait for the gate before the answer is 202."""
    since: Since | None = None

    def posted(self) -> Posted:
        """Return it as the service takes it."""
        fact = EndRequested(
            exit=ExitKind(self.exit), claim=self.claim, call_id=self.call_id, detail=self.detail
        )
        return Posted(number=self.number, fact=fact, agent=self.agent)


class AnswerQuestion(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person's answer to an open question."""

    question: Named
    """Its id."""
    text: Said
    """A candidate's id, label or number from 1, or other words."""
    by: Annotated[str, msgspec.Meta(max_length=256)] = ""
    """Who answered; left out, the caller."""


class LeaveUnanswered(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Nobody answered in time: the run goes on without changes."""

    detail: Annotated[str, msgspec.Meta(max_length=1_000)] = ""


class AllowLoss(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A person allows a loss in this run; its next ends are judged with it."""

    check: LossCheck
    kind: Named
    """Of the object that the report names."""
    name: Named
    namespace: Annotated[str, msgspec.Meta(max_length=256)] = ""
    """Left out, any namespace of the incident."""
    reason: Said
    by: Named
    """Who answers for it."""


class Look(Body, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Let the gate look now, if a look is due."""

    agent: Agent = ""


class NoQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """For requests without one."""


class RunsQuery(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which runs to list, those changed last first."""

    open: bool | msgspec.UnsetType = msgspec.UNSET
    """`true` for those that have not ended, `false` for those that have; left out, both."""
    key: Annotated[str, msgspec.Meta(max_length=512)] = ""
    """Only the open run under this key."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 100
    standing: bool = False
    """Whether to tell where each stands: phase, steps, findings, what the gate waits for."""
