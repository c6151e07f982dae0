"""What a call came back with, told by how its result begins."""

import pytest
from play import Play

from guardrails.core.events import ToolStatus
from guardrails.detectors.coverage import answered
from guardrails.detectors.look import Came

REFUSED = "Connection refused: cart-db:5432\n"


@pytest.mark.parametrize(
    ("result", "status", "came"),
    [
        ("NAME    READY\nweb-1   1/1", ToolStatus.OK, Came.SOMETHING),
        (REFUSED, ToolStatus.OK, Came.FAILED),
        (REFUSED * 30, ToolStatus.OK, Came.SOMETHING),
        (REFUSED * 30, ToolStatus.ERROR, Came.FAILED),
        ("[]", ToolStatus.OK, Came.NOTHING),
        ('Error: pods "web-9" not found', ToolStatus.OK, Came.MISSING),
        ("refused by the guard", ToolStatus.BLOCKED, Came.BLOCKED),
    ],
    ids=[
        *("a table", "an error", "a log that begins with an error", "a call that failed"),
        *("nothing", "no such object", "blocked"),
    ],
)
def test_a_result_is_told_by_its_beginning(result: str, status: ToolStatus, came: Came) -> None:
    """A short one that says so is an error; a long one is a log, unless its call failed."""
    play = Play()
    play.runs("kubectl logs web-1 -n shop", result, status=status)
    assert play.states.scene.looks[-1].came is came


@pytest.mark.parametrize(
    ("result", "shows"),
    [(REFUSED, False), (REFUSED * 30, True), ("web-9 not found\n" * 60, True)],
    ids=["an error", "much output", "much output that begins with what is missing"],
)
def test_a_command_that_fails_with_much_output_showed_something(
    result: str, *, shows: bool
) -> None:
    """Of two commands in a line, one may have failed."""
    play = Play()
    play.runs("kubectl logs web-1 -n shop", result, status=ToolStatus.ERROR)
    assert answered(play.states.scene.looks[-1]) is shows
