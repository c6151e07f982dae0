"""What a person sees of a run: lines in pipes, a live view on terminals."""

import io
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from rich.console import Console

from guardrails.cli.narration import Narrator
from guardrails.cli.notes import Status
from guardrails.cli.printers import LivePrinter, PlainPrinter, waiting_line
from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.decisions import Decision
from guardrails.core.events import (
    AnyFact,
    EndRequested,
    ErrorRaised,
    ExitKind,
    ModelReplied,
    StepTakenBack,
    ToolCall,
    ToolRequested,
    ToolReturned,
    ToolStatus,
)
from guardrails.core.evidence import EvidenceState, GateProgress, GateVerdict
from guardrails.core.hooks import Hook, Record
from guardrails.core.ids import CallId, RunId
from guardrails.core.incident import Incident
from guardrails.engine import Guard, Session, SessionKey
from guardrails.policy.models import EffectRules, Settings
from guardrails.reports.wording import printable, tally
from guardrails.testing.clock import ManualClock
from guardrails.testing.gates import ScriptedGate, scripted_report
from tests.settings import FREE, NO_MACHINE

PODS = ToolCall(call_id=CallId("c1"), tool="kubectl_get", arguments='{"resource":"pods"}')
DELETE = ToolCall(
    call_id=CallId("c2"), tool="bash", arguments='{"command":"kubectl delete pod checkout-1"}'
)


@dataclass(frozen=True, slots=True)
class Run:
    """A session and its guard."""

    guard: Guard
    session: Session

    def observe(self, fact: AnyFact) -> Decision:
        return self.session.observe(fact)


def _begin(hook: Hook, *played: GateVerdict, settings: Settings | None = None) -> Run:
    guard = Guard(
        settings=settings or FREE, gate=ScriptedGate(*played), hooks=[hook], clock=ManualClock()
    )
    about = Incident(task="checkout is down", namespaces=("shop",))
    return Run(guard, guard.begin(SessionKey("t"), adapter="test", incident=about))


def _call(run: Run, call: ToolCall, result: str = "ok") -> None:
    run.observe(ModelReplied(text="I look.", tool_calls=(call,)))
    requested = ToolRequested(call_id=call.call_id, tool=call.tool, arguments=call.arguments)
    blocked = run.observe(requested).blocked
    run.observe(
        ToolReturned(
            call_id=call.call_id,
            tool=call.tool,
            text=result,
            status=ToolStatus.BLOCKED if blocked else ToolStatus.OK,
        )
    )


def _end(run: Run, text: str = "It is fixed.") -> None:
    run.observe(ModelReplied(text=text))
    claim = Claim(kind=ClaimKind.MITIGATED, text=text)
    end = EndRequested(exit=ExitKind.FINAL_ANSWER, claim=claim)
    run.guard.settle_sync(run.session, end)


@pytest.fixture
def stream() -> io.StringIO:
    return io.StringIO()


def test_a_refused_and_an_accepted_end_are_told_in_plain_lines(stream: io.StringIO) -> None:
    """The story reads from top to bottom, with the facts of the refusal."""
    run = _begin(PlainPrinter(stream), GateVerdict.FAIL, GateVerdict.PASS)
    _call(run, PODS)
    _end(run)
    _call(run, PODS)
    _end(run)
    told = [line[9:].split("  ")[0].strip() for line in stream.getvalue().splitlines()]
    assert told.count("read") == 2
    assert told.index("claim") < told.index("refused") < told.index("accepted")
    assert "rollout-complete: Deployment shop/checkout status.updatedReplicas is 0, expected 3" in (
        stream.getvalue()
    )


def test_plain_lines_hold_no_control_characters(stream: io.StringIO) -> None:
    """A model that writes escape sequences does not paint the operator's terminal."""
    run = _begin(PlainPrinter(stream), GateVerdict.PASS)
    _call(run, PODS, result="\x1b[2Jgone\x07 \x9b31m")
    _end(run, "done\x1b]0;title\x07")
    assert not any((ord(c) < 32 and c != "\n") or 0x7F <= ord(c) < 0xA0 for c in stream.getvalue())


def test_effects_are_told_apart(stream: io.StringIO) -> None:
    """A look and a deletion do not look the same."""
    run = _begin(PlainPrinter(stream), GateVerdict.PASS)
    _call(run, PODS)
    _call(run, DELETE)
    lines = stream.getvalue()
    assert "read         kubectl_get pods" in " ".join(lines.split("\n"))
    assert "destructive  bash kubectl delete pod checkout-1" in lines
    assert "warning      destructive call: kubectl delete" in lines


def test_a_blocked_call_says_so(stream: io.StringIO) -> None:
    """What was held back is seen by the operator too."""
    settings = Settings(fsm=NO_MACHINE, effects=EffectRules(destructive="block"))
    run = _begin(PlainPrinter(stream), GateVerdict.PASS, settings=settings)
    _call(run, DELETE)
    assert "blocked      destructive call: kubectl delete" in stream.getvalue()


def test_what_was_mended_and_taken_back_is_told(stream: io.StringIO) -> None:
    """A person sees that arguments are not as the model wrote them, and which steps are gone."""
    run = _begin(PlainPrinter(stream), GateVerdict.PASS)
    mended = msgspec.structs.replace(PODS, mended="a closing brace was missing")
    run.observe(ModelReplied(text="I look.", tool_calls=(mended,)))
    reason = "there is no tool kubctl"
    run.observe(StepTakenBack(call_ids=(PODS.call_id,), reason=reason, steps=1))
    shown = " ".join(stream.getvalue().split())
    assert "mended arguments of kubectl_get: a closing brace was missing" in shown
    assert "taken back 1 call in 1 step: there is no tool kubctl" in shown


