"""Every exit goes through here: what becomes of an end that the agent asks for.

An end is accepted only on a passing report. Everything else is refused with the facts, and when
refusing leads nowhere the run ends with an outcome that says what is known.
"""

import msgspec

from guardrails.core.claims import ClaimKind
from guardrails.core.decisions import Decision, EnforcedAction, Next, Reason, Verdict
from guardrails.core.events import EndRequested, ExitKind, WatchEnd, WatchReported
from guardrails.core.evidence import GateReport, GateVerdict
from guardrails.core.incident import Goal
from guardrails.core.outcome import Outcome
from guardrails.core.toolaction import Effect
from guardrails.engine import words
from guardrails.engine.state import Ending, SessionState
from guardrails.policy.models import Settings

replace = msgspec.structs.replace

Step = tuple[SessionState, Decision]

_WITHOUT_ANSWER = {
    ExitKind.EMPTY: (Reason.EMPTY_ANSWER, words.EMPTY_ANSWER),
    ExitKind.MALFORMED: (Reason.MALFORMED_CALL, words.MALFORMED_CALL),
}
_BROKEN_OFF = {
    ExitKind.ERROR: Reason.ERROR,
    ExitKind.CANCELLED: Reason.CANCELLED,
}
_STOPPED_OUTSIDE = {
    ExitKind.RECURSION: Reason.RECURSION_LIMIT,
    ExitKind.BUDGET: Reason.BUDGET_STEPS,
}
_SAID = {
    ClaimKind.GAVE_UP: (Outcome.UNRESOLVED, Reason.GAVE_UP, "the agent gave up"),
    ClaimKind.NEEDS_HUMAN: (
        Outcome.ESCALATED,
        Reason.ASKED_FOR_HUMAN,
        "the agent asks for a person",
    ),
}


def on_end_requested(
    state: SessionState, end: EndRequested, settings: Settings, quiet: Decision
) -> Step:
    """Decide on an end that the agent, or something around it, asks for."""
    quiet = replace(quiet, call_id=end.call_id)
    if state.outcome is not None:
        return state, _ended_already(state, quiet, end)
    if state.watched_since is not None and end.exit is ExitKind.CANCELLED:
        # It had passed; whoever does not wait for the watch takes nothing from that.
        return _accept(_unwatched(state), quiet, words.watch_broken_off(state.report))
    if (broken := _BROKEN_OFF.get(end.exit)) is not None:
        return _end(state, quiet, Outcome.ABORTED, broken, end.detail)
    if state.ending is not None:
        return state, _refusal(quiet, Reason.CLAIM_HELD, words.ENDING_JUDGED)
    if (stopped := _STOPPED_OUTSIDE.get(end.exit)) is not None and state.stop is None:
        state = replace(state, stop=stopped)
    claim = end.claim
    if claim is not None:
        state = replace(state, claim=claim)
    if state.stop is not None:
        return _verify(state, quiet, Ending(exit=end.exit, claim=claim), wait=False)
    if claim is not None and (said := _SAID.get(claim.kind)) is not None:
        outcome, reason, sentence = said
        return _end(state, quiet, outcome, reason, sentence)
    if state.refusals and not state.progressed:
        return _no_progress(state, quiet)
    if (without := _WITHOUT_ANSWER.get(end.exit)) is not None:
        reason, said_to_model = without
        return _refuse(state, settings, quiet, reason, said_to_model)
    if end.exit is ExitKind.HANDOFF and claim is None:
        return _end(state, quiet, Outcome.ESCALATED, Reason.HANDED_OFF, end.detail)
    if _writes_in_flight(state, end):
        return _refuse(state, settings, quiet, Reason.WRITES_IN_FLIGHT, words.NOT_WHILE_WRITING)
    ending = Ending(exit=end.exit, claim=claim, call_id=end.call_id)
    return _verify(state, quiet, ending, wait=True)


