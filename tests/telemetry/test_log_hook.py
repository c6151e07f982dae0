import errno
import io
import json
import logging
from datetime import UTC, datetime
from typing import Any, TextIO, cast

import pytest
import structlog

from guardrails.core.decisions import Decision, Verdict
from guardrails.core.events import AnyFact, EndRequested, ErrorRaised, ExitKind, ToolRequested
from guardrails.core.hooks import Record, RunEnded
from guardrails.core.ids import CallId, RunId
from guardrails.core.outcome import Outcome
from guardrails.engine import Guard, SessionKey
from guardrails.telemetry.logentries import entry_of, is_of_every_turn
from guardrails.telemetry.logs import SteadyStream, StructlogHook, configure_json_logs, json_logger

RUN = RunId("run-1")
AT = datetime(2026, 11, 23, tzinfo=UTC)


def logged(records: list[Record], *, level: int = logging.DEBUG) -> list[dict[str, Any]]:
    stream = io.StringIO()
    hook = StructlogHook(json_logger(stream, level=level))
    for record in records:
        hook.on_record(RUN, record)
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_each_record_has_its_name_and_level(records: list[Record]) -> None:
    """Dotted names; debug for what is usual, warning for what was held, error for what was lost."""
    assert [
        (line["event"].removeprefix("guarded_agent."), line["level"]) for line in logged(records)
    ] == [
        ("run.started", "info"),
        ("model.replied", "debug"),
        ("node.ran", "debug"),
        ("tool.requested", "debug"),
        ("tool.returned", "debug"),
        ("tool.returned", "debug"),
        ("context.filtered", "debug"),
        ("step.taken_back", "warning"),
        ("agent.handed_off", "info"),
        ("message.passed", "info"),
        ("plan.stated", "info"),
        ("question.asked", "warning"),
        ("question.answered", "info"),
        ("questions.expired", "warning"),
        ("run.paused", "info"),
        ("run.resumed", "info"),
        ("end.requested", "info"),
        ("gate.reported", "warning"),
        ("watch.reported", "error"),
        ("error.raised", "warning"),
        ("error.raised", "error"),
        ("loss.allowed", "warning"),
        ("context.filtered", "debug"),
        ("step.taken_back", "warning"),
        ("decision", "debug"),
        ("decision", "warning"),
        ("decision", "warning"),
        ("decision", "error"),
        ("finding", "warning"),
        ("finding.withdrawn", "info"),
        ("gate.progress", "debug"),
        ("run.ended", "error"),
    ]


def test_no_line_holds_what_tools_were_given_or_returned(records: list[Record]) -> None:
    """Tool results, arguments and the model's words may hold secrets: not even at debug."""
    lines = logged(records)
    assert len(lines) == len(records)
    assert "hunter2" not in json.dumps(lines)


@pytest.mark.parametrize(
    "fact",
    [
        ErrorRaised(error="ToolError", message="hunter2", where="tool:kubectl"),
        EndRequested(exit=ExitKind.ERROR, detail="ToolError: hunter2"),
    ],
)
def test_the_decision_on_an_error_does_not_quote_it(fact: AnyFact) -> None:
    """A tool's error may hold its arguments, in whichever line it is told."""
    stream = io.StringIO()
    guard = Guard(hooks=[StructlogHook(json_logger(stream, level=logging.DEBUG))])
    session = guard.begin(SessionKey("k"), adapter="test")
    session.observe(fact)
    assert session.outcome is Outcome.ABORTED
    assert "hunter2" not in stream.getvalue()


def test_what_is_wrong_with_a_call_is_not_quoted() -> None:
    """It names the arguments that were given; the trace has it."""
    stream = io.StringIO()
    guard = Guard(hooks=[StructlogHook(json_logger(stream, level=logging.DEBUG))])
    session = guard.begin(SessionKey("k"), adapter="test")
    fault = 'replicas of scale must be a whole number, and "hunter2" is not.'
    decision = session.observe(ToolRequested(call_id=CallId("c1"), tool="scale", fault=fault))
    assert decision.to_person == fault
    assert '"reason": "bad-call"' in stream.getvalue()
    assert "hunter2" not in stream.getvalue()


def test_every_line_names_its_run_and_time(records: list[Record]) -> None:
    """Lines of runs in parallel can be told apart."""
    for line in logged(records):
        assert line["run"] == RUN
        assert line["event"].startswith("guarded_agent.")
        assert line["timestamp"].endswith("Z")


def test_the_gate_says_why(records: list[Record]) -> None:
    """The line of a report has the verdict, the violated checks and the sentence."""
    (line,) = [x for x in logged(records) if x["event"] == "guarded_agent.gate.reported"]
    assert (line["verdict"], line["violated"], line["seconds"], line["summary"]) == (
        "fail",
        ["rollout-complete"],
        0.2,
        "checkout has 0 of 3 replicas",
    )


@pytest.mark.parametrize("outcome", list(Outcome))
def test_an_end_that_was_not_accepted_is_an_error(outcome: Outcome) -> None:
    """Only `resolved` and `diagnosed` end quietly."""
    ended = RunEnded(run=RUN, at=AT, outcome=outcome, reason="why")
    decision = Decision(run=RUN, seq=1, verdict=Verdict.ALLOW, outcome=outcome)
    levels = [line["level"] for line in logged([ended, decision])]
    assert levels == (["info", "debug"] if outcome.accepted else ["error", "error"])


def test_at_info_the_usual_is_silent(records: list[Record]) -> None:
    """Allowed calls and model turns do not fill the log."""
    levels = {line["level"] for line in logged(records, level=logging.INFO)}
    assert levels == {"info", "warning", "error"}


def test_what_is_passed_over_at_info_is_what_has_a_line_at_debug(records: list[Record]) -> None:
    """Lines are left out by the kind of their record, before they are put together."""
    for record in records:
        level, name, _ = entry_of(record)
        passed_over = is_of_every_turn(record)
        assert passed_over == (level == logging.DEBUG and name != "gate.progress")


def test_long_words_are_clipped() -> None:
    """A line stays a line, whatever was said."""
    decision = Decision(run=RUN, seq=1, verdict=Verdict.WARN, to_person="x" * 5000)
    (line,) = logged([decision])
    assert len(line["detail"]) == 401


def test_a_program_can_log_json_everywhere(records: list[Record]) -> None:
    """After `configure_json_logs` the hook needs no logger of its own."""
    stream = io.StringIO()
    configure_json_logs(stream)
    try:
        StructlogHook().on_record(RUN, records[0])
        structlog.get_logger().warning("other", port=1)
    finally:
        structlog.reset_defaults()
    first, second = (json.loads(line) for line in stream.getvalue().splitlines())
    assert first["event"] == "guarded_agent.run.started"
    assert (second["event"], second["port"], second["level"]) == ("other", 1, "warning")


class FullDisk(io.StringIO):
    """A stream that cannot be written."""

    full = True

    def write(self, text: str, /) -> int:
        """Fail while it is full."""
        if self.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(text)


def test_a_full_disk_loses_lines_and_breaks_nothing() -> None:
    """What is logged beside the work is counted as lost, and goes on when there is room."""
    disk = FullDisk()
    steady = SteadyStream(disk)
    logger = json_logger(cast("TextIO", steady))
    logger.log(logging.INFO, "one")
    assert steady.lost >= 1
    disk.full = False
    logger.log(logging.INFO, "two")
    assert [json.loads(line)["event"] for line in disk.getvalue().splitlines() if line] == ["two"]
