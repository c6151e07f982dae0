"""Every scenario of the demo ends as it says, through the command that people type."""

import json
from pathlib import Path

import jsonschema
import pytest

import guarded_agent_entry
from guardrails.cli.exits import of_outcome
from guardrails.core.events import (
    EndRequested,
    GateReported,
    StepTakenBack,
    ToolRequested,
    ToolReturned,
    ToolStatus,
)
from guardrails.core.evidence import GateProgress, GateVerdict
from guardrails.core.trace import StoredRun, read_trace
from guardrails.testing.scenarios import DEFAULT_SCENARIO, scenario, scenarios

SCHEMA = json.loads(
    (
        Path(guarded_agent_entry.__file__).parent / "docs" / "reference" / "run-output.schema.json"
    ).read_text()
)
REFUSED = {"false-victory", "too-early", "gives-up", "blind"}
"""Scenarios in which an end is refused, whatever the machine's speed."""


def _trace(path: Path) -> StoredRun:
    (run,) = read_trace(path)
    return run


@pytest.mark.parametrize("name", [one.name for one in scenarios()])
def test_a_scenario_ends_as_it_says(cli, tmp_path: Path, name: str) -> None:
    """Outcome, exit code, schema and trace agree, and the trace replays to the same decisions."""
    trace = tmp_path / "run.jsonl"
    ran = cli("run", "--demo", name, "-o", "json", "--trace", trace)
    found = json.loads(ran.out)
    jsonschema.validate(found, SCHEMA)
    expected = scenario(name).outcome
    assert found["outcome"] == expected, ran.err
    assert ran.code == of_outcome(expected)
    assert (found["verdict"] == "pass") == expected.accepted
    assert found["target"] == f"demo:{name}"
    ended = _trace(trace).ended
    assert ended is not None
    assert ended.outcome == expected
    if name in REFUSED:
        assert found["refusals"] > 0
    again = cli("trace", "replay", trace)
    assert again.code == 0, again.out
    assert "replays the same" in again.out
    (tagged,) = [json.loads(line) for line in cli("tag", trace).out.splitlines()]
    live = [(one["mode"], one["seq"], one.get("about", "")) for one in found["findings"]]
    told = [(f"FM-{one['mode']}", one["about"]) for one in tagged["findings"]]
    assert told == [(mode, about) for mode, _, about in live]
    assert tagged["modes"] == sorted({mode.removeprefix("FM-") for mode, _, _ in live})
    assert tagged["outcome"] == ("right" if expected.accepted else tagged["outcome"])


def test_the_first_fail_comes_within_a_second_and_the_wait_says_why(cli, tmp_path: Path) -> None:
    """The default story: refused with facts at once, mended, waited for with a reason, accepted."""
    trace = tmp_path / "run.jsonl"
    ran = cli("run", "--demo", "--trace", trace)
    assert ran.code == 0, ran.out
    events = _trace(trace).events
    claimed = next(e for e in events if isinstance(e.fact, EndRequested))
    judged = [e for e in events if isinstance(e.fact, GateReported)]
    first, last = judged[0], judged[-1]
    assert isinstance(first.fact, GateReported)
    assert isinstance(last.fact, GateReported)
    assert first.fact.report.verdict is GateVerdict.FAIL
    assert (first.at - claimed.at).total_seconds() <= 1.0
    assert last.fact.report.verdict is GateVerdict.PASS
    waits = [r for r in _trace(trace).records if isinstance(r, GateProgress) and r.waiting_for]
    assert any("HighRequestErrorRate" in reason for r in waits for reason in r.waiting_for)
    order = [ran.out.index(word) for word in ("refused", "kubectl_patch", "waiting", "accepted")]
    assert order == sorted(order)


def test_a_poisoned_step_is_taken_back_and_the_trace_shows_it(cli, tmp_path: Path) -> None:
    """Two changes of what does not exist: neither runs, both leave the history."""
    trace = tmp_path / "run.jsonl"
    ran = cli("run", "--demo", "cascade", "--trace", trace)
    assert ran.code == 0, ran.out
    assert "taken back" in ran.out
    facts = [event.fact for event in _trace(trace).events]
    (back,) = [fact for fact in facts if isinstance(fact, StepTakenBack)]
    wrong = [
        f.call_id for f in facts if isinstance(f, ToolRequested) and "recommend" in f.arguments
    ]
    assert list(back.call_ids) == wrong
    statuses = {f.call_id: f.status for f in facts if isinstance(f, ToolReturned)}
    assert [statuses[call] for call in wrong] == [ToolStatus.BLOCKED] * 2


def test_the_same_agent_collapses_without_the_guard(cli, tmp_path: Path) -> None:
    """In shadow mode nothing is held back: it claims what is not so, and mends nothing."""
    ran = cli("run", "--demo", "cascade", "--set", "mode=shadow", "-o", "json")
    found = json.loads(ran.out)
    assert (found["outcome"], found["verdict"]) == ("unresolved", "fail")


def test_another_policy_replays_to_another_end(cli, tmp_path: Path) -> None:
    """A replay under other settings says where it differs: exit 8."""
    trace = tmp_path / "run.jsonl"
    cli("run", "--demo", "never-stops", "--trace", trace)
    ran = cli("trace", "replay", trace, "--set", "budgets.steps=3")
    assert ran.code == 8
    assert "budget-steps" in ran.out


def test_shadow_mode_lets_the_false_victory_through(cli) -> None:
    """Nothing is held back, and the outcome is what was seen: unresolved."""
    ran = cli("run", "--demo", "false-victory", "--shadow", "-o", "json")
    found = json.loads(ran.out)
    assert (found["outcome"], found["refusals"], found["shadow"]) == ("unresolved", 0, True)


def test_the_scenarios_are_listed(cli) -> None:
    """`--demo list` names each, and which is the default."""
    ran = cli("run", "--demo", "list")
    assert ran.code == 0
    assert [line.split()[0] for line in ran.out.splitlines()] == [s.name for s in scenarios()]
    assert f"{DEFAULT_SCENARIO} " in next(x for x in ran.out.splitlines() if "(default)" in x)
