"""`fsm` at the command line: what is proved, drawn and stepped through."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from guardrails.cli.simulation import simulated
from guardrails.core.events import Event, ModelReplied, RunStarted
from guardrails.core.ids import RunId
from guardrails.core.incident import Incident
from guardrails.core.questions import Candidate, Question, QuestionKind, described
from guardrails.fsm.load import shipped_machine, text_named
from guardrails.policy.load import load_settings
from guardrails.policy.stored import settings_text
from tests.fsm.tables import SOUND

TANGLED = " and ".join(
    f"{fact} != {n}"
    for n, fact in enumerate(
        ("turns", "calls", "reads", "hypotheses", "writes", "stalled", "idle", "refusals"), 5
    )
)


def test_a_sound_machine_is_told_with_its_bound(cli) -> None:
    """Exit 0, and the most that any run can take; a policy with less gives less."""
    ran = cli("fsm", "check", "mitigation", "--set", "budgets.steps=20")
    assert ran.code == 0
    assert "every run ends; 12 states. Any run takes at most 21 model turns" in ran.out


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("quit: lost", "quit: done", "unproved"),
        ("reads >= 2}", f"{TANGLED} and questions != 3 and here.turns != 4}}", "tangled"),
    ],
)
def test_a_fault_is_told_with_its_place(cli, tmp_path: Path, old: str, new: str, kind: str) -> None:
    """Exit 2, a line each; nothing is said of a bound, because there is none."""
    path = tmp_path / "m.yaml"
    path.write_text(SOUND.replace(old, new))
    ran = cli("fsm", "check", path)
    assert (ran.code, ran.out) == (2, "")
    assert f": {kind}: " in ran.err
    found = json.loads(cli("fsm", "check", path, "-o", "json").out)
    assert kind in {fault["kind"] for fault in found["faults"]}
    assert found["bound"] is None


def test_a_machine_is_written_in_three_forms(cli) -> None:
    """As a diagram, as a table, and as the file to begin one's own with."""
    assert cli("fsm", "export", "diagnosis").out.startswith("stateDiagram-v2")
    assert "| state |" in cli("fsm", "export", "diagnosis", "--as", "table").out
    written = cli("fsm", "export", "diagnosis", "--as", "yaml").out
    assert written.strip() == text_named("diagnosis").strip()


def test_a_stored_run_is_stepped_through(cli, tmp_path: Path) -> None:
    """By its own machine, and by another one."""
    trace = tmp_path / "t.jsonl"
    cli("run", "--demo", "gives-up", "--trace", trace)
    own = cli("fsm", "simulate", trace)
    assert own.code == 0
    assert "triage -> investigate" in own.out
    assert "evidence-missing: Not accepted. Too little was looked at to give up." in own.out
    other = cli("fsm", "simulate", trace, "--machine", "diagnosis")
    assert "end: final_answer, claims gave_up" in other.out


def test_what_a_model_wrote_cannot_draw_on_the_terminal() -> None:
    """Escape sequences in a stored run are shown as text."""
    settings = load_settings(environ={})
    facts = (
        RunStarted(
            incident=Incident(task="x"),
            policy=settings_text(settings),
            profile="mid-tier",
            adapter="test",
        ),
        ModelReplied(text="\x1b[2Jgone\nand away"),
    )
    events = [
        Event(run=RunId("r"), seq=n, at=datetime(2026, 1, 1, tzinfo=UTC), step=n - 1, fact=fact)
        for n, fact in enumerate(facts, 1)
    ]
    lines = list(simulated(events, machine=shipped_machine("mitigation")))
    assert "\x1b" not in "".join(lines)
    assert lines[1].endswith("model: [2Jgone and away")


def test_a_question_is_described_with_numbers() -> None:
    """The numbers are answers."""
    question = Question(
        id="q",
        kind=QuestionKind.APPROVAL,
        text="May changes be made?",
        why="it says so",
        candidates=(Candidate(id="a", label="Yes"), Candidate(id="b", label="No")),
    )
    assert described(question) == "May changes be made? (it says so)\n1. Yes\n2. No"
