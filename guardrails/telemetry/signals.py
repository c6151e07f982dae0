"""What an OpenTelemetry event says of a record: its name, how grave it is, and its attributes.

Only what a person would want to see beside a trace becomes one: findings and their withdrawal,
decisions that are not a plain "allow", reports of the gate, and the outcome. Arguments, results
and the model's words are in none of them; quotes of findings are, where they are asked for.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from guardrails.core.decisions import Decision, Next, Verdict
from guardrails.core.events import Event, GateReported, WatchReported
from guardrails.core.evidence import GateReport
from guardrails.core.findings import Finding, FindingWithdrawn
from guardrails.core.hooks import Record, RunEnded
from guardrails.core.mast import MODES
from guardrails.telemetry import semconv
from guardrails.telemetry.logentries import entry_of

Value = str | bool | int | float | Sequence[str] | Sequence[int]
Attributes = Mapping[str, Value]

TEXT_LIMIT: Final = 400
"""Characters of one attribute: a sentence for a person. Exporters cut or refuse long ones."""
LIST_LIMIT: Final = 8
"""Members of one attribute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One event on its way out."""

    name: str
    level: int
    """As in `logging`; the same as of the log line."""
    body: str
    """One sentence for a person."""
    attributes: Attributes


def signal_of(record: Record, *, quotes: bool = False) -> Signal | None:
    """Return what to say of a record; None for what is no news.

    Args:
        record: Any record of a run.
        quotes: Whether findings carry subject and quotes, which may be words of tools or models.
    """
    match record:
        case Finding():
            name, said = semconv.FINDING, _of_finding(record, quotes=quotes)
        case FindingWithdrawn():
            name, said = semconv.FINDING_WITHDRAWN, _of_withdrawn(record, quotes=quotes)
        case Decision() if is_news(record):
            name, said = semconv.DECISION, _of_decision(record)
        case Event(fact=GateReported(report=report)):
            name, said = semconv.GATE_REPORTED, attributes_of_report(report)
        case Event(fact=WatchReported() as watched):
            name, said = semconv.WATCH_REPORTED, attributes_of_watch(watched)
        case RunEnded():
            name, said = semconv.RUN_ENDED, attributes_of_end(record)
        case _:
            return None
    level, _, fields = entry_of(record)
    body = said.get(semconv.WHY) or said.get(semconv.SUMMARY) or fields.get("detail")
    body = body or said.get(semconv.OUTCOME) or said.get(semconv.REASON) or name
    return Signal(name=name, level=level, body=str(body), attributes=said)


def is_news(decision: Decision) -> bool:
    """Tell whether a decision is more than a plain "allow"."""
    return (
        decision.verdict is not Verdict.ALLOW
        or bool(decision.cascade)
        or decision.next in {Next.STOP, Next.END}
    )


def attributes_of_report(report: GateReport) -> Attributes:
    """Return what a report of the gate says."""
    return kept(
        {
            semconv.GATE: report.gate,
            semconv.CLAIM: report.claim.value,
            semconv.VERDICT: report.verdict.value,
            semconv.TIER: report.tier.value if report.tier else "",
            semconv.VIOLATED: [one.check for one in report.violated],
            semconv.UNKNOWN: [one.check for one in report.unknown],
            semconv.SUMMARY: report.summary,
        }
    )


def attributes_of_watch(watched: WatchReported) -> Attributes:
    """Return what the end of a watch says."""
    return {**attributes_of_report(watched.report), semconv.WATCH_END: watched.end.value}


def attributes_of_end(ended: RunEnded) -> Attributes:
    """Return how a run came out."""
    return kept(
        {
            semconv.OUTCOME: ended.outcome.value,
            semconv.REASON: ended.reason,
            semconv.STEPS: ended.steps,
            semconv.TOOL_CALLS: ended.tool_calls,
            semconv.REFUSALS: ended.refusals,
            semconv.INPUT_TOKENS: ended.input_tokens,
            semconv.OUTPUT_TOKENS: ended.output_tokens,
        }
    )


def kept(attributes: Attributes) -> dict[str, Value]:
    """Return attributes that say something, each cut to what exporters take.

    >>> kept({"a": "", "b": [], "c": 0, "d": "x" * 500})["d"][-1], len(kept({"a": "", "c": 0}))
    ('…', 1)
    """
    return {name: _cut(value) for name, value in attributes.items() if value not in ("", [], ())}


def _cut(value: Value) -> Value:
    match value:
        case str():
            text = str(value)  # a member of an enum is no plain string to every exporter
            return text if len(text) <= TEXT_LIMIT else f"{text[: TEXT_LIMIT - 1]}…"
        case bool() | int() | float():
            return value
        case _:
            return _cut_list(value)


def _cut_list(values: Sequence[str] | Sequence[int]) -> Sequence[str] | Sequence[int]:
    first = values[:LIST_LIMIT]
    return [str(_cut(one)) if isinstance(one, str) else one for one in first]  # pyright: ignore[reportReturnType]  # members are all of one kind


def _of_finding(finding: Finding, *, quotes: bool) -> Attributes:
    return kept(
        {
            semconv.SEQ: finding.seq,
            semconv.MODE: finding.mode.value,
            semconv.MODE_NAME: MODES[finding.mode].name,
            semconv.DETECTOR: finding.detector,
            semconv.SEVERITY: finding.weight.value,
            semconv.CONFIDENCE: finding.confidence,
            semconv.JUDGED: finding.judged,
            semconv.WHY: finding.why,
            semconv.STEPS: list(finding.steps[-LIST_LIMIT:]),
            semconv.AGENT_NAME: finding.agent,
            semconv.ABOUT: finding.about if quotes else "",
            semconv.QUOTES: list(finding.evidence) if quotes else [],
        }
    )


def _of_withdrawn(withdrawn: FindingWithdrawn, *, quotes: bool) -> Attributes:
    return kept(
        {
            semconv.SEQ: withdrawn.seq,
            semconv.MODE: withdrawn.mode.value,
            semconv.MODE_NAME: MODES[withdrawn.mode].name,
            semconv.DETECTOR: withdrawn.detector,
            semconv.WHY: withdrawn.why,
            semconv.AGENT_NAME: withdrawn.agent,
            semconv.ABOUT: withdrawn.about if quotes else "",
        }
    )


def _of_decision(decision: Decision) -> Attributes:
    _, _, fields = entry_of(decision)  # its detail leaves out what quotes a call or the model
    return kept(
        {
            semconv.SEQ: decision.seq,
            semconv.VERDICT: decision.verdict.value,
            semconv.ACTION: decision.action.value,
            semconv.NEXT: decision.next.value,
            semconv.REASON: decision.reason.value,
            semconv.SHADOW: decision.shadow,
            semconv.CASCADE: decision.cascade,
            semconv.PHASE: decision.phase,
            semconv.EFFECT: decision.tool_action.effect.value if decision.tool_action else "",
            semconv.OUTCOME: decision.outcome.value if decision.outcome else "",
            semconv.TOOL_CALL_ID: decision.call_id or "",
            semconv.DETAIL: str(fields.get("detail", "")),
        }
    )


def at_least_info(level: int) -> int:
    """Return a level that is sent: what is news is never only a debugging aid."""
    return max(level, logging.INFO)
