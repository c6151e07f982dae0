"""A run in words and lines: its events as they come, its findings, its gate. Values, no screen.

A stream has events without the decisions on them, so a call is told as a call: whether it reads or
writes, and whether it was let through, is in the run's report.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from rich.table import Table
from rich.text import Text

from guardrails.core.events import Event, GateReported, ToolRequested, ToolReturned, WatchReported
from guardrails.core.findings import Finding
from guardrails.core.mast import Weight
from guardrails.core.outcome import Outcome
from guardrails.reports.story import lines_of
from guardrails.reports.values import Kind
from guardrails.reports.wording import (
    count,
    describe_fact,
    describe_finding,
    outcome_sentence,
    printable,
)
from guardrails.top.asking import Unread
from guardrails.top.wire import Asked, RunState
from guardrails.top.words import span, status_of_state, steps, waits_for

LONGEST: Final = 1_000
"""Characters of one text; a screen of the smallest terminal has some 1,900."""
FACTS_SHOWN: Final = 4
"""Facts of a report beside the event; the view of the gate names the rest."""
LINES_SHOWN: Final = 4
"""Lines of a tool's result."""
LABEL: Final = 10

_STYLES: Final = {
    Kind.ERROR: "red",
    Kind.FAILED: "red",
    Kind.REFUSED: "red",
    Kind.ACCEPTED: "green",
    Kind.GATE: "cyan",
    Kind.CLAIM: "bold",
    Kind.PERSON: "yellow",
    Kind.GUARD: "magenta",
    Kind.RESULT: "dim",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One line of what happened; where it is broken, the words stay under each other."""

    at: str
    label: str
    text: Text
    style: str

    def __rich__(self) -> Table:
        """Return it as it is drawn."""
        table = Table.grid(padding=(0, 1))
        table.add_column(width=8, style="dim", no_wrap=True)
        table.add_column(width=LABEL, no_wrap=True)
        table.add_column(ratio=1, overflow="fold")
        table.add_row(Text(self.at), Text(self.label, style=self.style), self.text)
        return table


def event_lines(event: Event | Unread) -> Iterator[Told]:
    """Yield the lines of one event."""
    if isinstance(event, Unread):
        yield _line("", "unknown", f"event {event.seq} is of a later version ({event.why})", "dim")
        return
    at = f"{event.at.astimezone():%H:%M:%S}"
    for line in lines_of((event,)):
        called = isinstance(event.fact, ToolRequested)
        label, style = ("call", "") if called else (line.label, _STYLES.get(line.kind, ""))
        who = f"{line.agent}: " if line.agent else ""
        yield _line(at, label, f"{who}{line.text}", style)
    if isinstance(event.fact, ToolReturned):
        yield from _more(event.fact.text)
    if isinstance(event.fact, GateReported | WatchReported):
        report = event.fact.report
        facts = (*report.violated, *report.unknown)
        for fact in facts[:FACTS_SHOWN]:
            yield _line("", "", describe_fact(fact), "")
        if len(facts) > FACTS_SHOWN:
            yield _line("", "", f"and {len(facts) - FACTS_SHOWN} more", "dim")


def _more(result: str) -> Iterator[Told]:
    """Yield the next lines of a result; its first one, and how many there are, was told."""
    lines = [line for line in result.splitlines() if line.strip()]
    for line in lines[1:LINES_SHOWN]:
        yield _line("", "", printable(line, width=LONGEST, keep_columns=True), "dim")


def end_line(state: RunState) -> Told:
    """Return the last line of a run."""
    at = f"{state.changed.astimezone():%H:%M:%S}" if state.changed is not None else ""
    said = f"{state.outcome}: {meaning(state.outcome or '')}"
    return _line(at, "end", said, f"bold {status_of_state(state).style}")


def meaning(outcome: str) -> str:
    """Say what an outcome means; one of a later version speaks for itself."""
    known = next((one for one in Outcome if one.value == outcome), None)
    return outcome if known is None else outcome_sentence(known)


def _line(at: str, label: str, said: str, style: str) -> Told:
    return Told(
        at=at,
        label=printable(label, width=LABEL),
        text=Text(printable(said, width=LONGEST, keep_columns=not label), style=style),
        style=style or "bold",
    )


def finding_lines(found: Sequence[Finding]) -> Iterator[Text]:
    """Yield findings, the newest first, with what shows them."""
    if not found:
        yield Text("no finding holds", style="dim")
    for one in reversed(found):
        style = "red" if one.weight is Weight.DECISIVE else ""
        where = f"steps {', '.join(map(str, one.steps))}" if one.steps else f"event {one.seq}"
        by = f", {one.agent}" if one.agent else ""
        judged = ", said by a model" if one.judged else ""
        head = f"{one.weight}: {describe_finding(one)} ({where}{by}{judged})"
        yield Text(printable(head, width=LONGEST), style=style)
        for quote in one.evidence:
            yield Text(f"    {printable(quote, width=LONGEST)}", style="dim")


def gate_lines(state: RunState, now: datetime) -> Iterator[Text]:
    """Yield what was claimed, what the gate waits for, and what it last reported."""
    if state.claim is not None:
        yield _said(f"claim    {state.claim.kind}: {state.claim.text}")
    if state.progress is not None:
        yield _said(
            f"at work  {state.progress.verdict}, {count(state.progress.looks, 'look')}", "cyan"
        )
        for reason in state.progress.waiting_for:
            yield _said(f"         waits for {reason}")
        if state.progress.waiting_until is not None:
            left = (state.progress.waiting_until - now).total_seconds()
            yield _said(f"         at most {span(left)}")
    elif state.ending is not None:
        yield _said(f"at work  it judges an end ({state.ending})", "cyan")
    report = state.report
    if report is None:
        yield _said("report   the gate has judged no end yet", "dim")
        return
    tier = report.tier or "no tier"
    yield _said(f"report   {report.verdict} ({tier}): {report.summary}", "bold")
    for name in report.violated:
        yield _said(f"         violated: {name}", "red")
    for name in report.unknown:
        yield _said(f"         unknown: {name}", "yellow")


def head_lines(
    state: RunState, *, model: str, findings: str, now: datetime, width: int
) -> list[Text]:
    """Return the lines that stand above a run, each cut to the width."""
    status = status_of_state(state)
    ended = state.changed if state.ended and state.changed is not None else now
    age = "-" if state.created is None else span((ended - state.created).total_seconds())
    first = Text(printable(state.run, width=width), style="bold")
    if state.key:
        first.append(f"  key {printable(state.key, width=width)}", style="dim")
    second = Text()
    second.append(status.word, style=f"bold {status.style}")
    second.append(f"  {_work(state)}, age {age}, found {findings}")
    kind = ", ".join(one for one in (model, state.profile, state.mode, state.goal) if one)
    lines = [first, second, _said(f"with     {kind}"), _said(f"task     {state.task}")]
    if state.ended:
        said = f"{meaning(state.outcome or '')}; {state.detail} ({state.reason})"
        lines.append(_said(f"why      {said}"))
    lines.append(_said(f"gate     {_gate(state, now)}"))
    for line in lines:
        line.no_wrap = True
        line.truncate(width, overflow="ellipsis")
    return lines


def _work(state: RunState) -> str:
    known = state.budgets.get("steps")
    told = [
        f"phase {printable(state.phase, width=20) or '-'}",
        f"step {steps(state.step, None if known is None else known.limit)}",
    ]
    calls = state.budgets.get("tool_calls")
    if calls is not None:
        told.append(f"calls {steps(int(calls.spent), calls.limit)}")
    told.append(count(state.refusals, "refusal"))
    return ", ".join(told)


def _gate(state: RunState, now: datetime) -> str:
    if state.progress is not None and state.progress.waiting_for:
        return f"waits for {waits_for(state.progress, now)}"
    if state.ending is not None:
        return f"judges an end ({state.ending})"
    if state.report is None:
        return "has judged no end yet"
    return f"{state.report.verdict}: {state.report.summary}"


def question_lines(asked: Asked, *, open_: int) -> Iterator[Text]:
    """Yield a question with its answers, numbered as the service counts them."""
    more = f" (1 of {open_})" if open_ > 1 else ""
    yield _said(f"QUESTION{more}  {asked.text}", "bold yellow")
    if asked.why:
        yield _said(f"  because {asked.why}")
    for number, one in enumerate(asked.candidates, start=1):
        label = f" {one.label}" if one.label and one.label != one.id else ""
        yield _said(f"  {number}. {one.id}{label}")


def _said(text: str, style: str = "") -> Text:
    return Text(printable(text, width=LONGEST, keep_columns=True), style=style)
