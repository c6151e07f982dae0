"""Every exit of an agent made by `create_agent`, through every adapter, synchronous or not.

Rows carry their number in the notes on LangGraph's behaviour (B0-B26, 1.3). Whatever the exit, the
run has one typed end in its trace and its result, and it is accepted only on a passing report.
Where only the middleware guards the agent, LangGraph lets some exceptions out (`raises`: the end is
in the trace) and some past every hook of it (`unseen`: there is no end, and nothing is accepted).
"""

import functools
from typing import Any

import pytest
from exit_agents import Row
from exit_rows_answers import ANSWERS
from exit_rows_stops import STOPS


@pytest.mark.parametrize("row", [*ANSWERS, *STOPS], ids=lambda row: row.name)
def test_every_exit_has_one_typed_end(row: Row, play: Any) -> None:
    """Whatever the exit, the run ends once, typed, and accepted only on a passing report."""
    build = functools.partial(row.build, asynchronous=play.asynchronous)
    ended = play(build, *row.gate, config=row.config, answers=row.answers)
    if row.unseen is not None and play.adapter == "middleware":
        assert isinstance(ended.raised, row.unseen)
        assert ended.records.ended == []
        return
    ended.check(raises=row.raises)
    assert ended.outcome is row.outcome
    if row.reason is not None:
        assert ended.reason is row.reason
