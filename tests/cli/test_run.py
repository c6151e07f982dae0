"""`run TARGET` from the command line to the exit code, against a simulated cluster."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import jsonschema
import pytest

import guarded_agent_entry
from guardrails.core.outcome import Outcome
from guardrails.core.trace import read_trace

ENTRY = Path(guarded_agent_entry.__file__)
SCHEMA = json.loads((ENTRY.parent / "docs" / "reference" / "run-output.schema.json").read_text())
# These agents only end, so no machine asks what they looked at; `test_demo` runs with one.
TASK = ["--task", "Is the shop well?", "-n", "shop", "--set", "fsm.machine=none"]


def _object(ran) -> dict[str, object]:
    found = json.loads(ran.out)
    jsonschema.validate(found, SCHEMA)
    return found


def test_a_true_claim_ends_resolved(cli, shop, quick, agent: Path) -> None:
    """Healthy and quiet for the whole window: exit 0."""
    ran = cli("run", f"{agent}:fine", *TASK, *shop.options, *quick)
    assert ran.code == 0, ran.out + ran.err
    assert "accepted" in ran.out
    assert "outcome   resolved" in ran.out
    assert "\x1b" not in ran.out


def test_json_is_the_only_thing_on_standard_output(cli, shop, quick, agent: Path) -> None:
    """The agent's own prints go elsewhere; the object fits its schema."""
    ran = cli("run", f"{agent}:fine", *TASK, *shop.options, *quick, "-o", "json")
    found = _object(ran)
    assert found["outcome"] == "resolved"
    assert (found["verdict"], found["tier"], found["refusals"]) == ("pass", "full", 0)
    assert found["exit_code"] == ran.code == 0
    assert "a print of the agent" in ran.err


def test_a_false_claim_ends_unresolved(cli, shop, quick, agent: Path) -> None:
    """An agent that repeats itself is refused until its budget is spent: exit 3."""
    shop.cluster.patch("Deployment", "payment", {"spec": {"replicas": 0}}, "shop")
    shop.cluster.settle()
    ran = cli("run", f"{agent}:fine", *TASK, *shop.options, *quick, "-o", "json")
    found = _object(ran)
    assert found["outcome"] == "unresolved"
    assert found["refusals"] == 4
    assert found["report"]["verdict"] == "fail"  # type: ignore[index]
    assert ran.code == 3


def test_giving_up_ends_unresolved(cli, shop, quick, agent: Path) -> None:
    """Nothing to judge: exit 3, and no report."""
    ran = cli("run", f"{agent}:lost", *TASK, *shop.options, *quick, "-o", "json")
    found = _object(ran)
    assert (found["outcome"], found["reason"], found["report"]) == ("unresolved", "gave-up", None)
    assert ran.code == 3


def test_an_agent_that_breaks_ends_aborted(cli, shop, quick, agent: Path) -> None:
    """Its exception is told in a line: exit 6."""
    ran = cli("run", f"{agent}:breaks", *TASK, *shop.options, *quick)
    assert ran.code == 6
    assert "RuntimeError" in ran.out
    assert "the provider said no" in ran.out
    assert "Traceback" not in ran.out + ran.err


def test_without_prometheus_nothing_ends_resolved(cli, shop, quick, agent: Path) -> None:
    """Alerts that cannot be read are unknown: refused, then a person is called (exit 4)."""
    options = ["--kubeconfig", str(shop.kubeconfig)]
    ran = cli("run", f"{agent}:fine", *TASK, *options, *quick, "-o", "json")
    assert _object(ran)["outcome"] == "escalated"
    assert ran.code == 4


def test_the_policy_may_do_without_prometheus(cli, shop, quick, agent: Path) -> None:
    """Then the proof is of tier `state`, and says so."""
    options = ["--kubeconfig", str(shop.kubeconfig), "--set", "gate.allow_no_alert_source=true"]
    ran = cli("run", f"{agent}:fine", *TASK, *options, *quick, "-o", "json")
    found = _object(ran)
    assert (found["outcome"], found["tier"]) == ("resolved", "state")


