"""The policy as a typed value: what the guard enforces, and how much proof an end needs.

Strict pydantic models, because people write this file: unknown keys are refused, every field says
its unit, what leaving it out means, and why the default is what it is.
"""

from typing import Annotated, Final, Literal, get_args

from pydantic import Field, StrictBool, field_validator

from guardrails.core.evidence import Tier
from guardrails.core.toolaction import Effect
from guardrails.policy.allowing import AllowedLoss
from guardrails.policy.custom import CustomCheck
from guardrails.policy.durations import PositiveSeconds, Seconds
from guardrails.policy.strict import Count, Percent, Strict

EffectRule = Literal["allow", "warn", "block"]
"""What happens to a call of some effect: it runs; it runs and is reported; it does not run."""


class Budgets(Strict):
    """What one run may spend. LangGraph alone would let it take 10,007 supersteps."""

    steps: Count = 60
    """Model turns. Runs that succeed take far fewer; this leaves room for refusals."""
    tool_calls: Count = 150
    """Tool calls, blocked ones included."""
    tokens: Count | None = None
    """Input plus output tokens as the provider reports them; None sets no limit."""
    wall_time: PositiveSeconds = 3600.0
    """From the start of the run to its end, waiting of the gate included."""
    refusals: Count = 4
    """How often an end may be refused; the next one ends the run, with the outcome that the last
    report allows."""
    unknown_refusals: Count = 2
    """How often an end may be refused for unreadable evidence before a person is called."""


CheckName = Annotated[str, Field(min_length=1)]
"""The name of a check or of an entry point."""


class GateSettings(Strict):
    """How much proof an end needs, and how long the gate may wait for it."""

    require: Tier = Tier.FULL
    """Tier that a pass must reach: `state`, `alerts` or `full`."""
    stable_for: Seconds = 60.0
    """How long objects must stay healthy for tier `state`. Readiness flaps and crash loops with
    the usual back-off show within a minute."""
    window: Literal["auto"] | Seconds = "auto"
    """How long everything must stay good for tier `full`; `auto` derives it from the alert rules
    in scope: range + for + keep_firing_for + two evaluation intervals."""
    poll_every: PositiveSeconds = 5.0
    """Time between two looks. A look costs one list per kind and namespace."""
    wait_at_most: Seconds = 1200.0
    """Longest wait of one gate; longer than any window that ITBench's rules give (12 minutes)."""
    list_timeout: PositiveSeconds = 10.0
    """Time limit of one list or query."""
    unknown_grace: Seconds = 15.0
    """How long evidence that may come back (a timeout, a 5xx) is asked for again before the
    verdict is `unknown`. A 403 is never waited for."""
    ignore_lists: tuple[str, ...] = ()
    """Kinds that are not read, such as `Node` where the guard has rights in its namespaces only.
    Each is named in every report. What the gate judges by (workloads, pods, Services) cannot be
    left out."""
    custom_resources: tuple[str, ...] = ()
    """Custom resources that must be well too, as `plural.group/version`: every object of them in
    scope must be reconciled and ready by its own conditions. Each costs a list per namespace."""
    allow: tuple[AllowedLoss, ...] = ()
    """Losses that are wanted, such as a planned scale-down. Each use is named in the report; one
    that is not used does nothing. None by default: a loss is what a faked recovery is made of."""
    allow_no_alert_source: StrictBool = False
    """Whether a run without Prometheus may end `resolved`, at tier `state` at most."""
    traffic: tuple[str, ...] = ()
    """PromQL rates of requests, such as `sum(rate(http_requests_total{namespace="shop"}[2m]))`.
    Without any, those behind the alert rules in scope are taken."""
    traffic_floor_percent: Percent = 50
    """Share of the requests from before the incident that must come again. Half leaves room for
    the hours of a day, and none for a load generator that was stopped; 0 asks for none."""
    watch_for: Seconds = 0.0
    """How long an accepted mend is still watched; a regression in that time refuses the end after
    all. 0 ends the run with the pass, whose window has seen things stay good already."""
    custom: tuple[CustomCheck, ...] = ()
    """Checks of one's own: PromQL comparisons, HTTP probes, conditions on objects."""
    extra_checks: tuple[CheckName, ...] = ()
    """Installed checks of others (entry points `guarded_agent.checks`) to run as well."""
    skip_checks: tuple[CheckName, ...] = ()
    """Checks of this package not to run; each report names them."""
    extra_gates: tuple[CheckName, ...] = ()
    """Installed gates of others (entry points `guarded_agent.gates`) that must pass as well."""

    @field_validator("custom")
    @classmethod
    def _distinct(cls, given: tuple[CustomCheck, ...]) -> tuple[CustomCheck, ...]:
        names = [check.name for check in given]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two custom checks are called {name!r}; reports need the name")
        return given


