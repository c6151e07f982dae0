"""FM-2.2 in questions of an amount: figures that nobody gave."""

import msgspec
import pytest

from guardrails.core.findings import Finding
from guardrails.core.mast import FailureMode
from guardrails.detectors.assumed_figures import AssumedFiguresState, observe
from tests.detectors.conversation import Said, ends, found, runs, says, task

QUESTION = task("Checkout has 4 shards with 30 pods in each. How many pods does it lose with one?")
OPEN = task("Checkout has 4 shards. How many pods does it lose with one?")


def play(*said: Said) -> tuple[Finding, ...]:
    return found(observe, AssumedFiguresState(), said)


def program(code: str, printed: str = "30") -> list[Said]:
    return runs("solver", msgspec.json.encode({"code": code}).decode(), printed)


def test_a_program_with_a_figure_of_its_own_assumes_it() -> None:
    """The question does not say how many pods a shard has."""
    (finding,) = play(OPEN, *program("pods = 30\nprint(pods)"))
    assert finding.mode is FailureMode.NO_CLARIFICATION
    assert finding.evidence == ("pods = 30",)
    assert "30" in finding.why


@pytest.mark.parametrize(
    "text", ["Let's assume each shard has 30 pods.", "Assuming thirty pods in a shard, it is easy."]
)
def test_an_assumption_in_words_is_one(text: str) -> None:
    """It says so itself."""
    (finding,) = play(OPEN, says("solver", text))
    assert finding.mode is FailureMode.NO_CLARIFICATION


@pytest.mark.parametrize(
    "code",
    [
        "print(4 * 30)",
        "all = 120\nprint(all - 30)",
        "share = 1/4\nprint(120 * share)",
        "left = 3/4 * 120",
        "per_minute = 60 * 24",
        "print(round(4.0, 17))  # 99",
        "name = 'shard-77'",
    ],
    ids=["given", "product", "part", "what is left", "common", "a format", "a name"],
)
def test_figures_with_a_source_are_no_assumption(code: str) -> None:
    """Given, worked out from what is given, or known to everybody."""
    assert not play(QUESTION, *program(code))


def test_an_equation_in_words_is_a_source() -> None:
    """Somebody worked it out before the program."""
    assert not play(QUESTION, says("solver", "30 * 4 - 7 = 113 pods stay."), *program("print(113)"))


def test_what_a_tool_printed_is_a_source() -> None:
    """A second program may use the first one's result."""
    assert not play(QUESTION, *program("print(4)", "977"), *program("print(977 * 2)\nx = 977"))


@pytest.mark.parametrize(
    "text",
    ["Let's assume each shard has x pods, and 4 shards.", "We assume the number is 'n' of 4."],
)
def test_an_unknown_with_a_letter_is_no_assumption(text: str) -> None:
    """That is algebra."""
    assert not play(OPEN, says("solver", text))


def test_an_answer_that_says_what_is_missing_takes_it_back() -> None:
    """It tried a figure and then said that one is needed."""
    tried = says("solver", "Assuming 30 pods, it is 30.")
    assert play(OPEN, tried, ends("solver", "It is 30."))
    said = "There is not enough information: how many pods does a shard have?"
    assert not play(OPEN, tried, ends("solver", said))


@pytest.mark.parametrize(
    "text",
    ["Find out why checkout restarts.", "How many pods fail?", "How many? " + "4 " * 1200],
    ids=["no amount", "no figures", "a specification"],
)
def test_other_tasks_are_left_alone(text: str) -> None:
    """An incident is no word problem: its programs hold limits, ports and sizes."""
    assert not play(task(text), *program("limit = 512\nport = 8080"))
