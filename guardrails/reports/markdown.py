"""The report as Markdown, for a pull request or an incident channel: short, worst first.

Whatever came from an agent or a cluster stands in code spans. There nothing is a link, an image, a
mention of somebody or markup of any kind, on all hosts that render it.
"""

import re
from collections.abc import Iterator
from typing import Final

from guardrails.core.evidence import EvidenceState
from guardrails.reports.drawing import clock
from guardrails.reports.page import state_of
from guardrails.reports.values import Attempt, Difference, RunReport, Seen
from guardrails.reports.wording import count, printable

FACTS: Final = 15
"""Pieces of evidence that are shown; the page and the JSON have all."""
CHANGES: Final = 20
FIELDS: Final = 3
"""Changed fields of one object."""
LENGTH: Final = 300
"""Characters of one text."""
_TICKS: Final = re.compile("`+")


def markdown(report: RunReport) -> str:
    """Return the report of a run, ending in a newline."""
    return "\n".join(_lines(report)) + "\n"


def code(text: str, *, limit: int = LENGTH) -> str:
    """Return foreign text as a code span in one line.

    >>> code("a `b` | @team")
    '`` a `b` ¦ @team ``'
    """
    # A bar would end the cell of a table, in a code span too.
    plain = printable(text, width=limit).replace("|", "¦")
    if not plain:
        return ""
    longest = max((len(run) for run in _TICKS.findall(plain)), default=0)
    if not longest:
        return f"`{plain}`"
    fence = "`" * (longest + 1)
    return f"{fence} {plain} {fence}"


def _lines(report: RunReport) -> Iterator[str]:
    outcome = report.outcome or "cut off"
    sign = "✅" if report.accepted else "❌" if report.outcome else "⚠️"
    yield f"## {sign} {outcome}: {report.meaning}"
    yield ""
    if report.why:
        yield code(report.why)
        yield ""
    if report.shadow:
        yield "Shadow: the guard only watched."
        yield ""
    yield from _facts(report)
    for one in report.attempts:
        yield ""
        yield from _attempt(one)
    yield from _failures(report)
    yield from _changes(report)
    if report.difference is not None:
        yield from _difference(report.difference)
    if report.losses:
        yield ""
        yield "### What the reference had, and the end has not"
        yield from _table(report.losses)
    if report.questions:
        yield ""
        yield "### Questions"
        for asked in report.questions:
            answer = f"{code(asked.answer)} {_by(asked.by)}" if asked.answer else "not answered"
            yield f"- {code(asked.text)}: {answer}".rstrip()


def _facts(report: RunReport) -> Iterator[str]:
    costs = report.costs
    tokens = f", {costs.input_tokens + costs.output_tokens:,} tokens"
    spent = tokens if costs.input_tokens or costs.output_tokens else ""
    yield "| | |"
    yield "|---|---|"
    yield f"| task | {code(report.task)} |"
    if report.claim:
        yield f"| claimed | {report.claim}: {code(report.said)} |"
    yield f"| scope | {code(', '.join(report.scope))} |"
    yield f"| agent | {code(report.model)} profile {code(report.profile)} |"
    yield (
        f"| took | {clock(costs.seconds)}, {count(costs.steps, 'step')}, "
        f"{count(costs.tool_calls, 'tool call')}, {count(costs.refusals, 'refusal')}{spent} |"
    )
    yield f"| run | {code(report.run)} |"


def _attempt(one: Attempt) -> Iterator[str]:
    verdict = "accepted" if one.accepted else f"gate {one.verdict}" if one.verdict else "not asked"
    yield f"### Attempt {one.number}: {verdict}"
    claimed = f"Claimed {one.claim}" if one.claim else f"Left by {one.exit}"
    said = f": {code(one.said)}" if one.said else ""
    yield f"{claimed}{said}, after {clock(one.began)}."
    for wait in one.waits:
        yield f"- waited for {code('; '.join(wait.reasons))}"
    wrong = [fact for fact in one.evidence if state_of(fact) not in {"satisfied", "aside"}]
    held = sum(f.counts and f.state is EvidenceState.SATISFIED for f in one.evidence)
    if wrong:
        yield from _table(wrong)
    if one.evidence:
        yield ""
        yield f"{count(held, 'fact')} held."


def _table(facts: "tuple[Seen, ...] | list[Seen]") -> Iterator[str]:
    yield ""
    yield "| state | check | object | observed | expected |"
    yield "|---|---|---|---|---|"
    for fact in facts[:FACTS]:
        subject = code(f"{fact.subject} {fact.field}".strip())
        yield (
            f"| {state_of(fact)} | {fact.check} | {subject} | {code(fact.observed)} "
            f"| {code(fact.expected)} |"
        )
    if len(facts) > FACTS:
        yield f"| | | {len(facts) - FACTS} more | | |"


def _failures(report: RunReport) -> Iterator[str]:
    if not report.findings:
        return
    yield ""
    yield "### Failures seen"
    for one in report.findings:
        about = f" {code(one.about)}" if one.about else ""
        yield f"- **{one.mode} {one.name}** ({one.weight}){about}: {code(one.why)}"


def _changes(report: RunReport) -> Iterator[str]:
    if not report.changes:
        return
    yield ""
    yield "### What the agent changed"
    for one in report.changes[:CHANGES]:
        status = one.status or "no result"
        yield f"- {clock(one.seconds)} {one.effect}: {code(f'{one.tool} {one.call}')} ({status})"
    if len(report.changes) > CHANGES:
        yield f"- and {len(report.changes) - CHANGES} more"


def _difference(found: Difference) -> Iterator[str]:
    if not found.objects:
        return
    yield ""
    yield f"### What is different in the cluster from {found.against}"
    for one in found.objects[:CHANGES]:
        fields = [
            f"{code(field.field)} {code(field.before) or 'none'} → {code(field.after) or 'none'}"
            for field in one.fields[:FIELDS]
        ]
        more = one.more_fields + len(one.fields) - len(fields)
        said = "; ".join([*fields, *([count(more, "more field")] if more else [])])
        yield f"- {code(one.subject)} {one.what}" + (f": {said}" if said else "")
    more = found.more_objects + max(0, len(found.objects) - CHANGES)
    if more > 0:
        yield f"- and {more} more"


def _by(who: str) -> str:
    return f"(by {code(who)})" if who else ""
