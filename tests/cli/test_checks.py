"""`checks list`, and what `policy check` says of the checks that a policy names."""

import json
from pathlib import Path

import pytest

from guardrails.gates.registry import DEFAULT_CHECKS

MODULE = """
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check
QUIET = Check(id=CheckId("acme-quiet"), judge=lambda view: [], lists=("Pod",), queries=("up",))
"""


@pytest.fixture
def acme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a distribution with a check, a broken one, and a gate."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "acme_listed.py").write_text(MODULE)
    info = tmp_path / "acme_sre-2.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-sre\nVersion: 2.0\n")
    (info / "entry_points.txt").write_text(
        "[guarded_agent.checks]\nquiet = acme_listed:QUIET\nbroken = acme_listed:NONE\n"
        "[guarded_agent.gates]\nportal = acme_listed:portal\n"
    )


def test_every_check_is_listed_with_what_it_reads(cli) -> None:
    """A person sees what rights are needed, and for what."""
    ran = cli("checks", "list")
    assert ran.code == 0
    assert [line.split()[0] for line in ran.out.splitlines()] == [c.id for c in DEFAULT_CHECKS]
    (line,) = [x for x in ran.out.splitlines() if x.startswith("autoscaler-active ")]
    told = line.replace(",", "").split()
    assert told[:4] == ["autoscaler-active", "on", "state", "guarded-agent"]
    assert "HorizontalPodAutoscaler" in told[4:]


@pytest.mark.usefixtures("acme")
def test_what_others_installed_is_listed_as_off(cli) -> None:
    """With its distribution; a broken one is told apart and harms nobody."""
    listed = json.loads(cli("checks", "list", "-o", "json").out)
    rows = {row["name"]: row for row in (*listed["checks"], *listed["gates"])}
    assert rows["acme-quiet"]["state"] == "off"
    assert rows["acme-quiet"]["origin"] == "acme-sre 2.0"
    assert rows["acme-quiet"]["plugin"] == "quiet"
    assert rows["acme-quiet"]["reads"] == ["Pod", "Prometheus"]
    assert "acme_listed:NONE of acme-sre 2.0" in rows["broken"]["broken"]
    assert rows["portal"]["state"] == "off"


@pytest.mark.usefixtures("acme")
def test_a_policy_turns_checks_on_and_off(cli, tmp_path: Path) -> None:
    """Those of others by the entry point's name, ours by their id."""
    path = tmp_path / "policy.yaml"
    path.write_text(
        "schema_version: 1\ndefaults:\n  gate:\n    extra_checks: [quiet]\n"
        "    skip_checks: [slo-met]\n    custom: [{name: up, promql: up == 1}]\n"
    )
    assert cli("policy", "check", path).code == 0
    lines = cli("checks", "list", "--policy", path).out.splitlines()
    states = {line.split()[0]: line.split()[1] for line in lines}
    assert (states["acme-quiet"], states["slo-met"], states["custom:up"]) == ("on", "skipped", "on")


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ("extra_checks: [broken]", "acme-sre 2.0"),
        ("extra_checks: [nobody]", "no installed package brings 'nobody'"),
        ("extra_gates: [portal]", "acme-sre 2.0"),
        ("skip_checks: [nothing]", "no check is called 'nothing'"),
        ("custom: [{name: a, promql: up}]", "policy.yaml:4"),
    ],
)
def test_a_policy_that_names_what_cannot_run_is_wrong(
    cli, tmp_path: Path, gate: str, said: str
) -> None:
    """One line before the run, and not a report after it."""
    path = tmp_path / "policy.yaml"
    path.write_text(f"schema_version: 1\ndefaults:\n  gate:\n    {gate}\n")
    ran = cli("policy", "check", path)
    assert ran.code == 2
    assert said in ran.error