def on_gate_reported(
    state: SessionState, report: GateReport, settings: Settings, quiet: Decision
) -> Step:
    """Decide on an end by what the gate found."""
    if state.outcome is not None:
        return state, replace(quiet, next=Next.END, outcome=state.outcome, reason=state.reason)
    if state.ending is None:
        return state, quiet  # nobody asked: a report alone ends nothing
    quiet = replace(quiet, call_id=state.ending.call_id)
    ending, state = state.ending, replace(state, report=report, ending=None)
    said = words.report_for_person(report)
    if state.stop is not None:
        return _end_stopped(state, report, quiet)
    if report.verdict is GateVerdict.PASS:
        if _is_watched(state, settings):
            watched = replace(state, ending=ending, watched_since=state.last_at)
            told = words.kept_under_watch(report, settings.gate.watch_for)
            return watched, replace(
                quiet, next=Next.WATCH, reason=Reason.GATE_PASSED, to_person=told
            )
        return _accept(state, quiet, said)
    if not report.evidence:
        return _end(state, quiet, Outcome.UNVERIFIABLE, Reason.NOTHING_TO_JUDGE_BY, said)
    if settings.mode == "shadow":
        outcome, reason = _without_appeal(report)
        return _end(state, quiet, outcome, reason, said)
    if report.verdict is GateVerdict.UNKNOWN:
        if state.unknown_refusals >= settings.budgets.unknown_refusals:
            return _end(state, quiet, Outcome.ESCALATED, Reason.GATE_UNKNOWN, said)
        state = replace(state, unknown_refusals=state.unknown_refusals + 1)
    claimed = state.claim.kind if state.claim else None
    said = words.refused(report, claimed, incident=state.incident)
    return _refuse(state, settings, quiet, _REASONS[report.verdict], said)


def on_watch_reported(
    state: SessionState, watched: WatchReported, settings: Settings, quiet: Decision
) -> Step:
    """Accept an end for good when it held, or reopen the run when something regressed.

    What could not be read, or had not settled, when the time was over takes nothing from the pass
    that was earned; the person is told.
    """
    if state.outcome is not None:
        return state, replace(quiet, next=Next.END, outcome=state.outcome, reason=state.reason)
    if state.watched_since is None or state.ending is None:
        return state, quiet  # nobody asked: a report alone ends nothing
    quiet = replace(quiet, call_id=state.ending.call_id)
    passed, state = state.report, _unwatched(state)
    if watched.end is not WatchEnd.REGRESSED:
        return _accept(state, quiet, words.watch_over(passed, watched.end, watched.seconds))
    state = replace(state, report=watched.report)
    if state.stop is not None:
        said = words.regressed_for_person(watched.report)
        return _end(state, quiet, Outcome.UNRESOLVED, Reason.REGRESSED, said)
    told = words.regressed(watched.report, watched.seconds, incident=state.incident)
    return _refuse(state, settings, quiet, Reason.REGRESSED, told)


def _is_watched(state: SessionState, settings: Settings) -> bool:
    """Tell whether a passing end is watched: a mend is, a diagnosis cannot regress.

    In shadow mode nothing is held back, and a watch holds the end back.
    """
    if settings.gate.watch_for <= 0 or settings.mode == "shadow":
        return False
    diagnosing = state.incident is not None and state.incident.goal is Goal.DIAGNOSIS
    return not diagnosing if state.claim is None else state.claim.kind is ClaimKind.MITIGATED


def _unwatched(state: SessionState) -> SessionState:
    """End the watch. Its time is not the agent's: budgets count it as a pause."""
    now, since = state.last_at, state.watched_since
    spent = (now - since).total_seconds() if now and since else 0.0
    return replace(
        state, ending=None, watched_since=None, paused_seconds=state.paused_seconds + spent
    )


_REASONS = {
    GateVerdict.PASS: Reason.GATE_PASSED,
    GateVerdict.FAIL: Reason.GATE_FAILED,
    GateVerdict.UNKNOWN: Reason.GATE_UNKNOWN,
    GateVerdict.PENDING: Reason.GATE_PENDING,
}


def _without_appeal(report: GateReport | None) -> tuple[Outcome, Reason]:
    """Return the outcome of a run that gets no further chance."""
    match report.verdict if report else None:
        case GateVerdict.FAIL:
            return Outcome.UNRESOLVED, Reason.GATE_FAILED
        case GateVerdict.PENDING:
            return Outcome.UNVERIFIABLE, Reason.GATE_PENDING
        case GateVerdict.UNKNOWN:
            return Outcome.ESCALATED, Reason.GATE_UNKNOWN
        case GateVerdict.PASS | None:
            return Outcome.ESCALATED, Reason.NO_PROGRESS


