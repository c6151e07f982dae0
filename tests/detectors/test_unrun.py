"""FM-3.2: checks that are told of and were not made."""

import pytest

from guardrails.core.findings import Finding
from guardrails.core.mast import FailureMode
from guardrails.detectors.unrun import SILENT_TURNS, UnrunState, observe
from tests.detectors.conversation import Said, ends, found, runs, says

CODER = says("Coder", "Here is `total`.")


def play(*said: Said) -> tuple[Finding, ...]:
    return found(observe, UnrunState(), said)


TOLD = [
    "I ran the test suite against checkout.",
    "Running the tests now:",
    "Running the suite against checkout:",
    "I have just run all unit tests.",
    "We've run both suites.",
    "Ran both unit tests. Nothing to report.",
    "**Test results:** good",
    "### Run output:\n",
    "All 6 tests pass.",
    "All three new tests passed!",
    "Result: 6/6 passed",
    "The script was executed twice.",
    "```\n$ pytest -q\n......\n6 passed in 0.03s\n```",
    "```text\ntest_cart.py::test_empty PASSED\n```",
    "We've executed it with an empty cart.",
]


@pytest.mark.parametrize("text", TOLD)
def test_a_run_that_never_was_is_no_check(text: str) -> None:
    """Nothing returned, so nothing ran."""
    (finding,) = play(CODER, says("Tester", text))
    assert finding.mode is FailureMode.INCOMPLETE_VERIFICATION
    assert finding.agent == "Tester"
    assert finding.evidence


@pytest.mark.parametrize("text", TOLD)
def test_where_a_tool_returned_it_may_have_run(text: str) -> None:
    """What it ran is for others to judge."""
    assert not play(*runs("Coder", "{}", "6 passed"), says("Tester", text))


@pytest.mark.parametrize(
    "text",
    [
        "I traced all 6 tests by hand: all 6 tests pass.",
        "Please run the tests.",
        "Run the test suite and report.",
        "Tell me what you see when you've run the tests.",
        "Running the tests is the tester's part.",
        "All 6 tests should pass.",
        "I ran through the code line by line.",
        "I have not run the tests.",
        "The test passes with this change.",
        "Once the suite was run we can go on.",
        "**PASS**",
        "```python\ndef test_total():\n    assert total([]) == 0\n```",
        "A running service is left alone.",
        "The report lists the results of the vote.",
    ],
)
def test_who_says_how_it_was_checked_claims_no_run(text: str) -> None:
    """Reasoning is a check, and a plan is no claim."""
    assert not play(CODER, says("Tester", text))


def test_an_agent_that_runs_code_is_believed() -> None:
    """Its words are what the program printed, whatever the trace shows of it."""
    assert not play(CODER, says("code_executor", "6 passed in 0.03s\nAll 6 tests pass."))


def test_a_checker_that_never_speaks_checks_nothing() -> None:
    """The run ends on its empty turns."""
    (finding,) = play(CODER, *[says("Reviewer", "")] * SILENT_TURNS, ends("Coder"))
    assert finding.mode is FailureMode.INCOMPLETE_VERIFICATION
    assert finding.agent == "Reviewer"
    assert finding.steps == (2, 3, 4)


@pytest.mark.parametrize(
    "said",
    [
        [*[says("Reviewer", "")] * SILENT_TURNS, says("Reviewer", "It is right.")],
        [says("Reviewer", "It is right."), *[says("Reviewer", "")] * SILENT_TURNS],
        [says("Reviewer", "")] * (SILENT_TURNS - 1),
        [says("Writer", "")] * SILENT_TURNS,
    ],
    ids=["speaks late", "spoke before", "passes twice", "is no checker"],
)
def test_not_every_empty_turn_is_a_missing_check(said: list[Said]) -> None:
    """Agents pass, and only some of them are there to check."""
    assert not play(CODER, *said, ends("Coder"))


def test_long_runs_keep_little() -> None:
    """Only the last empty turns of an agent are kept."""
    state = UnrunState()
    (finding,) = found(observe, state, [CODER, *[says("Tester", "")] * 500, ends("Coder")])
    assert len(finding.steps) == SILENT_TURNS + 1
