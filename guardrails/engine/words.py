"""Every sentence that the guard says, for the model and for the person.

Words for the model speak of the world and of what to do next; they never mention runs, threads,
refusal counts or this library, of which a model has no notion and which it could argue with.
"""

from guardrails.core.claims import ClaimKind
from guardrails.core.decisions import Reason
from guardrails.core.events import WatchEnd
from guardrails.core.evidence import GateReport, GateVerdict
from guardrails.core.incident import Incident
from guardrails.core.mast import FailureMode
from guardrails.core.questions import Answer, Question
from guardrails.core.toolaction import ToolAction
from guardrails.gates.feedback import LIMIT, feedback
from guardrails.policy.durations import format_duration

EMPTY_ANSWER = (
    "Your last message was empty, so nothing is concluded. Continue the task: call a tool, or "
    "state your conclusion and what shows it."
)
MALFORMED_CALL = (
    "Your last message held a tool call that could not be parsed, and it was not run. Send it "
    "again with arguments that are one valid JSON object."
)
NOT_WHILE_WRITING = (
    "A change that you requested is still running. Wait for its result before you conclude."
)
ALREADY_ENDED = "The task is closed. This call was not run."
GO_ON = "Not accepted. Go on with the task."
SAY_WHAT_WAS_DONE = "All is well. Say what was wrong and what was done, and call nothing more."
STOPPED = "No further calls are run in this task."
ENDING_JUDGED = "Your conclusion is being checked already. Wait for the answer."

_BUDGETS = {
    Reason.BUDGET_STEPS: "model turns",
    Reason.BUDGET_TOOL_CALLS: "tool calls",
    Reason.BUDGET_TOKENS: "tokens",
    Reason.BUDGET_WALL_TIME: "seconds of wall time",
    Reason.BUDGET_REFUSALS: "refused ends",
}


def blocked_effect(action: ToolAction) -> str:
    """Tell the model that calls of this effect do not run."""
    what = next((f"{o.program} {o.verb}" for o in action.operations if o.verb), "this call")
    unread = "" if action.understood else " because it could not be read with certainty"
    return (
        f"Not run: `{what}` counts as {action.effect}{unread}, which is not allowed here. "
        f"Read-only calls are. If the change is needed, say so in your conclusion."
    )


def reconcile(differs: str) -> str:
    """Ask the model which of the two it means."""
    return f"Not run: {differs}. Say which of the two you mean, and why, and call exactly that."


def wrong_call(said: str) -> str:
    """Tell the model that a call does not run, and what would be right."""
    whole = said if said.endswith((".", "?", "!")) else f"{said}."
    return f"Not run: {whole[:1].lower()}{whole[1:]}"


def cascade_of_modes(modes: tuple[FailureMode, ...]) -> str:
    """Tell the operator which modes make a cascade."""
    return f"cascade: {len(modes)} failure modes in one run ({', '.join(modes)})"


def cascade_of_signs(signs: int, *, within: int) -> str:
    """Tell the operator how thick failures came."""
    return f"cascade: {signs} signs of failure within {within} turns"


def ambiguous(questions: tuple[Question, ...]) -> str:
    """Tell the model that nothing is changed until a person has said what is meant."""
    what = " ".join(question.why.rstrip(".") + "." for question in questions)
    return (
        f"Not run: what is meant is not clear, so nothing is changed. {what} Read-only calls are "
        "fine; conclude with what a person needs to decide."
    )


def answers(given: tuple[Answer, ...]) -> str:
    """Tell the model what a person said of the task."""
    if not given:
        return ""
    said = "; ".join(one.choice or one.text for one in given)
    return f"A person was asked what is meant, and says: {said}. Keep to that."


def effect_for_person(action: ToolAction) -> str:
    """Tell the operator what a call would do."""
    verbs = ", ".join(f"{o.program} {o.verb}".strip() for o in action.operations) or "unknown"
    return f"{action.effect} call: {verbs}" + ("" if action.understood else " (not understood)")


def budget_spent(reason: Reason, *, spent: float, limit: float) -> str:
    """Tell the operator which limit was reached."""
    return f"budget spent: {spent:g} of {limit:g} {_BUDGETS[reason]}"


def refused(
    report: GateReport, claim: ClaimKind | None, *, incident: Incident | None = None
) -> str:
    """Tell the model why its end is not accepted and what would change that."""
    match report.verdict:
        case GateVerdict.FAIL:
            head = f"Not accepted as {claim or 'an end'}: the cluster shows otherwise."
            tail = "Work on these facts, check them yourself, and only then conclude."
        case GateVerdict.PENDING:
            head = "Not accepted yet: things had not settled when the time to wait was over."
            tail = "Check what is listed, mend it if it is stuck, and conclude again."
        case _:
            head = "Not accepted: what is needed to confirm it could not be read."
            tail = "Conclude again later, or say that a person is needed and why."
    return _around(report, incident, head=head, tail=tail)


def regressed(report: GateReport, seconds: float, *, incident: Incident | None = None) -> str:
    """Tell the model that what had been good is not any more."""
    after = format_duration(max(1, round(seconds)))
    head = f"Not accepted after all: it looked resolved, and {after} later it did not."
    tail = "Find out why it came back, mend that, and only then conclude."
    return _around(report, incident, head=head, tail=tail)


def regressed_for_person(report: GateReport) -> str:
    """Tell the operator of a regression."""
    return f"regressed while watched; {report_for_person(report)}"


def kept_under_watch(report: GateReport, seconds: float) -> str:
    """Tell the operator that a pass is not the end yet."""
    return f"{report_for_person(report)}; watched for {format_duration(seconds)} more"


def watch_over(passed: GateReport | None, end: WatchEnd, seconds: float) -> str:
    """Tell the operator how the watch over a pass came out."""
    said = report_for_person(passed) if passed else "gate pass"
    after = format_duration(round(seconds))
    return f"{said}; {_WATCHED[end].format(after)}"


def watch_broken_off(passed: GateReport | None) -> str:
    """Tell the operator that nobody waited for the watch."""
    return f"{report_for_person(passed) if passed else 'gate pass'}; the watch was broken off"


_WATCHED = {
    WatchEnd.HELD: "it held for {}",
    WatchEnd.REGRESSED: "it regressed within {}",
    WatchEnd.SETTLING: "watched for {}, and something had not settled at the end",
    WatchEnd.UNREAD: "watched for {}, and the evidence could not be read at the end",
}


def _around(report: GateReport, incident: Incident | None, *, head: str, tail: str) -> str:
    """Put the facts between two sentences; the whole keeps the limit that the facts alone have."""
    room = LIMIT - len(head) - len(tail) - 2
    return f"{head}\n{feedback(report, limit=room, incident=incident)}\n{tail}"


def report_for_person(report: GateReport | None) -> str:
    """Say in one line what the gate found."""
    if report is None:
        return "no gate report"
    return (
        f"gate {report.verdict}: {report.summary}"
        if report.summary
        else (
            f"gate {report.verdict} with {len(report.violated)} violated and "
            f"{len(report.unknown)} unknown facts"
        )
    )