def _accept(state: SessionState, quiet: Decision, said: str) -> Step:
    goal = state.incident.goal if state.incident else Goal.MITIGATION
    diagnosed = state.claim.kind is ClaimKind.DIAGNOSED if state.claim else goal is Goal.DIAGNOSIS
    outcome = Outcome.DIAGNOSED if diagnosed else Outcome.RESOLVED
    ended = replace(state, outcome=outcome, reason=Reason.GATE_PASSED, detail=said)
    return ended, replace(
        quiet, next=Next.END, outcome=outcome, reason=Reason.GATE_PASSED, to_person=said
    )


def _verify(state: SessionState, quiet: Decision, ending: Ending, *, wait: bool) -> Step:
    decision = replace(quiet, next=Next.VERIFY, reason=Reason.CLAIM_HELD, wait=wait)
    return replace(state, ending=ending), decision


def _end_stopped(state: SessionState, report: GateReport, quiet: Decision) -> Step:
    """End a run that was stopped from outside. Nobody claimed anything, so nothing is accepted."""
    stop = state.stop or Reason.NONE
    failed = report.verdict is GateVerdict.FAIL
    outcome = Outcome.UNRESOLVED if failed else Outcome.ESCALATED
    said = f"stopped ({stop}); {words.report_for_person(report)}"
    return _end(state, quiet, outcome, stop, said)


def _no_progress(state: SessionState, quiet: Decision) -> Step:
    """End a run that comes back to the door without a model turn: feedback cannot reach it."""
    outcome, reason = _without_appeal(state.report)
    said = "the run asks to end again without a model turn since the refusal"
    if reason is Reason.NO_PROGRESS or state.report is None:
        return _end(state, quiet, Outcome.ESCALATED, Reason.NO_PROGRESS, said)
    last = words.report_for_person(state.report)
    return _end(state, quiet, outcome, Reason.NO_PROGRESS, f"{said}; {last}")


def _refuse(
    state: SessionState, settings: Settings, quiet: Decision, reason: Reason, to_model: str
) -> Step:
    if settings.mode == "shadow":
        return _end(state, quiet, Outcome.UNRESOLVED, reason, "would have been refused")
    spent, limit = state.refusals, settings.budgets.refusals
    if spent >= limit:
        outcome, _ = _without_appeal(state.report)
        said = words.budget_spent(Reason.BUDGET_REFUSALS, spent=spent, limit=limit)
        return _end(state, quiet, outcome, Reason.BUDGET_REFUSALS, said)
    refused = replace(state, refusals=spent + 1, progressed=False)
    return refused, replace(
        _refusal(quiet, reason, to_model), to_person=f"end refused ({spent + 1} of {limit})"
    )


def _refusal(quiet: Decision, reason: Reason, to_model: str) -> Decision:
    return replace(
        quiet,
        verdict=Verdict.DENY,
        action=EnforcedAction.BLOCK,
        reason=reason,
        to_model=to_model,
    )


def _end(state: SessionState, quiet: Decision, outcome: Outcome, reason: Reason, said: str) -> Step:
    escalates = outcome in {Outcome.ESCALATED, Outcome.UNVERIFIABLE}
    ended = replace(state, outcome=outcome, reason=reason, detail=said, ending=None)
    return ended, replace(
        quiet,
        verdict=Verdict.ESCALATE if escalates else Verdict.DENY,
        action=EnforcedAction.ESCALATE if escalates else EnforcedAction.BLOCK,
        next=Next.END,
        reason=reason,
        to_person=said,
        outcome=outcome,
    )


def _ended_already(state: SessionState, quiet: Decision, end: EndRequested) -> Decision:
    """Answer a second end with the first one's outcome; a second finish call is not run."""
    held = end.call_id is not None
    return replace(
        quiet,
        action=EnforcedAction.BLOCK if held else EnforcedAction.ALLOW,
        next=Next.END,
        reason=Reason.RUN_ENDED,
        outcome=state.outcome,
        to_model=words.ALREADY_ENDED if held else "",
    )


def _writes_in_flight(state: SessionState, end: EndRequested) -> bool:
    """Tell whether a finish call came in one message with changes that still run."""
    return end.call_id is not None and any(
        call.effect in {Effect.WRITE, Effect.DESTRUCTIVE} and call.call_id != end.call_id
        for call in state.open_calls
    )
