"""What the proof finds in machines, each fault seeded into one that is sound."""

import pytest

from guardrails.fsm.proof import FaultKind, bound_of, faults_of
from tests.fsm.tables import machine, spoiled

ON = "      - {to: mend, when: reads >= 2}"
LAST = "      - {refuse: Look at more.}"
MENDING = "    allows: [read, write]"
LOST = "  lost: {about: It is not., final: unresolved}\n"
TEN = ("turns", "calls", "reads", "hypotheses", "writes")
TEN += ("stalled", "idle", "refusals", "questions", "here.turns")


def _then(*lines: str) -> str:
    return "\n".join(lines)


SEEDED = {
    "a state that nothing leads to": (
        [("  done:", "  alone: {about: Nobody comes., final: escalated}\n  done:")],
        [(FaultKind.UNREACHABLE, "alone")],
    ),
    "a state behind a guard that cannot hold": (
        [
            ("reads >= 2}", "reads >= 2 and reads <= 1}"),
            ("{pass: done, fail: mend, pending: mend,", "{pass: done, fail: look, pending: look,"),
        ],
        [(FaultKind.NEVER, "look"), (FaultKind.UNREACHABLE, "mend")],
    ),
    "a state that is left for itself only": (
        [
            (
                "    spent: called\n    end:\n      - {to: judge, when: unchecked == 0}",
                "    spent: mend\n    end:\n      - {to: mend, when: unchecked == 0}",
            ),
            (MENDING, _then("    quit: mend", "    ask: mend", MENDING)),
        ],
        [(FaultKind.TRAP, "mend")],
    ),
    "two states that follow each other at once": (
        [(MENDING, _then("    next: [{to: look, when: writes >= 1}]", MENDING))],
        [(FaultKind.CIRCLE, "look")],
    ),
    "a gate that is asked again at once": (
        [(MENDING, _then("    next: [{to: judge, when: writes >= 1 and idle >= 6}]", MENDING))],
        [(FaultKind.CIRCLE, "mend")],
    ),
    "a state that follows itself": (
        [(MENDING, _then("    next: [{to: mend, when: writes >= 1}]", MENDING))],
        [(FaultKind.CIRCLE, "mend")],
    ),
    "an end without an answer in one case": (
        [(f"\n{LAST}", "")],
        [(FaultKind.GAP, "look")],
    ),
    "giving up without an answer": (
        [("quit: lost\n", ""), (LOST, "")],
        [(FaultKind.GAP, "look"), (FaultKind.GAP, "mend")],
    ),
    "a verdict without an answer in one case": (
        [("pass: done,", "pass: [{to: done, when: asked == 1}],")],
        [(FaultKind.GAP, "judge")],
    ),
    "two rows that both hold": (
        [(ON, _then(ON, "      - {to: called, when: turns >= 4}"))],
        [(FaultKind.OVERLAP, "look")],
    ),
    "two ends that both hold": (
        [(LAST, _then("      - {refuse: Look at the logs., when: reads.logs == 0}", LAST))],
        [(FaultKind.OVERLAP, "look")],
    ),
    "a row that the rows above leave nothing": (
        [(LAST, _then("      - {refuse: More., when: sources <= 1}", LAST))],
        [(FaultKind.NEVER, "look")],
    ),
    "a comparison that counts cannot meet": (
        [("reads >= 2}", "reads == 2 and here.reads >= 3}")],
        [(FaultKind.NEVER, "look")],
    ),
    "an accepted end without the gate": (
        [("quit: lost", "quit: done"), (LOST, "")],
        [(FaultKind.UNPROVED, "done")],
    ),
    "a change behind the gate's pass": (
        [
            ("pass: done,", "pass: polish,"),
            (
                "  done:",
                _then(
                    "  polish:",
                    "    {about: Tidy up., allows: [write], budget: {turns: 2},",
                    "     spent: done, end: done}",
                    "  done:",
                ),
            ),
        ],
        [(FaultKind.UNPROVED, "polish")],
    ),
    "rows that nobody could follow": (
        [("reads >= 2}", " and ".join(f"{fact} != {n}" for n, fact in enumerate(TEN, 5)) + "}")],
        [(FaultKind.TANGLED, "look")],
    ),
}


def test_a_sound_machine_has_no_fault() -> None:
    """Nothing is found where nothing is wrong; else every finding below would mean nothing."""
    assert faults_of(machine()) == ()


@pytest.mark.parametrize("name", SEEDED)
def test_a_seeded_fault_is_found(name: str) -> None:
    """Each fault is found, of its kind, at its state, and nothing else is."""
    changes, expected = SEEDED[name]
    found = faults_of(spoiled(*changes))
    assert sorted((fault.kind, fault.state) for fault in found) == sorted(expected)


def test_an_overlap_names_a_case() -> None:
    """Whoever wrote two rows that both hold is told when."""
    (fault,) = faults_of(spoiled(*SEEDED["two rows that both hold"][0]))
    assert fault.said == (
        "next: 'reads >= 2' and 'turns >= 4' both hold, and lead to different places, when "
        "turns is 4 and reads is 2"
    )
    assert fault.line == 15


def test_the_budget_of_the_run_bounds_a_machine_with_circles() -> None:
    """A refused end leads back, so only the run's budget says when it is over."""
    bound = bound_of(machine(), turns=50, calls=150)
    assert (bound.turns, bound.calls, bound.by) == (51, 150, "the budget of the run")


def test_budgets_of_states_bound_a_machine_without_circles() -> None:
    """Where no way leads back, what the states may spend adds up."""
    straight = spoiled(("fail: mend, pending: mend,", "fail: lost, pending: called,"))
    bound = bound_of(straight, turns=50, calls=150)
    assert (bound.turns, bound.by) == (15, "the budgets of the states")


def test_a_machine_may_have_a_lower_budget() -> None:
    """The lower of two budgets counts."""
    low = spoiled(("start: look\n", "start: look\nbudget: {turns: 7, calls: 9}\n"))
    bound = bound_of(low, turns=50, calls=150)
    assert (bound.turns, bound.calls) == (8, 9)