class EffectRules(Strict):
    """What happens to tool calls, by what they do to the world."""

    read: EffectRule = "allow"
    write: EffectRule = "allow"
    destructive: EffectRule = "warn"


MACHINE_FILES = (".yaml", ".yml", ".json")
"""Endings that tell a machine file from the name of a shipped machine."""


def is_machine_file(text: str) -> bool:
    """Tell a machine file from a name.

    >>> [is_machine_file(text) for text in ("auto", "ours.yaml")]
    [False, True]
    """
    return text.endswith(MACHINE_FILES)


class FsmSettings(Strict):
    """Termination control outside the model."""

    machine: Annotated[str, Field(min_length=1)] = "auto"
    """The machine that ends runs. `auto` takes the shipped one for what the incident asks
    (`mitigation` or `diagnosis`); `none` leaves ends to the gate and the budgets; else the name of
    a shipped one, or a machine file (`.yaml`, `.json`), relative to the policy file."""
    settle: Seconds | None = None
    """How long a change needs to take effect before a look at it counts; None leaves it to the
    machine (15s in the shipped ones)."""
    alignment: Literal["none", "warn", "reconcile"] = "warn"
    """What happens to a call that is not what the agent said it would do: nothing, it is reported,
    or it does not run and the agent is asked which of the two it means; when it differs again, both
    steps are taken back, as `hygiene.early` has it."""
    questions: Literal["ask", "none"] = "ask"
    """Whether a person is asked when it is not clear what is meant. Until then nothing is changed;
    `none` lets the agent guess."""
    answer_within: PositiveSeconds = 1800.0
    """How long an answer is waited for; after that the run goes on without changes and is handed
    over. Half an hour is the time that on-call schedules commonly give for an acknowledgement."""
    unreconciled: Literal["warn", "escalate"] = "escalate"
    """What happens when a change is not what was said although the agent was asked, and asked again
    after each of the `hygiene.rewinds` that there may be: it runs and is reported, or a person is
    called. Reads that differ then run and are reported."""


FilterName = Literal["plain", "redact", "label", "repeats", "thought", "compress", "window"]

FILTERS: Final[tuple[FilterName, ...]] = get_args(FilterName)


class HygieneSettings(Strict):
    """What reaches the model. The trace keeps everything but secrets."""

    filters: tuple[FilterName, ...] = FILTERS
    """What is done to the messages before each model call, in this order: secrets are hidden, text
    written like an instruction is labelled as data, results that a newer one stands in for and
    thought of earlier turns go, older results are compressed, and whole turns go when there is no
    room. Empty: messages are sent as they are."""
    tokens: Count = 100_000
    """Room for the messages; tools' descriptions and the answer come on top. Below half of what
    current models take: what stands in the middle of a longer history is read less well."""
    recent: Count = 3
    """Turns from the end that keep their results and thought as long as there is room."""
    early: Literal["none", "warn", "reconcile"] = "reconcile"
    """What happens to a call that is wrong by itself: its tool would not take it, it changes a name
    that nothing and nobody gave, or what was never looked at. Nothing; it runs and is reported; or
    it is sent back, and when the agent's next turn is wrong too, both are taken back."""
    rewinds: Count = 3
    """How often steps are taken back before a person is called. An agent that errs again from a
    clean state errs for another reason than its context."""


