"""What becomes of an end by the gate's report, and of a pass by the watch after it."""

import msgspec

from guardrails.core.claims import ClaimKind
from guardrails.core.decisions import Decision, Next, Reason
from guardrails.core.events import ExitKind, WatchEnd, WatchReported
from guardrails.core.evidence import GateReport, GateVerdict
from guardrails.core.incident import Goal
from guardrails.core.outcome import Outcome
from guardrails.engine import phases, words
from guardrails.engine.cascade import WRONG_CALLS
from guardrails.engine.endings import (
    FINALS,
    Step,
    accept,
    end_run,
    refusal,
    refuse,
    unwatched,
    without_appeal,
)
from guardrails.engine.rules import Rules
from guardrails.engine.state import Ending, SessionState
from guardrails.policy.models import Settings

replace = msgspec.structs.replace

_HANDED_OVER = {Reason.CASCADE, Reason.MISMATCH, *WRONG_CALLS}
"""Stops that call a person: the agent itself is what is wrong, and more of its time is no cure."""

_REASONS = {
    GateVerdict.PASS: Reason.GATE_PASSED,
    GateVerdict.FAIL: Reason.GATE_FAILED,
    GateVerdict.UNKNOWN: Reason.GATE_UNKNOWN,
    GateVerdict.PENDING: Reason.GATE_PENDING,
}


def on_gate_reported(
    state: SessionState, report: GateReport, rules: Rules, quiet: Decision
) -> Step:
    """Decide on an end by what the gate found."""
    settings = rules.settings
    if state.outcome is not None:
        return state, replace(quiet, next=Next.END, outcome=state.outcome, reason=state.reason)
    if state.ending is None:
        return state, quiet  # nobody asked: a report alone ends nothing
    quiet = replace(quiet, call_id=state.ending.call_id)
    ending = state.ending
    if state.watched_since is not None:
        state = unwatched(state)  # the process that watched has died, and it is judged anew
    state = replace(state, report=report, ending=None)
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
        return _passed(state, ending, rules, quiet, said)
    if ending.exit is ExitKind.LOOK:
        return phases.judged(state, report.verdict, rules), quiet  # nobody asked; it goes on
    if not report.evidence:
        return end_run(state, quiet, Outcome.UNVERIFIABLE, Reason.NOTHING_TO_JUDGE_BY, said)
    if settings.mode == "shadow":
        outcome, reason = without_appeal(report)
        return end_run(state, quiet, outcome, reason, said)
    state = phases.judged(state, report.verdict, rules)
    where = phases.standing(state, rules)
    if where is not None and where.final is not None:
        outcome = FINALS.get(where.final, Outcome.UNVERIFIABLE)
        return end_run(state, quiet, outcome, _REASONS[report.verdict], said)
    if report.verdict is GateVerdict.UNKNOWN:
        if state.unknown_refusals >= settings.budgets.unknown_refusals:
            return end_run(state, quiet, Outcome.ESCALATED, Reason.GATE_UNKNOWN, said)
        state = replace(state, unknown_refusals=state.unknown_refusals + 1)
    claimed = state.claim.kind if state.claim else None
    said = words.refused(report, claimed, incident=state.incident)
    return refuse(state, rules, quiet, _REASONS[report.verdict], said)


def _passed(state: SessionState, ending: Ending, rules: Rules, quiet: Decision, said: str) -> Step:
    """Accept an end that passed, or let the agent say its last words if the machine wants them."""
    state = phases.judged(state, GateVerdict.PASS, rules)
    where = phases.standing(state, rules)
    if where is None or where.final is not None or where.judges or state.shadow:
        return accept(state, quiet, said)
    if ending.exit is ExitKind.LOOK:
        return state, replace(quiet, reason=Reason.OBJECTIVE_MET, to_person=said)
    told = refusal(quiet, Reason.OBJECTIVE_MET, where.say or words.SAY_WHAT_WAS_DONE)
    return state, replace(told, to_person=said)


def on_watch_reported(
    state: SessionState, watched: WatchReported, rules: Rules, quiet: Decision
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
    ending, passed, state = state.ending, state.report, unwatched(state)
    if watched.end is not WatchEnd.REGRESSED:
        said = words.watch_over(passed, watched.end, watched.seconds)
        return _passed(state, ending, rules, quiet, said)
    state = phases.judged(replace(state, report=watched.report), GateVerdict.FAIL, rules)
    if ending.exit is ExitKind.LOOK:
        return state, quiet
    if state.stop is not None:
        said = words.regressed_for_person(watched.report)
        return end_run(state, quiet, Outcome.UNRESOLVED, Reason.REGRESSED, said)
    told = words.regressed(watched.report, watched.seconds, incident=state.incident)
    return refuse(state, rules, quiet, Reason.REGRESSED, told)


def _is_watched(state: SessionState, settings: Settings) -> bool:
    """Tell whether a passing end is watched: a mend is, a diagnosis cannot regress.

    In shadow mode nothing is held back, and a watch holds the end back.
    """
    if settings.gate.watch_for <= 0 or settings.mode == "shadow":
        return False
    diagnosing = state.incident is not None and state.incident.goal is Goal.DIAGNOSIS
    return not diagnosing if state.claim is None else state.claim.kind is ClaimKind.MITIGATED


def _end_stopped(state: SessionState, report: GateReport, quiet: Decision) -> Step:
    """End a run that was stopped from outside. Nobody claimed anything, so nothing is accepted."""
    stop = state.stop or Reason.NONE
    failed = report.verdict is GateVerdict.FAIL and stop not in _HANDED_OVER
    outcome = Outcome.UNRESOLVED if failed else Outcome.ESCALATED
    said = f"stopped ({stop}); {words.report_for_person(report)}"
    return end_run(state, quiet, outcome, stop, said)
