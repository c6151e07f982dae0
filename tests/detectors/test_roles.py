"""FM-1.2: an agent does what another one is there for."""

from written_runs import Run

from guardrails.core.mast import FailureMode

MODE = FailureMode.DISOBEY_ROLE
RESTART = "rollout restart deploy/cart -n shop"


def test_a_helper_that_gives_tasks_to_its_peers_takes_the_leads_role() -> None:
    """Both were given theirs by the lead."""
    run = Run().task("scout", "Look at cart.").task("ranger", "Look at checkout.")
    (found,) = run.task("ranger", "Look at the database now.", by="scout").of(MODE)
    assert found.agent == "scout"


def test_a_helper_may_have_helpers_of_its_own() -> None:
    """Teams nest."""
    run = Run().task("scout", "Look at cart.").task("porter", "Fetch logs.", by="scout")
    assert not run.task("porter", "Fetch more logs.", by="scout").of(MODE)


def test_the_lead_may_give_tasks_again() -> None:
    """That is its role."""
    run = Run().task("scout", "Look at cart.").task("ranger", "Look at checkout.")
    assert not run.task("scout", "Look at the database.").of(MODE)


def test_a_reviewer_that_changes_the_system_does_the_remediators_work() -> None:
    """An agent for changes takes part."""
    run = Run().task("remediator", "Mend cart.").task("reviewer", "Check the plan.")
    (found,) = run.kubectl(RESTART, "restarted", agent="reviewer").of(MODE)
    assert "remediator" in found.why


def test_a_reviewer_may_look_and_the_remediator_may_change() -> None:
    """Each does its own work."""
    run = Run().task("remediator", "Mend cart.").task("reviewer", "Check the plan.")
    run.kubectl("get pods -n shop", "NAME  READY\ncart-0  1/1\n", agent="reviewer")
    assert not run.kubectl(RESTART, "restarted", agent="remediator").of(MODE)


def test_without_an_agent_for_changes_whoever_is_there_makes_them() -> None:
    """An investigator of a small team mends what it finds."""
    run = Run().task("investigator", "Find and mend it.")
    assert not run.kubectl(RESTART, "restarted", agent="investigator").of(MODE)


def test_one_agent_has_no_role_to_leave() -> None:
    """Whatever it is called."""
    assert not Run().kubectl(RESTART, "restarted", agent="reviewer").of(MODE)
