"""FM-1.5: an agent goes on when it is done, or when nothing new comes."""

from play import Play

from guardrails.core.events import EndRequested, ExitKind, MessagePassed


def answers(play: Play, *, agent: str = "") -> None:
    """Submit an answer."""
    play.calls_tool("submit_answer", {"answer": "the pod of web"}, "submitted", agent=agent)


def test_calls_after_the_answer_are_told() -> None:
    """Two of them, in later turns."""
    play = Play()
    play.runs("kubectl get pods -n shop", "web-1")
    answers(play)
    for at in range(2):
        play.runs(f"kubectl describe pod web-{at} -n shop", f"pod {at}")
    (found,) = play.of("1.5")
    assert "step 2" in found.why


def test_one_call_after_the_answer_is_none() -> None:
    """It may have been under way."""
    play = Play()
    answers(play)
    play.runs("kubectl get pods -n shop", "web-1")
    assert play.of("1.5") == []


def test_a_person_who_wants_more_gets_more() -> None:
    """After a word of a person the answer is not the last."""
    play = Play()
    answers(play)
    play.note(MessagePassed(text="And the database?", by_person=True))
    for at in range(4):
        play.runs(f"kubectl describe pod db-{at} -n shop", f"pod {at}")
    assert play.of("1.5") == []


def test_a_new_task_begins_a_new_course() -> None:
    """A worker that answered is asked for something else."""
    play = Play()
    play.tasks("one", "look at web")
    answers(play, agent="one")
    play.tasks("one", "look at the database")
    for at in range(3):
        play.runs(f"kubectl describe pod db-{at} -n shop", f"pod {at}", agent="one")
    assert play.of("1.5") == []


def test_other_agents_may_go_on() -> None:
    """One worker's answer ends nobody else's work."""
    play = Play()
    answers(play, agent="one")
    for at in range(3):
        play.runs(f"kubectl describe pod db-{at} -n shop", f"pod {at}", agent="two")
    assert play.of("1.5") == []


def test_looks_that_show_nothing_new_are_told() -> None:
    """Eight in a row, of whatever kind."""
    play = Play()
    for _ in range(2):
        for at in range(8):
            play.runs(f"kubectl describe pod web-{at} -n shop", f"pod {'abcdefgh'[at]}")
    (found,) = play.of("1.5")
    assert "8 looks" in found.why


def test_something_new_in_between_is_enough() -> None:
    """Seven known looks, a new one, seven known looks."""
    play = Play()
    for at in range(8):
        play.runs(f"kubectl describe pod web-{at} -n shop", f"pod {'abcdefgh'[at]}")
    for round_ in range(2):
        for at in range(7):
            play.runs(f"kubectl describe pod web-{at} -n shop", f"pod {'abcdefgh'[at]}")
        play.runs(f"kubectl describe node n{round_}", f"node {'xy'[round_]}")
    assert play.of("1.5") == []


def test_a_run_that_had_to_be_stopped_is_told() -> None:
    """A spent budget, or the framework's limit."""
    play = Play()
    play.runs("kubectl get pods -n shop", "web-1")
    play.note(EndRequested(exit=ExitKind.BUDGET))
    assert play.modes() == ["1.5"]
