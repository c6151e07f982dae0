"""FM-2.1: work begins anew though nothing gave a reason to."""

from play import Play

from guardrails.core.events import PlanItem, PlanStated

FIRST = ("kubectl get pods -n shop", "kubectl get events -n shop", "kubectl get svc -n shop")


def plan(*done: bool) -> PlanStated:
    """State a plan of items that are done or not."""
    return PlanStated(
        items=tuple(
            PlanItem(text=f"item {at}", status="done" if yes else "pending")
            for at, yes in enumerate(done)
        )
    )


def opens(play: Play, *, agent: str = "") -> None:
    """Take the first steps."""
    for command in FIRST:
        play.runs(command, f"shown: {command}", agent=agent)


def works(play: Play, *, agent: str = "") -> None:
    """Take six other steps."""
    for at in range(6):
        play.runs(f"kubectl describe pod web-{at} -n shop", f"pod {at}", agent=agent)


def test_a_plan_that_is_all_open_again_is_a_reset() -> None:
    """Two items that were done are to be done again."""
    play = Play()
    play.note(plan(True, True, False))
    play.note(plan(False, False, False))
    (found,) = play.of("2.1")
    assert found.evidence == ("item 0", "item 1")


def test_a_plan_that_goes_on_is_none() -> None:
    """Items get done, and one is opened again."""
    play = Play()
    play.note(plan(False, False, False))
    play.note(plan(True, True, False))
    play.note(plan(True, False, False))
    assert play.modes() == []


def test_the_first_steps_taken_again_are_a_reset() -> None:
    """Late in the task, in the same order, in the same world."""
    play = Play()
    opens(play)
    works(play)
    opens(play)
    (found,) = play.of("2.1")
    assert found.steps[:3] == (1, 2, 3)


def test_looking_around_after_a_change_is_none() -> None:
    """The world is another."""
    play = Play()
    opens(play)
    works(play)
    play.runs("kubectl rollout restart deploy/web -n shop", "restarted")
    opens(play)
    assert play.of("2.1") == []


def test_another_order_is_none() -> None:
    """Two of the first looks again, and something else between."""
    play = Play()
    opens(play)
    works(play)
    play.runs(FIRST[0], "x")
    play.runs("kubectl get nodes", "n")
    play.runs(FIRST[1], "y")
    assert play.of("2.1") == []


def test_another_agent_begins_by_itself() -> None:
    """A worker's first steps are its own; so are those of a worker with a new task."""
    play = Play()
    play.tasks("one", "look around in shop")
    opens(play, agent="one")
    works(play, agent="one")
    play.tasks("two", "look around in shop too")
    opens(play, agent="two")
    play.tasks("one", "look around once more")
    opens(play, agent="one")
    assert play.of("2.1") == []


def test_todo_tools_state_plans() -> None:
    """What `write_todos` says is the plan."""
    play = Play()
    done = [{"content": f"item {at}", "status": "completed"} for at in range(2)]
    fresh = [{"content": f"item {at}", "status": "pending"} for at in range(2)]
    play.calls_tool("write_todos", {"todos": done})
    play.calls_tool("write_todos", {"todos": fresh})
    assert play.modes() == ["2.1"]
