"""FM-1.5 and FM-1.3 in conversations: the same words again."""

from guardrails.core.findings import Finding
from guardrails.core.mast import FailureMode
from guardrails.detectors.restating import AGENTS, IN_A_ROW, WORKS, RestatingState, observe
from guardrails.detectors.scene import Scene
from tests.detectors.conversation import Said, events_of, found, runs, says

GO_ON = says("proxy", "Please go on.")
LONG = "assert total(cart) == 3\n" * 20


def play(*said: Said) -> tuple[Finding, ...]:
    return found(observe, RestatingState(), said)


def talk(turns: int) -> list[Said]:
    return [said for n in range(turns) for said in (says("solver", f"I cannot, {n}."), GO_ON)]


def test_the_same_line_to_every_answer_is_a_loop() -> None:
    """Somebody does not see that the talk leads nowhere."""
    (finding,) = play(*talk(IN_A_ROW))
    assert finding.mode is FailureMode.UNAWARE_OF_TERMINATION
    assert finding.agent == "proxy"
    assert len(finding.steps) == IN_A_ROW
    assert finding.evidence == ("Please go on.",)


def test_twice_is_no_loop() -> None:
    """An answer may come in two parts."""
    assert not play(*talk(IN_A_ROW - 1))


def test_a_result_in_between_makes_it_worth_asking_again() -> None:
    """What ran is new."""
    assert not play(*talk(IN_A_ROW - 1), *runs("solver", "{}", "3"), *talk(IN_A_ROW - 1))


def test_other_words_in_between_break_the_row() -> None:
    """Only the same words in a row are a loop."""
    assert not play(*talk(IN_A_ROW - 1), says("proxy", "How?"), *talk(IN_A_ROW - 1))


def test_the_same_long_work_again_is_a_repetition() -> None:
    """A review came, and the same tests were handed in once more."""
    (finding,) = play(
        says("Tester", LONG), says("Reviewer", "Add one."), says("Tester", LONG + "\n")
    )
    assert finding.mode is FailureMode.STEP_REPETITION
    assert finding.steps == (1, 3)


def test_work_that_changed_is_no_repetition() -> None:
    """One figure is another program."""
    changed = LONG.replace("3", "4", 1)
    assert not play(says("Tester", LONG), says("Reviewer", "Mend it."), says("Tester", changed))


def test_one_agent_alone_is_left_to_others() -> None:
    """This is about conversations."""
    assert not play(*[says("solver", LONG)] * 5)


def test_memory_is_bounded() -> None:
    """Agents and works that lie far back are forgotten."""
    state = RestatingState()
    scene = Scene()
    said = [says(f"agent-{n}", f"{LONG}{n}") for n in range(3 * max(AGENTS, WORKS))]
    for event in events_of([says("a", "Hi."), says("b", "Hi."), *said]):
        state, _ = observe(state, event, scene)
    assert len(state.said) <= AGENTS
    assert len(state.works) <= WORKS