def test_long_results_are_cut_to_their_first_lines(stream: io.StringIO) -> None:
    """The trace has the whole result."""
    run = _begin(PlainPrinter(stream), GateVerdict.PASS)
    _call(run, PODS, result="\n".join(f"pod-{n}  Running" for n in range(50)))
    assert "| pod-5  Running" in stream.getvalue()
    assert "pod-6" not in stream.getvalue()
    assert "… 44 more lines" in stream.getvalue()


def test_a_waiting_gate_repeats_itself_only_for_a_new_reason(stream: io.StringIO) -> None:
    """A countdown does not flood a log."""
    run = _begin(PlainPrinter(stream), GateVerdict.PASS)
    at = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
    for left in (9, 8, 7):
        run.session.progress(
            GateProgress(
                at=at,
                verdict=GateVerdict.PENDING,
                waiting_for=(f"all good for {left} s more",),
                waiting_until=at + timedelta(seconds=left),
            )
        )
    run.session.progress(
        GateProgress(at=at, verdict=GateVerdict.PENDING, waiting_for=("the rollout",))
    )
    waiting = [line for line in stream.getvalue().splitlines() if "waiting" in line]
    assert [line.split("waiting")[1].strip() for line in waiting] == [
        "all good for 9 s more (at most 9s)",
        "the rollout",
    ]


def test_an_error_is_told(stream: io.StringIO) -> None:
    """What broke the agent is named."""
    run = _begin(PlainPrinter(stream), GateVerdict.PASS)
    run.observe(ErrorRaised(error="ValueError", message="no key", where="model"))
    assert "error        ValueError in model: no key" in stream.getvalue()


def test_the_status_counts_down() -> None:
    """The line under the story says how long the gate still waits, and for what."""
    at = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
    waiting = GateProgress(
        at=at,
        verdict=GateVerdict.PENDING,
        waiting_for=("alert X to clear",),
        waiting_until=at + timedelta(seconds=10),
    )
    line = waiting_line(Status(waiting=waiting), now=at + timedelta(seconds=4))
    assert line == "the gate waits 6s more: alert X to clear"
    assert waiting_line(Status(judging=True)) == "the gate looks"
    assert waiting_line(Status()) == "the agent works"


def test_the_live_view_draws_story_and_status() -> None:
    """On a terminal notes are coloured, and the status is taken away at the end."""
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=100, color_system="standard")
    printer = LivePrinter(console)
    with printer.showing():
        run = _begin(printer, GateVerdict.FAIL, GateVerdict.PASS)
        _call(run, PODS)
        _end(run)
        with console.capture() as drawn:
            console.print(printer)
        _call(run, PODS)
        _end(run)
    assert "step 2 · 1 tool call · 1 refused end · 1 finding" in drawn.get()
    written = stream.getvalue()
    assert "\x1b[" in written
    assert "✗ refused" in written
    assert "✓ accepted" in written


def test_markup_in_foreign_text_is_text() -> None:
    """Square brackets of a tool's output are no commands to rich."""
    stream = io.StringIO()
    printer = LivePrinter(Console(file=stream, force_terminal=True, width=100))
    run = _begin(printer, GateVerdict.PASS)
    _call(run, PODS, result="[bold red]alert[/] [link=https://example.org]x[/link]")
    printer.say("note [not markup]")
    assert "[bold red]alert[/]" in stream.getvalue()
    assert "note [not markup]" in stream.getvalue()


def test_counts_of_the_status_follow_the_run(stream: io.StringIO) -> None:
    """Steps, calls and refusals are those of the session."""
    narrator = Narrator()

    class Sink:
        name = "sink"

        def on_record(self, run: RunId, record: Record, /) -> None:
            narrator.tell(record)

    run = _begin(Sink(), GateVerdict.FAIL, GateVerdict.PASS)
    _call(run, PODS)
    _end(run)
    status = narrator.status
    assert (status.step, status.calls, status.refusals) == (2, 1, 1)
    assert not status.ended
    _call(run, PODS)
    _end(run)
    assert narrator.status.ended


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\n b\tc", "a b c"),
        ("x" * 12, "x" * 9 + "…"),
        ("\x1b[31mred", "[31mred"),
        ("a\u202eb", "ab"),
        ("", ""),
    ],
)
def test_foreign_text_becomes_one_safe_line(text: str, shown: str) -> None:
    """Line breaks, escapes and direction overrides do not reach the terminal."""
    assert printable(text, width=10) == shown


@pytest.mark.parametrize("width", [60, 80])
def test_a_narrow_terminal_folds_what_must_be_read(width: int) -> None:
    """Why an end was refused is of no use with its end cut off; a tool's table only is clipped."""
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=True, color_system=None)
    said = "All pods of checkout are Running and Ready, so the error burst is over and done with."
    run = _begin(LivePrinter(console), GateVerdict.FAIL)
    run.observe(ModelReplied(text=said))
    _call(run, PODS, result="NAME READY STATUS " * 20)
    lines = stream.getvalue().splitlines()
    shown = " ".join(" ".join(lines).split())
    assert said in shown
    assert max(len(line) for line in lines) <= width
    assert sum("NAME READY" in line for line in lines) == 1


def test_facts_that_count_against_nobody_are_told_apart() -> None:
    """An accepted end with 25 of 26 facts would ask a question and not answer it."""
    report = scripted_report(GateVerdict.PASS)
    (fact, *_) = report.evidence
    aside = msgspec.structs.replace(fact, state=EvidenceState.VIOLATED, counts=False)
    held = len(report.evidence)
    assert tally(report) == f"{held} of {held} facts hold"
    beside = msgspec.structs.replace(report, evidence=(*report.evidence, aside))
    assert tally(beside) == f"{held} of {held} facts hold, 1 set aside"
