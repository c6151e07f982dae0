"""The one sentence of a report that a person reads first."""

import msgspec

from guardrails.core.evidence import EvidenceState, GateReport, GateVerdict, SourceRef
from guardrails.gates.feedback import describe
from guardrails.policy.durations import format_duration


def summarize(report: GateReport) -> GateReport:
    """Return the report with its summary filled in."""
    words = (_sentence(report), _allowed(report), _left_out(report))
    return msgspec.structs.replace(report, summary="".join(words))


def _left_out(report: GateReport) -> str:
    """Name the checks that the policy kept from being run."""
    names = [
        e.check
        for e in report.evidence
        if isinstance(e.subject, SourceRef) and e.subject.source == "policy" and not e.counts
    ]
    return f" By policy not run: {', '.join(names)} (gate.skip_checks)." if names else ""


ALLOWED_NAMED = 3
"""Allowed losses that the summary names; the report holds all."""


def _allowed(report: GateReport) -> str:
    """Name what was lost with somebody's consent, whatever the verdict."""
    allowed = report.allowed
    if not allowed:
        return ""
    named = [f"{e.check} of {describe(e.subject)} ({e.allowed_by})" for e in allowed]
    more = f"; and {len(named) - ALLOWED_NAMED} more" if len(named) > ALLOWED_NAMED else ""
    return f" Allowed: {'; '.join(named[:ALLOWED_NAMED])}{more}."


def _sentence(report: GateReport) -> str:
    match report.verdict:
        case GateVerdict.PASS:
            satisfied = sum(e.state is EvidenceState.SATISFIED for e in report.evidence)
            held = format_duration(round((report.ended_at - report.trail[0].at).total_seconds()))
            return (
                f"Passed at tier {report.tier}: {satisfied} facts satisfied, watched for {held}; "
                f"reference: {report.reference.source}."
            )
        case GateVerdict.FAIL:
            hard = [
                e
                for e in report.violated
                if e.settles_by is None or e.settles_by <= report.ended_at
            ]
            first = hard[0]
            more = f", and {len(hard) - 1} more" if len(hard) > 1 else ""
            return f"Failed: {describe(first.subject)}: {first.observed}{more}."
        case GateVerdict.UNKNOWN:
            return f"Unknown: {'; '.join(report.waiting_for)}."
        case GateVerdict.PENDING:
            until = f" until {report.waiting_until:%H:%M:%S}" if report.waiting_until else ""
            return f"Not yet: waiting{until} for {'; '.join(report.waiting_for)}."
