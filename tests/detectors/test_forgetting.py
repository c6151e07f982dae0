"""FM-1.4: an agent acts as if it had not seen what it saw."""

import pytest
from play import Play

from guardrails.core.events import ContextFiltered, QuestionAnswered, QuestionAsked
from guardrails.core.questions import Answer, Question, QuestionKind

CUT = ContextFiltered(before=100_000, after=40_000)


def looks(play: Play, *names: str, agent: str = "") -> None:
    """Look at pods."""
    for name in names:
        play.runs(f"kubectl describe pod {name} -n shop", f"pod {name}", agent=agent)


def test_looks_from_before_a_cut_are_made_again() -> None:
    """Two of them, with the answers that were there."""
    play = Play()
    looks(play, "web-a", "web-b")
    play.note(CUT)
    looks(play, "web-a", "web-b")
    (found,) = play.of("1.4")
    assert found.steps == (2, 4)


def test_one_second_look_is_none() -> None:
    """What matters may be looked at twice."""
    play = Play()
    looks(play, "web-a", "web-b")
    play.note(CUT)
    looks(play, "web-a", "web-c")
    assert play.of("1.4") == []


def test_without_a_cut_nothing_is_lost() -> None:
    """It is a repetition then, if anything."""
    play = Play()
    looks(play, "web-a", "web-b", "web-a", "web-b")
    assert play.of("1.4") == []


def test_a_filter_that_leaves_nearly_everything_is_no_cut() -> None:
    """A few collapsed duplicates are no loss."""
    play = Play()
    looks(play, "web-a", "web-b")
    play.note(ContextFiltered(before=100_000, after=95_000))
    looks(play, "web-a", "web-b")
    assert play.of("1.4") == []


def test_another_agents_cut_is_not_ones_own() -> None:
    """Contexts are kept per agent."""
    play = Play()
    looks(play, "web-a", "web-b", agent="one")
    play.note(CUT, agent="two")
    looks(play, "web-a", "web-b", agent="one")
    assert play.of("1.4") == []


@pytest.mark.parametrize(
    "denial", ["have not checked", "haven't checked", "haven\u2019t checked", "didn\u2019t check"]
)
def test_a_look_that_is_denied_is_forgotten(denial: str) -> None:
    """It says that it has not looked at what it looked at."""
    play = Play()
    looks(play, "web-a")
    play.says(f"I {denial} pod `web-a` yet, so I will start there.")
    (found,) = play.of("1.4")
    assert "web-a" in found.evidence[0]


def test_a_look_that_is_rightly_denied_is_none() -> None:
    """Nobody has looked at it; or another agent has."""
    play = Play()
    looks(play, "web-a", agent="one")
    play.says("I have not checked pod `web-a` yet.", agent="two")
    play.says("I have not checked pod `web-b` yet.", agent="one")
    assert play.of("1.4") == []


def test_no_errors_seen_denies_no_look() -> None:
    """`I have not seen any errors in` speaks of what was seen."""
    play = Play()
    looks(play, "web-a")
    play.says("I have not seen any errors in pod `web-a`. I did not check `web-a` since the fix.")
    assert play.of("1.4") == []


def test_a_question_that_was_answered_is_not_asked_again() -> None:
    """The answer was given, and stands in the context."""
    play = Play()
    question = Question(
        id="q1", kind=QuestionKind.WHICH_WORKLOAD, text="Which checkout is meant?", why="two match"
    )
    play.note(QuestionAsked(question=question))
    answer = Answer(question="q1", text="the one in shop")
    play.note(QuestionAnswered(answer=answer))
    assert play.of("1.4") == []
    play.note(QuestionAsked(question=question))
    assert len(play.of("1.4")) == 1
