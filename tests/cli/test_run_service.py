"""`run TARGET --service`: the agent here, its guard in a real service over a simulated cluster."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import pytest
import yaml

from guardrails.core.outcome import Outcome
from guardrails.core.trace import read_trace
from tests.cli.conftest import Cli, Ran, Shop
from tests.cli.serving import BOT, ENTRY, READS, SRE, Serving, served

SCHEMA = json.loads((ENTRY.parent / "docs" / "reference" / "run-output.schema.json").read_text())
TASK = ["--task", "Is the shop well?", "-n", "shop"]
# These agents only end, so no machine asks what they looked at.
QUICK = {
    "fsm": {"machine": "none"},
    "gate": {
        "stable_for": "300ms",
        "window": "500ms",
        "poll_every": "100ms",
        "unknown_grace": "200ms",
        "wait_at_most": "10s",
    },
}


@pytest.fixture
def service(shop: Shop, tmp_path: Path) -> Iterator[Serving]:
    """A service that guards the shop, with a policy of short times and one more by name."""
    folder = tmp_path / "service"
    (folder / "policies").mkdir(parents=True)
    shop.cluster.add_user("guard", rules=READS)
    shop.cluster.write_kubeconfig(folder / "guard", user="guard")
    (folder / "tokens").write_text(f"bot:agent:{BOT}\nsre:operator:{SRE}\n")
    (folder / "tokens").chmod(0o600)
    (folder / "policy.yaml").write_text(_policy(QUICK))
    (folder / "policies" / "watching.yaml").write_text(_policy(QUICK, mode="shadow"))
    (tmp_path / "token").write_text(f"{BOT}\n")
    settings = {
        "store": {"url": "memory:"},
        "auth": {"mode": "tokens", "tokens": "tokens"},
        "policies": {"file": "policy.yaml", "directory": "policies"},
        "scope": {"namespaces": ["shop"]},
        "sources": {"kubeconfig": "guard", "prometheus": shop.cluster.prometheus_url},
    }
    (folder / "serve.yaml").write_text(yaml.safe_dump(settings))
    with served(folder, "--config", "serve.yaml") as serving:
        yield serving


def _policy(defaults: dict[str, object], **more: str) -> str:
    return yaml.safe_dump({"schema_version": 1, "defaults": defaults, **more})


def _options(service: Serving, tmp_path: Path) -> list[str]:
    return ["--service", service.url, "--token-file", str(tmp_path / "token"), *TASK]


def _object(ran: Ran) -> dict[str, object]:
    found = json.loads(ran.out)
    jsonschema.validate(found, SCHEMA)
    return found


def test_claims_are_judged_by_the_service(
    cli: Cli, shop: Shop, service: Serving, agent: Path, tmp_path: Path
) -> None:
    """True: 0, with a trace; false: 3, refused by evidence; given up: 3; broken: 6."""
    trace = tmp_path / "run.jsonl"
    options = _options(service, tmp_path)
    ran = cli("run", f"{agent}:fine", *options, "-o", "json", "--trace", trace)
    found = _object(ran)
    assert (ran.code, found["outcome"], found["verdict"]) == (0, "resolved", "pass"), ran.err
    (stored,) = read_trace(trace)
    assert stored.ended is not None
    assert stored.ended.outcome is Outcome.RESOLVED
    with service.client(SRE) as person:
        state = person.get(f"/v1/sessions/{found['run']}").json()
        assert state["outcome"] == Outcome.RESOLVED
    shop.cluster.patch("Deployment", "payment", {"spec": {"replicas": 0}}, "shop")
    shop.cluster.settle()
    refused = _object(ran := cli("run", f"{agent}:fine", *options, "-o", "json"))
    assert (ran.code, refused["outcome"]) == (3, "unresolved")
    assert refused["report"]["verdict"] == "fail"  # type: ignore[index]
    assert cli("run", f"{agent}:lost", *options).code == 3
    assert cli("run", f"{agent}:breaks", *options).code == 6


def test_a_policy_is_chosen_by_name(
    cli: Cli, service: Serving, agent: Path, tmp_path: Path
) -> None:
    """The service has it, or names those that it has; a file is no name."""
    options = _options(service, tmp_path)
    ran = cli("run", f"{agent}:fine", *options, "--policy", "watching", "-o", "json")
    assert _object(ran)["shadow"] is True
    unknown = cli("run", f"{agent}:fine", *options, "--policy", "strict")
    assert unknown.code == 2
    assert "strict" in unknown.error
    file = cli("run", f"{agent}:fine", *options, "--policy", "policy.yaml")
    assert (file.code, "the name of a policy" in file.error) == (2, True)


def test_a_signal_ends_the_run_at_the_service_too(
    service: Serving, agent: Path, tmp_path: Path
) -> None:
    """SIGTERM: exit 143, and the run is not left open there."""
    process = subprocess.Popen(
        [sys.executable, str(ENTRY), "run", f"{agent}:slow", *_options(service, tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    with process, service.client(SRE) as person:
        for line in process.stdout:
            if "AT WORK" in line:
                break
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 143
        (row,) = person.get("/v1/sessions").json()["sessions"]
        assert row["ended"] is True
        assert person.get(f"/v1/sessions/{row['run']}").json()["outcome"] == "aborted"


@pytest.mark.parametrize(
    "option",
    [
        ["--kubeconfig", "config"],
        ["--prometheus", "http://prometheus"],
        ["--set", "gate.require=alerts"],
        ["--shadow"],
        ["--watch", "5m"],
        ["--profile", "small"],
        ["--baseline", "healthy.json"],
    ],
    ids=lambda option: option[0],
)
def test_what_the_service_has_is_not_said_here(cli: Cli, agent: Path, option: list[str]) -> None:
    """One line, which names the option and the way out."""
    ran = cli("run", f"{agent}:fine", *TASK, "--service", "http://127.0.0.1:1", *option)
    assert ran.code == 2
    assert ran.error.startswith(f"{option[0]}: the service at http://127.0.0.1:1 has its own")


def test_variables_for_other_commands_do_not_count(
    cli: Cli, agent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The URL may come from the environment, with a Prometheus for `verify` beside it."""
    monkeypatch.setenv("GUARDED_AGENT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("GUARDED_AGENT_PROMETHEUS", "http://prometheus")
    ran = cli("run", f"{agent}:fine", *TASK)
    assert ran.code == 7
    assert re.search(r"the guard at http://127.0.0.1:1 cannot be reached", ran.error)


def test_a_wrong_token_is_told_before_the_agent_starts(
    cli: Cli, service: Serving, agent: Path, tmp_path: Path
) -> None:
    """As a source that refuses its credentials."""
    (tmp_path / "token").write_text("nobody-0123456789abc\n")
    ran = cli("run", f"{agent}:fine", *_options(service, tmp_path))
    assert ran.code == 7
    assert "does not accept the token" in ran.error
    assert "a print of the agent" not in ran.out + ran.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--service", "127.0.0.1:80", *TASK], "no URL of a service"),
        (["--service", "http://127.0.0.1:1", "--task", "x"], "which namespace?"),
        (["--service", "http://127.0.0.1:1", *TASK, "--token-file", "none"], "cannot read the"),
        (["--service", "https://127.0.0.1:1", *TASK, "--ca-file", "none"], "verify the service"),
    ],
)
def test_mistakes_are_told_in_a_line(cli: Cli, agent: Path, options: list[str], said: str) -> None:
    """Exit 2, before anything is asked."""
    ran = cli("run", f"{agent}:fine", *options)
    assert (ran.code, said in ran.error) == (2, True), ran.err


def test_a_demo_has_a_guard_of_its_own(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """Said, it is a mistake; in the environment it is for other runs."""
    assert "--service" in cli("run", "--demo", "--service", "http://127.0.0.1:1").error
    monkeypatch.setenv("GUARDED_AGENT_URL", "http://127.0.0.1:1")
    assert cli("run", "--demo", "list").code == 0
