"""Questions to the person at the terminal."""

import asyncio
import io
import os
import pty
from collections.abc import Iterator
from typing import TextIO

import pytest

from guardrails.cli.asking import terminal_asker
from guardrails.cli.printers import PlainPrinter
from guardrails.core.questions import Candidate, Question, QuestionKind

WHICH = Question(
    id="which",
    kind=QuestionKind.WHICH_WORKLOAD,
    text="Which web?",
    why="the alert says \x1b[31mweb",
    candidates=(Candidate(id="shop/web", label="web in shop"),),
)


@pytest.fixture
def terminal() -> Iterator[tuple[TextIO, int]]:
    """A terminal: the end that is read, and the one that is typed into."""
    typed, read = pty.openpty()
    with os.fdopen(read, "r") as stream:
        yield stream, typed
    os.close(typed)


def asked(stream: TextIO, *, seconds: float) -> tuple[str | None, str]:
    """Put the question, and return the answer and what was shown."""
    shown = io.StringIO()
    ask = terminal_asker(PlainPrinter(shown), seconds=seconds, stream=stream)
    return asyncio.run(ask(WHICH)), shown.getvalue()


def test_what_is_typed_is_the_answer(terminal: tuple[TextIO, int]) -> None:
    """The question and its numbers are shown first, with nothing in them that draws."""
    stream, typed = terminal
    os.write(typed, b"1\n")
    answer, shown = asked(stream, seconds=30)
    assert answer == "1"
    assert shown.startswith("Which web? (the alert says [31mweb)\n1. web in shop\n")


def test_an_empty_line_is_no_answer(terminal: tuple[TextIO, int]) -> None:
    """Whoever cannot say presses Enter."""
    stream, typed = terminal
    os.write(typed, b"\n")
    assert asked(stream, seconds=30)[0] is None


def test_nobody_is_waited_for_for_ever(terminal: tuple[TextIO, int]) -> None:
    """When the time is over the run goes on."""
    assert asked(terminal[0], seconds=0.01)[0] is None


def test_without_a_terminal_nobody_is_asked() -> None:
    """A pipe cannot answer, and that is said."""
    answer, shown = asked(io.StringIO("1\n"), seconds=30)
    assert answer is None
    assert "nobody can answer here" in shown
