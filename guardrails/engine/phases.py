"""The machine in a run: what the engine asks it, and what its answers mean for the run.

`fsm` knows states and facts; here its states become decisions. A run without a machine passes
through unchanged.
"""

import msgspec

from guardrails.actions.classify import classify
from guardrails.actions.evidence import EvidenceKind
from guardrails.core.decisions import Reason
from guardrails.core.events import (
    EndRequested,
    Event,
    ExitKind,
    ModelReplied,
    NodeRan,
    ToolRequested,
    ToolReturned,
)
from guardrails.core.evidence import GateVerdict
from guardrails.core.toolaction import ToolAction, ToolAnnotations
from guardrails.engine.rules import Rules
from guardrails.engine.state import SessionState
from guardrails.fsm import phase as machine_phase
from guardrails.fsm.machine import Machine, State
from guardrails.fsm.phase import Phase, Refused, begin_phase, state_of
from guardrails.fsm.spec import RunBudget

replace = msgspec.structs.replace

_NO_BUDGET = RunBudget()


def begun(state: SessionState, rules: Rules) -> SessionState:
    """Put a run that starts into its first state."""
    machine = _machine(state, rules)
    return state if machine is None else replace(state, phase=begin_phase(machine))


def advanced(state: SessionState, event: Event, rules: Rules) -> Phase | None:
    """Return the phase after a turn or a result; the same for any other event."""
    phase, machine = state.phase, _machine(state, rules)
    if machine is None or phase is None or state.ended:
        return phase
    match event.fact:
        case ModelReplied() | NodeRan(turn=True):
            return machine_phase.on_turn(machine, phase, event)
        case ToolReturned() as returned:
            return machine_phase.on_return(machine, phase, event, returned)
        case _:
            return phase


def stopped(state: SessionState, rules: Rules, *, before: Phase | None) -> SessionState:
    """Stop a run that came to a final state by a turn or a result."""
    machine, phase = _machine(state, rules), state.phase
    if machine is None or phase is None or before is None or phase.position is before.position:
        return state
    return _stopped(state, machine)


def requested(
    state: SessionState, event: Event, call: ToolRequested, action: ToolAction, rules: Rules
) -> tuple[SessionState, Refused | None]:
    """Ask whether a call runs where the run stands."""
    machine = _machine(state, rules)
    if machine is None or state.phase is None:
        return state, None
    phase, refused = machine_phase.on_request(machine, state.phase, event, call, action)
    return _stopped(replace(state, phase=phase), machine), refused


def called(
    state: SessionState,
    event: Event,
    call: ToolRequested,
    action: ToolAction,
    *,
    kinds: tuple[EvidenceKind, ...],
) -> SessionState:
    """Take note of a call that runs."""
    if state.phase is None:
        return state
    phase = machine_phase.on_call(state.phase, event, call, action, kinds=kinds)
    return replace(state, phase=phase)


def at_door(
    state: SessionState, event: Event, end: EndRequested, rules: Rules
) -> tuple[SessionState, Refused | None]:
    """Ask whether an end goes on to be judged; in shadow mode nothing is held back."""
    machine = _machine(state, rules)
    if machine is None or state.phase is None:
        return state, None
    phase, refused = machine_phase.on_end(machine, state.phase, event, end)
    if refused is not None and state.shadow:
        return replace(state, phase=phase), None
    return replace(state, phase=phase), refused


def questioned(state: SessionState, rules: Rules) -> SessionState:
    """Take note of how many questions are open, and of nobody answering them."""
    machine = _machine(state, rules)
    if machine is None or state.phase is None:
        return state
    phase = machine_phase.on_questions(
        machine, state.phase, open_=len(state.questions), unanswered=state.unanswered
    )
    return _stopped(replace(state, phase=phase), machine)


def judged(state: SessionState, verdict: GateVerdict, rules: Rules) -> SessionState:
    """Move to where a verdict leads."""
    machine = _machine(state, rules)
    if machine is None or state.phase is None:
        return state
    return replace(state, phase=machine_phase.on_verdict(machine, state.phase, verdict))


def refused(state: SessionState, rules: Rules) -> SessionState:
    """Count a refused end."""
    machine = _machine(state, rules)
    if machine is None or state.phase is None:
        return state
    return replace(state, phase=machine_phase.on_refused(machine, state.phase))


def standing(state: SessionState, rules: Rules) -> State | None:
    """Return the state of the machine that a run is in; None without a machine."""
    machine = _machine(state, rules)
    return None if machine is None or state.phase is None else state_of(machine, state.phase)


def shows(
    state: SessionState, rules: Rules, tool: str, annotations: ToolAnnotations | None
) -> bool:
    """Tell whether the model is shown a tool where the run stands.

    A tool that can do several things (a shell, kubectl) is judged by its calls, so it is shown as
    long as nothing but its arguments tells what it does.
    """
    where = standing(state, rules)
    if where is None or where.judges or state.shadow:
        return True
    if not where.shows(tool):
        return False
    action = classify(tool, "{}", annotations=annotations, rules=rules.tool_rules)
    return not action.understood or action.effect in where.allows


def budget_of(state: SessionState, rules: Rules) -> RunBudget:
    """Return what the machine lets a run spend, where that is less than the policy does."""
    machine = _machine(state, rules)
    return _NO_BUDGET if machine is None else machine.budget


def look_due(state: SessionState, rules: Rules) -> bool:
    """Tell whether the machine wants the gate to look although the agent has not asked to end."""
    where = standing(state, rules)
    free = not (state.shadow or state.ended or state.stop or state.ending)
    return free and where is not None and where.judges


def is_look(end: EndRequested) -> bool:
    """Tell a look that the machine wants from an end that the agent asks for."""
    return end.exit is ExitKind.LOOK


def _stopped(state: SessionState, machine: Machine) -> SessionState:
    """Stop a run that came to a final state while the agent would go on."""
    where = None if state.phase is None else state_of(machine, state.phase)
    if where is None or where.final is None or state.stop is not None or state.shadow:
        return state
    return replace(state, stop=Reason.OBJECTIVE_MET if where.final == "done" else Reason.STALLED)


def _machine(state: SessionState, rules: Rules) -> Machine | None:
    return None if state.incident is None else rules.machine(state.incident.goal)
