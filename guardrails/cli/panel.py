"""The last thing that a run prints: how it ended, why, and where everything is."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, TextIO

from guardrails.core.evidence import ReferenceSource
from guardrails.core.mast import MODES, FailureMode
from guardrails.core.outcome import Outcome
from guardrails.core.result import RunResult
from guardrails.reports.wording import count, describe_fact, outcome_sentence, printable, tally

if TYPE_CHECKING:
    from rich.console import Console

FACTS_SHOWN = 3
"""Open facts named at the end; the report has all."""

_WIDTH = 160
_STYLES = {
    Outcome.RESOLVED: "green",
    Outcome.DIAGNOSED: "green",
    Outcome.UNRESOLVED: "red",
    Outcome.ESCALATED: "yellow",
    Outcome.UNVERIFIABLE: "yellow",
    Outcome.ABORTED: "red",
}


def rows(result: RunResult, *, trace: str | None) -> list[tuple[str, str]]:
    """Return what there is to say, as name and value.

    Args:
        result: The run's result.
        trace: Where the trace is, if one was written.
    """
    found = [
        ("outcome", f"{result.outcome}: {outcome_sentence(result.outcome)}"),
        ("why", printable(f"{result.detail} ({result.reason})", width=_WIDTH)),
    ]
    if result.claim is not None:
        said = printable(result.claim.text, width=_WIDTH - 20)
        found.append(("claim", f"{result.claim.kind}: “{said}”"))
    found.append(("proof", _proof(result)))
    found.extend(("open", text) for text in _open_facts(result))
    found.append(
        (
            "work",
            (
                f"{count(result.steps, 'step')}, {count(result.tool_calls, 'tool call')}, "
                f"{count(result.refusals, 'refused end')}, {result.seconds:.1f}s"
            ),
        )
    )
    found.extend(("phases", text) for text in _phases(result))
    found.append(("findings", "; ".join(_findings(result.failure_vector)) or "none"))
    found.append(("trace", trace or "not kept; --trace FILE keeps one"))
    if result.shadow:
        found.append(("shadow", "nothing was held back; enforce mode might have ended otherwise"))
    return found


def print_plain(stream: TextIO, result: RunResult, *, trace: str | None) -> None:
    """Write the end of a run as plain lines."""
    stream.write("\n")
    stream.writelines(f"{name:<9} {value}\n" for name, value in rows(result, trace=trace))
    stream.flush()


def print_rich(console: "Console", result: RunResult, *, trace: str | None) -> None:
    """Draw the end of a run as a panel."""
    from rich.panel import Panel  # noqa: PLC0415  # only where there is a terminal
    from rich.table import Table  # noqa: PLC0415  # as above
    from rich.text import Text  # noqa: PLC0415  # as above

    style = _STYLES[result.outcome]
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in rows(result, trace=trace):
        table.add_row(name, Text(value, style=f"bold {style}" if name == "outcome" else ""))
    console.print(
        Panel(table, title=f" {str(result.outcome).upper()} ", border_style=style, expand=False)
    )


def _proof(result: RunResult) -> str:
    if result.report is None:
        return "no gate was asked"
    report = result.report
    reached = f"tier {report.tier}" if report.tier else "no tier"
    needed = "" if report.tier == report.required_tier else f" of {report.required_tier}"
    reference = report.reference.source
    against = "no reference" if reference is ReferenceSource.NONE else f"reference: {reference}"
    return f"gate {report.verdict}, {reached}{needed}, {tally(report)}, {against}"


def _open_facts(result: RunResult) -> Iterable[str]:
    if result.report is None or result.outcome.accepted:
        return
    facts = (*result.report.violated, *result.report.unknown)
    for fact in facts[:FACTS_SHOWN]:
        yield printable(describe_fact(fact), width=_WIDTH)
    if len(facts) > FACTS_SHOWN:
        yield f"and {len(facts) - FACTS_SHOWN} more"


def _phases(result: RunResult) -> Iterable[str]:
    """Tell the way through the machine, and what is left for whoever takes over."""
    work = result.work
    if work is None:
        return
    yield " > ".join(
        f"{one.phase} ({one.turns})" if one.turns else one.phase for one in work.phases
    )
    if result.outcome.accepted:
        return
    if work.hypotheses:
        suspected = f"suspected: {', '.join(work.hypotheses[:FACTS_SHOWN])}"
        yield printable(suspected, width=_WIDTH)
    if work.changes:
        yield printable(f"changed: {', '.join(work.changes[-FACTS_SHOWN:])}", width=_WIDTH)
    for question in work.questions:
        yield printable(f"not answered: {question}", width=_WIDTH)


def _findings(vector: dict[str, int]) -> Iterable[str]:
    for mode, times in sorted(vector.items()):
        yield f"{mode} {MODES[FailureMode(mode)].name}" + (f" x{times}" if times > 1 else "")
