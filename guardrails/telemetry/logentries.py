"""What a log line says of each record: its level, its name and its fields.

What tools were given and what they returned is never in it, at any level: it may hold secrets, and
the trace file has it. Lines carry names, counts, verdicts and the guard's own words.
"""

import logging
from collections.abc import Mapping
from typing import assert_never

from guardrails.core.decisions import Decision, EnforcedAction, Reason, Verdict
from guardrails.core.events import (
    AgentHandedOff,
    AnyFact,
    ContextFiltered,
    EndRequested,
    ErrorRaised,
    Event,
    GateReported,
    LossAllowed,
    MessagePassed,
    ModelReplied,
    NodeRan,
    PlanStated,
    QuestionAnswered,
    QuestionAsked,
    QuestionsExpired,
    RunPaused,
    RunResumed,
    RunStarted,
    StepTakenBack,
    ToolRequested,
    ToolReturned,
    WatchEnd,
    WatchReported,
)
from guardrails.core.evidence import GateProgress, GateVerdict
from guardrails.core.findings import Finding, FindingWithdrawn
from guardrails.core.hooks import Record, RunEnded

Fields = Mapping[str, object]
Entry = tuple[int, str, Fields]
"""Level, event name, fields."""

_CLIP = 400
"""Longest free text in a line, in characters: a sentence for a person, not a document."""
_LISTED = 5
"""Most pieces of evidence named in a line; the trace has all."""


def entry_of(record: Record) -> Entry:
    """Return level, name (without the prefix) and fields of a record's line."""
    match record:
        case Event():
            level, name, fields = _entry_of_fact(record.fact)
            place: dict[str, object] = {"seq": record.seq, "step": record.step}
            if record.agent:
                place["agent"] = record.agent
            return level, name, {**place, **fields}
        case Decision():
            return _level_of_decision(record), "decision", _fields_of_decision(record)
        case Finding():
            return logging.WARNING, "finding", _fields_of_finding(record)
        case FindingWithdrawn():
            return logging.INFO, "finding.withdrawn", _fields_of_withdrawn(record)
        case GateProgress():
            return logging.DEBUG, "gate.progress", _fields_of_progress(record)
        case RunEnded():
            level = logging.INFO if record.outcome.accepted else logging.ERROR
            return level, "run.ended", _fields_of_end(record)
        case _:
            assert_never(record)


def is_of_every_turn(record: Record) -> bool:
    """Tell whether a record's line is at debug: what every turn has several of."""
    match record:
        case Event(fact=fact):
            return isinstance(fact, _OF_EVERY_TURN)
        case Decision():
            return _level_of_decision(record) == logging.DEBUG
        case _:
            return False


_OF_EVERY_TURN = (ModelReplied, NodeRan, ContextFiltered, ToolRequested, ToolReturned)


def _entry_of_fact(fact: AnyFact) -> Entry:
    fields: dict[str, object]
    match fact:
        case RunStarted() | RunPaused() | RunResumed() | AgentHandedOff():
            return _entry_of_course(fact)
        case ModelReplied() | NodeRan() | ContextFiltered() | ToolRequested() | ToolReturned():
            return _entry_of_turn(fact)
        case MessagePassed() | PlanStated():
            return _entry_of_exchange(fact)
        case StepTakenBack():
            fields = {"calls": list(fact.call_ids[:_LISTED]), "steps": fact.steps}
            return logging.WARNING, "step.taken_back", fields
        case EndRequested():
            claim = fact.claim.kind.value if fact.claim else "none"
            return logging.INFO, "end.requested", {"exit": fact.exit.value, "claim": claim}
        case GateReported():
            return _entry_of_report(fact)
        case WatchReported():
            return _entry_of_watch(fact)
        case LossAllowed(allowance=given):
            place = f"{given.namespace}/{given.kind}/{given.name}".removeprefix("/")
            fields = {"check": given.check, "object": place, "by": given.by}
            return logging.WARNING, "loss.allowed", fields
        case QuestionAsked() | QuestionAnswered() | QuestionsExpired():
            return _entry_of_question(fact)
        case ErrorRaised():
            level = logging.ERROR if fact.fatal else logging.WARNING
            fields = {"error": fact.error, "where": fact.where}
            if not fact.where.startswith("tool:"):  # a tool's error may quote its arguments
                fields["message"] = _clip(fact.message)
            return level, "error.raised", fields
        case _:
            assert_never(fact)


