"""The machines that come with the package."""

import pytest

from guardrails.core.incident import Goal
from guardrails.core.toolaction import Effect
from guardrails.fsm.load import SHIPPED, ShippedMachine, machine_for, shipped_machine
from guardrails.fsm.proof import bound_of, faults_of


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_machine_is_sound(name: ShippedMachine) -> None:
    """They pass the proof that everyone's machines must pass."""
    assert faults_of(shipped_machine(name)) == ()


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_machine_is_bounded_by_the_policy(name: ShippedMachine) -> None:
    """The longest run takes what the policy allows, and the turn that finds it spent."""
    bound = bound_of(shipped_machine(name), turns=40, calls=100)
    assert (bound.turns, bound.calls) == (41, 100)


def test_a_diagnosis_changes_nothing() -> None:
    """No state of it allows a change."""
    states = machine_for(Goal.DIAGNOSIS).states.values()
    assert not any(state.writes for state in states)


def test_a_mitigation_changes_things_in_one_state_only() -> None:
    """Changes belong to one phase; before it they are refused, after it they are over."""
    states = machine_for(Goal.MITIGATION).states.values()
    assert [state.name for state in states if state.writes] == ["remediate"]
    assert [state.name for state in states if Effect.DESTRUCTIVE in state.allows] == ["remediate"]
