"""What is said of a run, on its way to any screen: short, printable, and true of later services."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.core.events import Event, ToolReturned
from guardrails.core.ids import CallId, RunId
from guardrails.top.asking import Unread
from guardrails.top.columns import COLUMNS, GAP, fit
from guardrails.top.selecting import Choice, Order, chosen, tallied
from guardrails.top.telling import event_lines, finding_lines, gate_lines, head_lines
from guardrails.top.wire import Listing, Progress, RunLine, RunState, Standing
from guardrails.top.words import status_of, why

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
texts = st.text(max_size=60)


def _line(run: str = "r", **standing: object) -> RunLine:
    return RunLine(
        run=run,
        created=NOW - timedelta(minutes=3),
        changed=NOW,
        seq=1,
        ended="outcome" in standing,
        standing=msgspec.convert({"seq": 1, **standing}, Standing),
    )


@given(run=texts, task=texts, phase=texts, model=texts, width=st.integers(20, 220))
def test_no_cell_is_wider_than_its_column_or_does_anything(
    run: str, task: str, phase: str, model: str, width: int
) -> None:
    """Whatever agents write, and however narrow the terminal is."""
    columns = fit(width)
    for one in columns:
        cell = one.cell(_line(run, task=task, phase=phase, model=model), NOW)
        assert len(cell.plain) <= one.width
        assert cell.plain.isprintable()
        assert not cell.spans


@given(width=st.integers(37, 400))
def test_columns_fill_the_terminal_and_no_more(width: int) -> None:
    """The last one has what is left."""
    assert sum(one.width + GAP for one in fit(width)) == width
    assert fit(width)[-1].column is COLUMNS[-1]


@given(text=texts)
def test_no_event_does_anything_to_a_terminal(text: str) -> None:
    """Results, agents' names and what a later version says are lines of text."""
    fact = ToolReturned(call_id=CallId("c"), tool=text or "t", text=text)
    event = Event(run=RunId("r"), seq=1, at=NOW, agent=text, fact=fact)
    for told in (*event_lines(event), *event_lines(Unread(seq=4, why=text))):
        assert told.text.plain.isprintable()
        assert told.label.isprintable()


@given(text=texts)
def test_no_state_does_anything_to_a_terminal(text: str) -> None:
    """Neither above a run, nor in the view of its gate."""
    progress = Progress(at=NOW, verdict=text, waiting_for=(text,))
    state = RunState(
        run=text, seq=1, key=text, task=text, phase=text, detail=text, progress=progress
    )
    lines = head_lines(state, model=text, findings="-", now=NOW, width=80)
    for line in (*lines, *gate_lines(state, NOW)):
        assert line.plain.isprintable()


@pytest.mark.parametrize(
    ("standing", "word", "said"),
    [
        ({"task": "it is down"}, "works", "it is down"),
        ({"questions": 2, "ending": "final_answer"}, "asks 2", "2 answers of a person"),
        ({"ending": "final_answer"}, "gate", "the gate judges its end (final_answer)"),
        ({"outcome": "escalated", "detail": "nobody came"}, "escalated", "nobody came"),
        ({"outcome": "of_a_later_version"}, "of_a_later_…", ""),
    ],
)
def test_a_run_is_at_one_thing(standing: dict[str, object], word: str, said: str) -> None:
    """Its end before its questions, and they before its gate: what a person can do comes first."""
    line = _line(**standing)
    assert (status_of(line).word, why(line, width=80, now=NOW)) == (word, said)


def test_a_gate_is_told_with_what_is_left_of_its_wait() -> None:
    """Not with what was left when it said so."""
    waiting = {
        "at": NOW - timedelta(minutes=1),
        "verdict": "pending",
        "waiting_for": ["alert Down to clear"],
        "waiting_until": NOW + timedelta(minutes=4),
    }
    line = _line(ending="final_answer", progress=waiting)
    assert why(line, width=80, now=NOW) == "alert Down to clear (at most 4m)"


def test_a_run_that_is_not_read_yet_says_so() -> None:
    """An older service tells nothing of where runs stand."""
    line = msgspec.structs.replace(_line(), standing=None)
    assert (status_of(line).word, why(line, width=40, now=NOW)) == ("open", "not read yet")
    ended = msgspec.structs.replace(line, ended=True)
    assert status_of(ended).word == "ended"
    assert tallied([line, ended]) == "2 runs: 1 open, 1 ended"


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.integers(0, 5)), max_size=12),
    st.sampled_from(list(Order)),
    st.booleans(),
)
def test_sorting_keeps_every_run_and_is_turned_around(
    runs: list[tuple[int, int, int]],
    order: Order,
    backwards: bool,  # noqa: FBT001  # drawn
) -> None:
    """The same whatever order they come in, so lines do not jump about."""
    lines = [
        _line(f"r{n}", questions=asks, step=step, findings={"decisive": found})
        for n, (asks, step, found) in enumerate(runs)
    ]
    choice = Choice(order=order, backwards=backwards)
    found = [one.run for one in chosen(lines, choice)]
    assert sorted(found) == sorted(one.run for one in lines)
    assert [one.run for one in chosen(lines[::-1], choice)] == found
    turned = chosen(lines, Choice(order=order, backwards=not backwards))
    assert [one.run for one in turned] == found[::-1]


def test_fields_of_a_later_service_are_passed_over() -> None:
    """An older `top` shows what it knows."""
    sent = (
        b'{"sessions":[{"run":"r","created":"2026-01-01T12:00:00Z","changed":"2026-01-01T12:00:00Z",'
        b'"seq":1,"ended":false,"new":1,"standing":{"seq":1,"findings":{"grave":2},"more":[]}}],'
        b'"role":"auditor"}'
    )
    (line,) = msgspec.json.decode(sent, type=Listing).sessions
    assert "2?" in [one.cell(line, NOW).plain for one in fit(80)]


def test_no_finding_is_said_too() -> None:
    """An empty view could be one that was not read."""
    assert [line.plain for line in finding_lines(())] == ["no finding holds"]
