"""The alert rules name metrics that are there, and fire when they should."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from promql_parser import MatrixSelector, VectorSelector, parse, walk

from guardrails.telemetry.metrics import PrometheusHook

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "alerts"
PAGE = (ROOT / "docs" / "how-to" / "alert-on-agents.md").read_text(encoding="utf-8")
METRICS_PAGE = (ROOT / "docs" / "reference" / "metrics.md").read_text(encoding="utf-8")
RULES: list[dict[str, Any]] = [
    rule
    for group in yaml.safe_load((FOLDER / "guarded-agent.yaml").read_text())["groups"]
    for rule in group["rules"]
]
ALERTS = {rule["alert"]: rule for rule in RULES if "alert" in rule}
RECORDED = {rule["record"]: rule for rule in RULES if "record" in rule}
TESTS: list[dict[str, Any]] = yaml.safe_load((FOLDER / "tests.yaml").read_text())["tests"]
GIVEN = frozenset({"job"})
"""Labels that Prometheus gives to every series."""


def series_in(query: str) -> list[tuple[str, set[str]]]:
    """Return metrics of a query, each with the labels that its selector names."""
    found: list[tuple[str, set[str]]] = []

    def note(expr: Any) -> None:
        selector = expr.vector_selector if isinstance(expr, MatrixSelector) else expr
        if isinstance(selector, VectorSelector):
            found.append((str(selector.name), {m.name for m in selector.matchers.matchers}))

    walk(parse(query), note)
    return found


def labels_of_metrics() -> dict[str, set[str]]:
    """Return the labels of every series that we expose, as the reference page lists them."""
    rows = [r.strip("|").split("|") for r in METRICS_PAGE.splitlines() if r.startswith("| `")]
    return {name.strip(" `"): set(re.findall(r"`(\w+)`", labels)) for name, _, labels, *_ in rows}


@pytest.mark.parametrize("rule", RULES, ids=lambda r: r.get("alert") or r["record"])
def test_every_metric_of_a_rule_is_there_with_its_labels(rule: dict[str, Any]) -> None:
    """A rule over a misspelt series never fires, and nobody notices."""
    known = labels_of_metrics()
    used = series_in(rule["expr"])
    assert used, "no series"
    for name, labels in used:
        if name in RECORDED:
            by = re.search(r"by \(([^)]+)\)", RECORDED[name]["expr"])
            assert by is not None
            assert labels <= set(re.split(r",\s*", by[1])), name
        else:
            assert name in known
            assert labels <= known[name] | GIVEN, name


def test_the_registry_has_what_the_page_lists() -> None:
    """The page is held to the registry elsewhere; here the rules' metrics are, by name."""
    registry = CollectorRegistry()
    PrometheusHook(registry)
    families = {family.name for family in registry.collect()}
    used = {name for rule in RULES for name, _ in series_in(rule["expr"])} - set(RECORDED)
    assert {name.removesuffix("_total") for name in used} <= families


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_says_what_to_do(alert: str) -> None:
    """Whoever is woken reads what it means, then steps in order; and the page has it too."""
    rule = ALERTS[alert]
    assert rule["labels"]["severity"] in {"warning", "critical"}
    notes = rule["annotations"]
    assert set(notes) == {"summary", "description", "runbook"}
    assert notes["runbook"].startswith("1. ")
    assert f"`{alert}`" in PAGE


@pytest.mark.parametrize("alert", ALERTS)
def test_every_alert_is_tested_to_fire_and_not_to(alert: str) -> None:
    """A test of one kind alone is passed by a rule that always, or never, fires."""
    asked = [t for case in TESTS for t in case["promql_expr_test"] if f'"{alert}"' in t["expr"]]
    assert {bool(t["exp_samples"]) for t in asked} == {True, False}


def test_the_rules_name_log_lines_and_settings_that_are_there() -> None:
    """A runbook that sends people after words that nobody writes costs the night."""
    events = (ROOT / "docs" / "reference" / "events.md").read_text()
    opentelemetry = (ROOT / "docs" / "reference" / "opentelemetry.md").read_text()
    text = "".join(rule["annotations"]["runbook"] for rule in ALERTS.values())
    for name in re.findall(r"`(guarded_agent\.[\w.]+)`", text):
        assert name in events + opentelemetry
    policy = (ROOT / "docs" / "reference" / "policy.md").read_text()
    for key in re.findall(r"`((?:cascade|gate|budgets)\.\w+)", text):
        assert key in policy


def test_the_rules_pass_their_unit_tests() -> None:
    """Prometheus itself lives through their hours. The end-to-end suite has promtool always."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not on PATH (Debian: prometheus); e2e/test_alert_rules.py runs it")
    done = subprocess.run(
        [promtool, "test", "rules", str(FOLDER / "tests.yaml")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
