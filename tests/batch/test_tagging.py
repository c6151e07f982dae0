"""One stored run is tagged as a live run would be, and counted."""

from datetime import UTC, datetime, timedelta

import msgspec

from guardrails.actions.classify import classify
from guardrails.batch.eventlog import EventLog, call_of
from guardrails.batch.lines import TaggedRun, decode, encode
from guardrails.batch.recorded import RecordedRun, Verdict
from guardrails.batch.tagging import tag_run
from guardrails.core.events import ExitKind, ToolRequested, Usage
from guardrails.core.findings import standing
from guardrails.core.mast import FailureMode, Weight
from guardrails.detectors.registry import DetectorStates, observe_all
from tests.hygiene.secrets import letters

KEYS = {
    "source", "run_id", "agents", "steps", "modes", "decisive", "findings", "format", "model",
    "fault", "outcome", "events", "tool_calls", "tokens", "seconds", "after_decisive",
}  # fmt: skip
FINDING_KEYS = {
    "mode", "name", "agent", "steps", "evidence", "confidence", "detector", "why", "severity",
    "judged",
}  # fmt: skip
START = datetime(2026, 3, 1, tzinfo=UTC)


def recorded(log: EventLog, **more: object) -> RecordedRun:
    """Return a run of what a log holds."""
    return RecordedRun(run_id=log.run, format="invented", events=log.events, **more)


def stopped(*, turns_after: int = 0, timed: bool = False) -> RecordedRun:
    """Return a run that a budget stopped (1.5), and that went on for some turns all the same."""
    log = EventLog("run-1", agent="planner")
    log.started("cart answers with errors")
    log.replied("Looking.", usage=Usage(input_tokens=100, output_tokens=20))
    log.ended("", exit_=ExitKind.BUDGET, at=START if timed else None)
    for number in range(turns_after):
        at = START + timedelta(seconds=10 * (number + 1)) if timed else None
        log.replied("More.", usage=Usage(input_tokens=50, output_tokens=5), at=at)
    return recorded(log, timed=timed)


def test_a_line_has_every_promised_key() -> None:
    """Readers of the lines look for them by name."""
    line = msgspec.json.decode(encode(tag_run(stopped())))
    assert line.keys() >= KEYS
    assert line["findings"]
    assert all(found.keys() >= FINDING_KEYS for found in line["findings"])


def test_a_mode_stands_without_its_prefix() -> None:
    """Numbers are what people write."""
    tagged = tag_run(stopped())
    assert "1.5" in tagged.modes
    assert "1.5" in tagged.decisive
    assert all(mode[0].isdigit() for mode in tagged.modes)


def test_findings_are_those_of_the_fold() -> None:
    """The same detectors, over the same events, say the same."""
    run = stopped(turns_after=2)
    states, found = DetectorStates(), []
    for event in run.events:
        fact = event.fact
        action = classify(fact.tool, fact.arguments) if isinstance(fact, ToolRequested) else None
        states, said = observe_all(states, event, action=action)
        found += said
    held = standing(found)
    tagged = tag_run(run)
    assert [(one.mode, one.why) for one in tagged.findings] == [
        (one.mode.removeprefix("FM-"), one.why) for one in held
    ]


def test_decisive_modes_are_those_with_a_finding_that_decides() -> None:
    """A detector may say that its pattern tells less than its mode."""
    tagged = tag_run(stopped())
    expected = {one.mode for one in tagged.findings if one.severity is Weight.DECISIVE}
    assert set(tagged.decisive) == expected


def test_modes_of_no_interest_are_left_out() -> None:
    """Of modes and findings, and of what decides."""
    tagged = tag_run(stopped(), modes=[FailureMode.STEP_REPETITION])
    assert (tagged.modes, tagged.decisive, tagged.after_decisive) == ((), (), None)


def test_what_a_trace_does_not_tell_is_null() -> None:
    """No tokens, no times: not zero."""
    log = EventLog("run-1", agent="planner")
    log.started("cart answers with errors")
    log.replied("Looking.")
    tagged = tag_run(recorded(log))
    assert tagged.tokens is None
    assert tagged.seconds is None


def test_tokens_and_time_are_added_up() -> None:
    """Input and output of all turns; from the first event to the last."""
    tagged = tag_run(stopped(turns_after=2, timed=True))
    assert tagged.tokens == 120 + 2 * 55
    assert tagged.seconds is not None
    assert tagged.seconds >= 20


def test_what_is_spent_after_the_first_decisive_finding_is_counted_from_it() -> None:
    """What a guard that acts on the finding could have saved."""
    after = tag_run(stopped(turns_after=3, timed=True)).after_decisive
    assert after is not None
    assert (after.steps, after.tokens, after.seconds) == (3, 165, 30.0)


def test_nothing_is_spent_after_a_finding_at_the_end() -> None:
    """The last event completes it."""
    after = tag_run(stopped()).after_decisive
    assert after is not None
    assert (after.steps, after.tokens, after.seconds) == (0, 0, None)


def test_agents_stand_in_the_order_in_which_they_came() -> None:
    """Each once."""
    log = EventLog("run-1")
    log.started("cart answers with errors")
    for agent in ("triage", "planner", "triage", "worker"):
        log.replied("Well.", agent=agent)
    assert tag_run(recorded(log)).agents == ("triage", "planner", "worker")


def test_calls_are_counted() -> None:
    """Those that ran."""
    log = EventLog("run-1", agent="planner")
    log.started("cart answers with errors")
    call = call_of("c1", "kubectl", {"command": "kubectl get pods"})
    log.replied("Looking.", calls=[call])
    log.requested(call)
    log.returned(call, "cart-0  1/1  Running")
    tagged = tag_run(recorded(log))
    assert (tagged.tool_calls, tagged.steps, tagged.events) == (1, 1, 4)


def test_a_run_without_events_has_no_failures() -> None:
    """A file may hold the bare head of a run."""
    tagged = tag_run(recorded(EventLog("run-1")), source="runs.jsonl")
    assert (tagged.steps, tagged.events, tagged.findings) == (0, 0, ())
    assert tagged.source == "runs.jsonl"


def test_what_the_file_says_is_kept() -> None:
    """For grouping."""
    run = recorded(
        EventLog("run-1"), model="acme:large", fault="cart", outcome=Verdict.RIGHT, notes={"a": "b"}
    )
    tagged = tag_run(run)
    assert (tagged.model, tagged.fault, tagged.outcome) == ("acme:large", "cart", Verdict.RIGHT)
    assert tagged.notes == {"a": "b"}


def test_a_line_quotes_no_secret() -> None:
    """Stored traces were not scrubbed by us; evidence quotes them."""
    word = letters(16)
    log = EventLog("run-1", agent="planner")
    log.started("cart answers with errors")
    secret = f"postgres://shop:{word}@db/orders"
    log.ended(f"Root cause: the cart cannot log in to {secret}.")
    line = encode(tag_run(recorded(log))).decode()
    assert word not in line


def test_a_line_comes_back_as_it_was() -> None:
    """Lines are read again for vectors."""
    tagged = tag_run(stopped(turns_after=1, timed=True), source="runs.jsonl")
    assert decode(encode(tagged)) == tagged
    assert isinstance(decode(encode(tagged)), TaggedRun)