def test_shadow_holds_nothing_back(cli, shop, quick, agent: Path) -> None:
    """A false claim goes through, and the outcome says what was seen."""
    shop.cluster.patch("Deployment", "payment", {"spec": {"replicas": 0}}, "shop")
    shop.cluster.settle()
    ran = cli("run", f"{agent}:fine", *TASK, *shop.options, *quick, "--shadow", "-o", "json")
    found = _object(ran)
    assert (found["shadow"], found["outcome"], found["refusals"]) == (True, "unresolved", 0)


def test_the_trace_holds_the_run(cli, shop, quick, agent: Path, tmp_path: Path) -> None:
    """`--trace` appends; a second run does not hurt the first, and both replay."""
    trace = tmp_path / "runs.jsonl"
    for attribute in ("fine", "lost"):
        command = ["run", f"{agent}:{attribute}", *TASK, *shop.options, *quick]
        cli(*command, "--trace", trace)
    ended = [run.ended for run in read_trace(trace)]
    assert [e.outcome for e in ended if e] == [Outcome.RESOLVED, Outcome.UNRESOLVED]
    replayed = cli("trace", "replay", trace)
    assert replayed.code == 0, replayed.out
    assert replayed.out.count("replays the same") == 2


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs the full device of Linux")
def test_a_trace_that_cannot_be_written_breaks_nothing_and_is_told(
    cli, shop, quick, agent: Path
) -> None:
    """The run ends as it would have; who counts on the trace hears that there is none."""
    ran = cli("run", f"{agent}:lost", *TASK, *shop.options, *quick, "--trace", "/dev/full")
    assert ran.code == 3
    assert re.search(r"warning: jsonl: \d+ records could not be written", ran.out)


def test_a_model_that_a_graph_does_not_take_chooses_the_profile_only(
    cli, shop, quick, agent: Path
) -> None:
    """Nobody is left to believe that `--model` changed the agent."""
    command = [*TASK, *shop.options, *quick, "--model", "openai:gpt-5"]
    plain = cli("run", f"{agent}:fine", *command)
    assert "takes no `model`; --model openai:gpt-5 only chose the profile" in plain.out
    assert "profile frontier" in plain.out
    taken = cli("run", f"{agent}:model_named", *command)
    assert "only chose the profile" not in taken.out
    assert "openai:gpt-5 says" in taken.out


def test_a_missing_right_is_a_warning_and_never_a_pass(
    cli, shop, quick, agent: Path, tmp_path: Path
) -> None:
    """RBAC 403: the run goes on, is refused for what cannot be read, and escalates."""
    shop.cluster.add_user(
        "viewer", rules=[{"apiGroups": ["apps"], "resources": ["*"], "verbs": ["list"]}]
    )
    blind = shop.cluster.write_kubeconfig(tmp_path / "viewer", user="viewer")
    options = [*shop.options, "--kubeconfig", str(blind)]
    ran = cli("run", f"{agent}:fine", *TASK, *options, *quick)
    assert "warning: the gate cannot judge by list Pod in shop: 403" in ran.out
    assert ran.code == 4


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_the_run_with_its_result(
    shop, agent: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """The run ends aborted, with trace and object, and the exit code of the signal."""
    trace = tmp_path / "run.jsonl"
    command = ["run", f"{agent}:slow", *TASK, *shop.options, "-o", "json", "--trace", str(trace)]
    process = subprocess.Popen(
        [sys.executable, str(ENTRY), *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    with process:
        assert process.stderr is not None
        told = []
        for line in process.stderr:
            told.append(line)
            if "AT WORK" in line:
                process.send_signal(number)
                break
        out, rest = process.communicate(timeout=30)
    assert process.returncode == code, "".join(told) + rest
    assert json.loads(out)["outcome"] == "aborted"
    assert "Traceback" not in rest
    (run,) = read_trace(trace)
    assert run.ended is not None
    assert run.ended.outcome is Outcome.ABORTED


def test_an_accepted_run_is_watched(
    cli, shop, quick: list[str], agent: Path, tmp_path: Path
) -> None:
    """Exit 0 when it held; the trace says so, and replays to the same decisions."""
    trace = tmp_path / "t.jsonl"
    command = ["run", f"{agent}:fine", *TASK, *shop.options, *quick]
    ran = cli(*command, "--watch", "500ms", "--trace", trace)
    assert ran.code == 0, ran.err
    assert "it is watched from now on" in ran.out
    assert "held after" in ran.out
    assert "watch_reported" in trace.read_text()
    assert cli("trace", "replay", trace).code == 0
