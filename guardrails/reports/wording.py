"""How things are said to people: facts, findings, arguments, outcomes, in one line each."""

import msgspec

from guardrails.core.events import Event, RunStarted, StepTakenBack
from guardrails.core.evidence import (
    AlertRef,
    Evidence,
    EvidenceState,
    GateProgress,
    GateReport,
    ObjectRef,
    SourceRef,
)
from guardrails.core.findings import Finding
from guardrails.core.mast import MODES
from guardrails.core.outcome import Outcome


def until(progress: GateProgress) -> str:
    """Say how long a wait takes at most."""
    if progress.waiting_until is None:
        return ""
    left = (progress.waiting_until - progress.at).total_seconds()
    return f" (at most {left:.0f}s)" if left > 0 else ""


def count(number: int, what: str) -> str:
    """Write a number of things.

    >>> count(1, "step"), count(2, "step")
    ('1 step', '2 steps')
    """
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def sentence(text: str) -> str:
    """Close a text as a sentence, whoever wrote it.

    >>> sentence("claims mitigated"), sentence("Is it?"), sentence("")
    ('claims mitigated.', 'Is it?', '')
    """
    text = text.rstrip()
    return text if not text or text.endswith((".", "!", "?", "…")) else f"{text}."


def tally(report: GateReport) -> str:
    """Say how many facts of a report hold; what counts against nobody is told apart."""
    counted = [fact for fact in report.evidence if fact.counts]
    held = sum(1 for fact in counted if fact.state is EvidenceState.SATISFIED)
    aside = len(report.evidence) - len(counted)
    beside = f", {aside} set aside" if aside else ""
    return f"{held} of {len(counted)} facts hold{beside}"


def describe_fact(fact: Evidence) -> str:
    """Write one fact of a report as a line."""
    what = f"{describe_subject(fact)}"
    field = f" {fact.field}" if fact.field else ""
    seen = f" is {fact.observed}" if fact.observed else f" is {fact.state}"
    wanted = f", expected {fact.expected}" if fact.expected else ""
    return f"{fact.check}: {what}{field}{seen}{wanted}"


def describe_allowed(fact: Evidence) -> str:
    """Write a loss that somebody allowed, with who and why."""
    return f"{fact.check}: {describe_subject(fact)} ({fact.allowed_by})"


def describe_subject(fact: Evidence) -> str:
    """Name what a fact is about, as an operator would."""
    match fact.subject:
        case ObjectRef() as subject:
            return describe_object(subject)
        case AlertRef(labels=labels):
            rest = ", ".join(f"{k}={v}" for k, v in labels.items() if k != "alertname")
            name = labels.get("alertname", "alert")
            return f"alert {name}" + (f" ({rest})" if rest else "")
        case SourceRef(source=source, detail=detail):
            return f"{source} {detail}".strip()


def describe_object(subject: ObjectRef) -> str:
    """Name an object, as an operator would."""
    where = f"{subject.namespace}/" if subject.namespace else ""
    return f"{subject.kind} {where}{subject.name}"


def outcome_sentence(outcome: Outcome) -> str:
    """Say what an outcome means."""
    return _MEANINGS[outcome]


_MEANINGS = {
    Outcome.RESOLVED: "the incident is fixed, on evidence",
    Outcome.DIAGNOSED: "the root cause is named, and what is named was looked at",
    Outcome.UNRESOLVED: "the incident is not fixed",
    Outcome.ESCALATED: "a person is needed",
    Outcome.UNVERIFIABLE: "neither proved nor refuted",
    Outcome.ABORTED: "broken off by an error or a cancellation",
}


def describe_start(event: Event, started: RunStarted) -> str:
    """Say under which rules a run begins."""
    mode = "shadow: nothing is held back" if started.shadow else "enforce"
    scope = ", ".join(started.incident.namespaces) or "no namespace"
    model = f", model {started.model}" if started.model else ""
    return f"{event.run[:8]}: profile {started.profile}{model}, namespace {scope}, {mode}"


def describe_finding(finding: Finding) -> str:
    """Say which failure mode was seen, and the first thing that shows it."""
    mode = MODES[finding.mode]
    said = finding.why or next(iter(finding.evidence), "")
    return f"{finding.mode} {mode.name}{f': {said}' if said else ''}"


def describe_taken_back(taken: StepTakenBack) -> str:
    """Say how much left the agent's history, and why.

    >>> describe_taken_back(StepTakenBack(call_ids=("a", "b"), steps=2, reason="there is no wbe"))
    '2 calls in 2 steps: there is no wbe'
    """
    calls = count(len(taken.call_ids), "call")
    steps = f" in {count(taken.steps, 'step')}" if taken.steps else ""
    return f"{calls}{steps}: {taken.reason}"


def describe_arguments(text: str) -> str:
    """Write arguments as `name=value`; a single one as its bare value."""
    try:
        values = msgspec.json.decode(text, type=dict[str, object])
    except msgspec.DecodeError:
        return text
    shown = {name: _value(value) for name, value in values.items() if value not in ("", None)}
    if len(shown) == 1:
        return next(iter(shown.values()))
    return " ".join(f"{name}={value}" for name, value in shown.items())


def _value(value: object) -> str:
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def without_numbers(reason: str) -> str:
    """Take the numbers out, so that a countdown is not a new reason."""
    return "".join(c for c in reason if not c.isdigit() and c not in ".,")


def printable(text: str, *, width: int, keep_columns: bool = False) -> str:
    r"""Make foreign text safe for a terminal: one line, no control characters, clipped.

    Models and tools write what they like, escape sequences included.

    Args:
        text: Anything.
        width: Most characters.
        keep_columns: Whether runs of blanks stay, as in a table.

    >>> printable("two\n  lines \x1b[31m", width=40)
    'two lines [31m'
    """
    clean = "".join(c if c.isprintable() else " " if c.isspace() else "" for c in text)
    line = clean.rstrip() if keep_columns else " ".join(clean.split())
    return line if len(line) <= width else f"{line[: max(1, width - 1)]}…"
