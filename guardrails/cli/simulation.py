"""A stored run, stepped through by a machine: where it stands after each event, and why."""

from collections.abc import Iterator, Sequence

from guardrails.core.decisions import Decision
from guardrails.core.events import (
    EndRequested,
    Event,
    GateReported,
    ModelReplied,
    RunStarted,
    ToolRequested,
    ToolReturned,
)
from guardrails.core.ids import RunId
from guardrails.engine import Rules, SessionState, fold
from guardrails.engine.replay import rules_of
from guardrails.errors import UsageError
from guardrails.fsm.machine import Machine
from guardrails.fsm.words import LIMIT
from guardrails.reports.wording import printable

SHOWN = 60
"""Characters of a text in a line."""


def simulated(events: Sequence[Event], *, machine: Machine | None) -> Iterator[str]:
    """Yield a line per event.

    Args:
        events: One run's events, in order.
        machine: What to step by; None for the run's own machine.

    Raises:
        UsageError: The run had no machine, and none is given.
        TraceError: The events hold no settings that can be read.
    """
    rules = _rules(events, machine)
    before = ""
    state = SessionState(run=events[0].run if events else RunId(""))
    for event in events:
        folded = fold(state, event, rules)
        state = folded.state
        yield _line(event, folded.decision, before=before)
        before = folded.decision.phase


def _rules(events: Sequence[Event], machine: Machine | None) -> Rules:
    rules = rules_of(events)
    if machine is not None:
        return rules.with_machine(machine)
    if rules.mitigation is None and rules.diagnosis is None:
        raise UsageError("the run had no machine; name one with --machine")
    return rules


def _line(event: Event, decision: Decision, *, before: str) -> str:
    moved = (
        f"{before} -> {decision.phase}" if before and before != decision.phase else decision.phase
    )
    to_model = printable(decision.to_model, width=LIMIT)
    said = f"  {decision.reason}: {to_model}" if to_model else ""
    return f"{event.seq:>4}  turn {event.step:<3} {moved:<28} {_told(event)}{said}".rstrip()


def _told(event: Event) -> str:
    match event.fact:
        case RunStarted(incident=incident):
            return f"run started: {incident.goal}"
        case ModelReplied(text=text, reasoning=reasoning):
            return f"model: {printable(text or reasoning, width=SHOWN)}"
        case ToolRequested(tool=tool, arguments=arguments):
            return f"call: {printable(tool, width=SHOWN)} {printable(arguments, width=SHOWN)}"
        case ToolReturned(tool=tool, status=status):
            return f"back: {printable(tool, width=SHOWN)} {status}"
        case EndRequested(exit=door, claim=claim):
            return f"end: {door}" + (f", claims {claim.kind}" if claim else "")
        case GateReported(report=report):
            return f"gate: {report.verdict}"
        case other:
            return type(other).__name__
