"""Checks and gates of other distributions: off unless named, and told apart when broken."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from guardrails.core.evidence import GateVerdict
from guardrails.errors import PluginError, PolicyError
from guardrails.gates.choice import chosen
from guardrails.gates.plugins import CHECKS, GATES, extra_gates
from guardrails.gates.registry import DEFAULT_CHECKS
from guardrails.policy.models import GateSettings
from guardrails.policy.plugins import installed

MODULE = """
from guardrails.core.evidence import Evidence
from guardrails.core.ids import CheckId
from guardrails.gates.checks import Check, View, Witness
from guardrails.core.evidence import SourceRef
from guardrails.testing import ScriptedGate
from guardrails.core.evidence import GateVerdict

def judge(view):
    return [Witness(check=CheckId("acme-quiet"), at=view.look.at).satisfied(
        SourceRef(source="acme"), observed="quiet")]

QUIET = Check(id=CheckId("acme-quiet"), judge=judge, lists=("Pod",))
BOTH = (QUIET, Check(id=CheckId("acme-loud"), judge=judge))
TAKEN = Check(id=CheckId("pods-ready"), judge=judge)
CUSTOM = Check(id=CheckId("custom:x"), judge=judge)
UNREAD = Check(id=CheckId("acme-widgets"), judge=judge, lists=("Widget",))
NEITHER = 7

def passing(settings):
    return ScriptedGate(GateVerdict.PASS)

def failing(settings):
    return ScriptedGate(GateVerdict.FAIL)

def raising(settings):
    raise RuntimeError("no licence")

def nothing(settings):
    return None
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a distribution `acme-sre 2.0` with entry points, as pip would."""
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "acme_sre.py").write_text(MODULE)

    def install(name: str = "acme-sre", **groups: str) -> None:
        info = tmp_path / f"{name.replace('-', '_')}-2.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 2.0\n")
        text = "".join(f"[guarded_agent.{group}]\n{lines}\n" for group, lines in groups.items())
        (info / "entry_points.txt").write_text(text)

    return install


def extra(*names: str) -> GateSettings:
    """Settings that name checks of others."""
    return GateSettings(extra_checks=names)


def test_what_is_installed_is_off_until_it_is_named(install: Install) -> None:
    """Installing a package must not change what passes."""
    install(checks="quiet = acme_sre:QUIET")
    assert [p.name for p in installed(CHECKS)] == ["quiet"]
    assert chosen(DEFAULT_CHECKS, GateSettings()).checks == DEFAULT_CHECKS
    *ours, last = chosen(DEFAULT_CHECKS, extra("quiet")).checks
    assert (tuple(ours), last.id) == (DEFAULT_CHECKS, "acme-quiet")


def test_an_entry_point_may_bring_several_checks(install: Install) -> None:
    """And each of them can be skipped by its id."""
    install(checks="both = acme_sre:BOTH")
    settings = GateSettings(extra_checks=("both",), skip_checks=("acme-loud",))
    choice = chosen((), settings)
    assert [c.id for c in choice.checks] == ["acme-quiet"]
    assert choice.skipped == ("acme-loud",)


def test_a_name_that_nobody_brings_is_told(install: Install) -> None:
    """With the name that was meant."""
    install(checks="quiet = acme_sre:QUIET")
    with pytest.raises(PolicyError, match="did you mean 'quiet'"):
        chosen((), extra("quite"))


def test_a_name_that_two_bring_is_told(install: Install) -> None:
    """Nobody could say which one runs."""
    install(checks="quiet = acme_sre:QUIET")
    install("zeta-sre", checks="quiet = acme_sre:QUIET")
    with pytest.raises(PolicyError, match=r"acme-sre 2\.0 and zeta-sre 2\.0"):
        chosen((), extra("quiet"))


def test_two_checks_of_one_id_are_refused(install: Install) -> None:
    """A report could not tell them apart."""
    install(checks="one = acme_sre:QUIET\ntwo = acme_sre:BOTH")
    with pytest.raises(PolicyError, match="two checks have the id 'acme-quiet'"):
        chosen((), extra("one", "two"))


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("acme_sre:NOTHING", "AttributeError"),
        ("acme_gone:QUIET", "No module named 'acme_gone'"),
        ("acme_sre:NEITHER", "it is int, and not a Check"),
        ("acme_sre:TAKEN", "the id pods-ready is taken"),
        ("acme_sre:CUSTOM", "the id custom:x is taken"),
        ("acme_sre:UNREAD", "reads the list Widget, which is not known"),
    ],
)
def test_a_broken_check_names_its_distribution(install: Install, value: str, why: str) -> None:
    """Who has to mend it, and how to go on without."""
    install(checks=f"broken = {value}")
    with pytest.raises(PluginError) as caught:
        chosen((), extra("broken"))
    assert "acme-sre 2.0" in str(caught.value)
    assert why in str(caught.value)
    assert "take it out of the policy" in str(caught.value)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ("acme_sre:NEITHER", "it is int, and not a function"),
        ("acme_sre:raising", "RuntimeError: no licence"),
        ("acme_sre:nothing", "what it makes (NoneType)"),
    ],
)
def test_a_broken_gate_names_its_distribution(install: Install, value: str, why: str) -> None:
    """As a broken check does."""
    install(gates=f"broken = {value}")
    with pytest.raises(PluginError) as caught:
        extra_gates(GateSettings(extra_gates=("broken",)))
    assert "acme-sre 2.0" in str(caught.value)
    assert why in str(caught.value)


def test_a_gate_is_made_with_the_settings(install: Install) -> None:
    """A function gives it, so that it may have settings of its own."""
    install(gates="always = acme_sre:passing")
    (gate,) = extra_gates(GateSettings(extra_gates=("always",)))
    assert gate.name == "scripted"
    assert [p.name for p in installed(GATES)] == ["always"]


@pytest.mark.parametrize(
    ("gate", "verdict"), [("passing", GateVerdict.PASS), ("failing", GateVerdict.FAIL)]
)
async def test_a_named_gate_has_to_pass_too(
    install: Install, new_stage, gate: str, verdict: GateVerdict
) -> None:
    """The evidence gate honours the policy by itself; a pass holds the facts of both."""
    install(gates=f"mine = acme_sre:{gate}")
    policy = {
        "require": "state",
        "allow_no_alert_source": True,
        "stable_for": "5s",
        "extra_gates": ["mine"],
    }
    report = await new_stage().judge(policy=policy)
    assert report.verdict is verdict
    if verdict is GateVerdict.PASS:
        assert "scripted:rollout-complete" in {e.check for e in report.evidence}


def test_help_loads_no_plugin(tmp_path: Path, install: Install) -> None:
    """An import of somebody else's package must not slow down, or break, every command."""
    install(checks="quiet = acme_boom:QUIET", gates="boom = acme_boom:gate")
    (tmp_path / "acme_boom.py").write_text("raise SystemExit('loaded')")
    code = (
        "import sys; from guardrails.cli.app import run_cli; code = run_cli(['--help']); "
        "assert 'importlib.metadata' not in sys.modules or 'acme_boom' not in sys.modules; "
        "assert 'guardrails.gates.plugins' not in sys.modules; sys.exit(code)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(tmp_path), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