def _entry_of_question(fact: QuestionAsked | QuestionAnswered | QuestionsExpired) -> Entry:
    match fact:
        case QuestionAsked(question=asked):
            fields = {"question": asked.id, "candidates": len(asked.candidates)}
            return logging.WARNING, "question.asked", fields
        case QuestionAnswered(answer=given):
            fields = {"question": given.question, "choice": given.choice, "by": given.by}
            return logging.INFO, "question.answered", fields
        case QuestionsExpired(detail=detail):
            return logging.WARNING, "questions.expired", {"detail": detail}


def _entry_of_exchange(fact: MessagePassed | PlanStated) -> Entry:
    """Leave words out: they may quote what tools returned."""
    match fact:
        case MessagePassed():
            fields = {"to": fact.to, "kind": fact.kind, "ref": _clip(fact.ref)}
            return logging.INFO, "message.passed", fields
        case PlanStated():
            open_ = sum(item.status in {"pending", "active"} for item in fact.items)
            return logging.INFO, "plan.stated", {"items": len(fact.items), "open": open_}
        case _:
            assert_never(fact)


def _entry_of_course(fact: RunStarted | RunPaused | RunResumed | AgentHandedOff) -> Entry:
    match fact:
        case RunStarted():
            return (
                logging.INFO,
                "run.started",
                {
                    "adapter": fact.adapter,
                    "model": fact.model,
                    "profile": fact.profile,
                    "policy": fact.policy_digest,
                    "shadow": fact.shadow,
                    "namespaces": list(fact.incident.namespaces),
                    "alerts": len(fact.incident.alerts),
                },
            )
        case RunPaused():
            return logging.INFO, "run.paused", {"reason": fact.reason.value}
        case RunResumed():
            return logging.INFO, "run.resumed", {}
        case AgentHandedOff():
            fields = {"to": fact.to, "leaves_graph": fact.leaves_graph}
            return logging.INFO, "agent.handed_off", fields
        case _:
            assert_never(fact)


def _entry_of_turn(
    fact: ModelReplied | NodeRan | ContextFiltered | ToolRequested | ToolReturned,
) -> Entry:
    match fact:
        case ModelReplied():
            fields: dict[str, object] = {
                "tools": [call.tool for call in fact.tool_calls],
                "invalid_tool_calls": len(fact.invalid_tool_calls),
            }
            if fact.usage is not None:
                fields["input_tokens"] = fact.usage.input_tokens
                fields["output_tokens"] = fact.usage.output_tokens
            return logging.DEBUG, "model.replied", fields
        case NodeRan():
            return logging.DEBUG, "node.ran", {"node": fact.node, "turn": fact.turn}
        case ContextFiltered():
            fields = {"before": fact.before, "after": fact.after, **fact.left}
            return logging.DEBUG, "context.filtered", fields
        case ToolRequested():
            return logging.DEBUG, "tool.requested", {"tool": fact.tool, "call_id": fact.call_id}
        case ToolReturned():
            return (
                logging.DEBUG,
                "tool.returned",
                {
                    "tool": fact.tool,
                    "call_id": fact.call_id,
                    "status": fact.status.value,
                    "characters": fact.size,
                },
            )
        case _:
            assert_never(fact)


_GATE_LEVELS = {
    GateVerdict.PASS: logging.INFO,
    GateVerdict.PENDING: logging.INFO,
    GateVerdict.FAIL: logging.WARNING,
    GateVerdict.UNKNOWN: logging.WARNING,
}