SignatureName = Literal["frontier", "mid-tier", "open"]


class CascadeSettings(Strict):
    """When failures come so thick that one follows from another, and what is done then.

    First the rules here apply, where they are stricter than the run's own, and the count begins
    anew; when it is full again, a person is called, with what was found so far.
    """

    signature: SignatureName = "mid-tier"
    """The class of models whose published signature says which modes count: those that its failed
    runs show more often than its successful ones. Repetition counts for none of the three."""
    modes: Count | None = 4
    """Distinct failure modes that make a cascade; a failed run of this class shows 3.5 that count,
    a successful one 1.6. None: only their number counts."""
    signs: Count | None = 6
    """Findings and wrong calls that make one when they come within `within` turns. A failed run has
    4.7 modes in some 50 turns, one in ten. None: only distinct modes count."""
    within: Count = 8
    """Turns that are looked back on for that."""
    then: Literal["warn", "tighten", "escalate"] = "tighten"
    """What is done: it is reported; the rules below apply, and a person is called if that does not
    help; or a person is called at once."""
    write: EffectRule = "allow"
    """What then happens to changes."""
    destructive: EffectRule = "block"
    """What then happens to calls that take something away."""
    tokens: Count = 24_000
    """Room that the messages then have: less of what went wrong is read again."""


class DetectorSettings(Strict):
    """Which failure modes are looked for, beside and instead of the shipped detectors."""

    extra: tuple[CheckName, ...] = ()
    """Installed detectors of others (entry points `guarded_agent.detectors`) to run as well."""
    skip: tuple[CheckName, ...] = ()
    """Names of shipped detectors, as findings carry them, whose findings are dropped."""


class ToolNames(Strict):
    """Glob patterns over tool names, for tools whose name and arguments do not tell enough."""

    finish: tuple[str, ...] = ()
    """Tools that submit the answer; held until the gate passes. Added to the built-in names."""
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    destructive: tuple[str, ...] = ()
    shell: tuple[str, ...] = ()
    """Tools whose argument is a command line. Added to the built-in names."""


class Sections(Strict):
    """What can be set for a class of models, for a policy as a whole, and for one run."""

    budgets: Budgets = Field(default_factory=Budgets)
    gate: GateSettings = Field(default_factory=GateSettings)
    effects: EffectRules = Field(default_factory=EffectRules)
    fsm: FsmSettings = Field(default_factory=FsmSettings)
    hygiene: HygieneSettings = Field(default_factory=HygieneSettings)
    cascade: CascadeSettings = Field(default_factory=CascadeSettings)
    detectors: DetectorSettings = Field(default_factory=DetectorSettings)
    tools: ToolNames = Field(default_factory=ToolNames)


class Profile(Sections):
    """Settings for one class of models."""

    models: tuple[str, ...] = ()
    """Globs over `provider:name`, case ignored; the first profile with a match is used. Without
    any, the profile is used only when it is named."""


class Settings(Sections):
    """What applies to one run: a profile, chosen and merged, under its name."""

    profile: str = "default"
    mode: Literal["enforce", "shadow"] = "enforce"
    """`shadow` decides and records everything, and holds nothing back."""

    def rule_for(self, effect: Effect) -> EffectRule:
        """Return what happens to a call of this effect (a finish call is held, never blocked)."""
        match effect:
            case Effect.READ | Effect.FINISH:
                return self.effects.read if effect is Effect.READ else "allow"
            case Effect.WRITE:
                return self.effects.write
            case Effect.DESTRUCTIVE:
                return self.effects.destructive