def _entry_of_report(fact: GateReported) -> Entry:
    report = fact.report
    return (
        _GATE_LEVELS[report.verdict],
        "gate.reported",
        {
            "gate": report.gate,
            "claim": report.claim.value,
            "verdict": report.verdict.value,
            "tier": report.tier.value if report.tier else "none",
            "required_tier": report.required_tier.value,
            "reference": report.reference.source.value,
            "seconds": round((report.ended_at - report.started_at).total_seconds(), 3),
            "violated": [e.check for e in report.violated[:_LISTED]],
            "unknown": [e.check for e in report.unknown[:_LISTED]],
            "waiting_for": list(report.waiting_for[:_LISTED]),
            "summary": _clip(report.summary),
        },
    )


_WATCH_LEVELS = {
    WatchEnd.HELD: logging.INFO,
    WatchEnd.SETTLING: logging.WARNING,
    WatchEnd.UNREAD: logging.WARNING,
    WatchEnd.REGRESSED: logging.ERROR,
}


def _entry_of_watch(fact: WatchReported) -> Entry:
    report = fact.report
    return (
        _WATCH_LEVELS[fact.end],
        "watch.reported",
        {
            "end": fact.end.value,
            "gate": report.gate,
            "verdict": report.verdict.value,
            "seconds": round(fact.seconds, 3),
            "violated": [e.check for e in report.violated[:_LISTED]],
            "unknown": [e.check for e in report.unknown[:_LISTED]],
            "summary": _clip(report.summary),
        },
    )


def _level_of_decision(decision: Decision) -> int:
    """Rank a decision; in shadow mode too, because the verdict is what it would have been."""
    lost = decision.outcome is not None and not decision.outcome.accepted
    escalated = EnforcedAction.ESCALATE is decision.action or decision.verdict is Verdict.ESCALATE
    if lost or escalated:
        return logging.ERROR
    return logging.DEBUG if decision.verdict is Verdict.ALLOW else logging.WARNING


def _fields_of_decision(decision: Decision) -> Fields:
    fields: dict[str, object] = {
        "seq": decision.seq,
        "verdict": decision.verdict.value,
        "action": decision.action.value,
        "next": decision.next.value,
        "reason": decision.reason.value,
        "shadow": decision.shadow,
    }
    optional: dict[str, object] = {
        "call_id": decision.call_id,
        "outcome": decision.outcome.value if decision.outcome else None,
        "effect": decision.tool_action.effect.value if decision.tool_action else None,
        "cascade": decision.cascade,
        "detail": _clip(_detail_of(decision)),
    }
    return fields | {name: value for name, value in optional.items() if value}


def _detail_of(decision: Decision) -> str:
    """Leave out what quotes an error, a call or the model: words that were given to a tool."""
    return "" if decision.reason in _QUOTING else decision.to_person


_QUOTING = frozenset(
    {Reason.ERROR, Reason.BAD_CALL, Reason.INVENTED, Reason.UNREAD, Reason.MISMATCH}
)


def _fields_of_finding(finding: Finding) -> Fields:
    """Leave out quotes and subject: they may come from tool output, or from a call."""
    return {
        "seq": finding.seq,
        "mode": finding.mode.value,
        "detector": finding.detector,
        "weight": finding.weight.value,
        "confidence": finding.confidence,
        "steps": list(finding.steps),
        "agent": finding.agent,
        "judged": finding.judged,
    }


def _fields_of_withdrawn(withdrawn: FindingWithdrawn) -> Fields:
    return {
        "seq": withdrawn.seq,
        "mode": withdrawn.mode.value,
        "detector": withdrawn.detector,
        "agent": withdrawn.agent,
        "why": _clip(withdrawn.why),
    }


def _fields_of_progress(progress: GateProgress) -> Fields:
    until = progress.waiting_until
    return {
        "verdict": progress.verdict.value,
        "looks": progress.looks,
        "waiting_for": list(progress.waiting_for[:_LISTED]),
        "waiting_until": until.isoformat() if until else None,
    }


def _fields_of_end(ended: RunEnded) -> Fields:
    return {
        "outcome": ended.outcome.value,
        "reason": _clip(ended.reason),
        "steps": ended.steps,
        "tool_calls": ended.tool_calls,
        "refusals": ended.refusals,
        "input_tokens": ended.input_tokens,
        "output_tokens": ended.output_tokens,
    }


def _clip(text: str) -> str:
    return text if len(text) <= _CLIP else f"{text[:_CLIP]}…"
