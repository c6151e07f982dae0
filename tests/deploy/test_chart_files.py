"""What the chart carries is what the code reads, shows and alerts on."""

import json
import re
import runpy
import shutil
import subprocess
from pathlib import Path
from typing import Any, cast

import jsonschema
import pytest
import yaml
from prometheus_client import CollectorRegistry
from promql_parser import MatrixSelector, VectorSelector, parse, walk

from guardrails.sidecar.metrics import ServiceMetrics
from guardrails.sidecar.reporting import Reports
from guardrails.telemetry.metrics import PrometheusHook

DEPLOY = Path(__file__).parents[2] / "deploy"
CHART = DEPLOY / "helm" / "guarded-agent"
VALUES = (CHART / "values.yaml").read_text()
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
RULES = [
    rule
    for group in yaml.safe_load((DEPLOY / "alerts" / "guarded-agent-service.yaml").read_text())[
        "groups"
    ]
    for rule in group["rules"]
]
CASES: list[dict[str, Any]] = yaml.safe_load(
    (DEPLOY / "alerts" / "service-tests.yaml").read_text()
)["tests"]
DASHBOARD = json.loads((DEPLOY / "dashboards" / "guarded-agent.json").read_text())
DOCS = DEPLOY.parent / "docs"
RUNBOOK = (DOCS / "reference" / "runbook.md").read_text()
ALERTS_PAGE = (DOCS / "how-to" / "alert-on-agents.md").read_text()
QUERIES = [
    target["expr"] for panel in DASHBOARD["panels"] for target in [*panel.get("targets", [])]
]


def families() -> set[str]:
    """Return the names that the service exposes, suffixes apart."""
    registry = CollectorRegistry()
    PrometheusHook(registry)
    ServiceMetrics(registry)
    Reports(None, registry)
    return {family.name for family in registry.collect()}


def metrics_in(query: str) -> set[str]:
    """Return the families that a query is about."""
    found: set[str] = set()

    def note(expr: Any) -> None:
        selector = expr.vector_selector if isinstance(expr, MatrixSelector) else expr
        if isinstance(selector, VectorSelector):
            found.add(re.sub(r"_(total|bucket|count|sum)$", "", str(selector.name)))

    walk(parse(query), note)
    return found


def test_the_rights_are_those_of_the_table() -> None:
    """A new kind is granted when its row is written: `python deploy/helm/reads.py`."""
    script = runpy.run_path(str(DEPLOY / "helm" / "reads.py"))
    assert (CHART / "files" / "reads.yaml").read_text() == script["text"]()


def test_dashboard_and_copies_are_as_built() -> None:
    """`python deploy/dashboards/build.py` renews them."""
    script = runpy.run_path(str(DEPLOY / "dashboards" / "build.py"))
    assert (DEPLOY / "dashboards" / "guarded-agent.json").read_text() == script["build"]()
    copies: dict[Path, str] = script["copies"]()
    held = {p for p in (CHART / "files").rglob("*") if p.parent.name in {"alerts", "dashboards"}}
    assert held == set(copies)
    assert [p.name for p, text in copies.items() if p.read_text() != text] == []


@pytest.mark.parametrize("query", QUERIES)
def test_a_panel_asks_for_what_is_there(query: str) -> None:
    """Every query parses, and a misspelt metric would be an empty panel for ever."""
    plain = query.replace("$__rate_interval", "5m").replace("$__range", "1d")
    assert metrics_in(plain) <= families()


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_of_the_service_can_fire(rule: dict[str, Any]) -> None:
    """Its metrics exist, it says what to do, and its tests have it both ways."""
    assert metrics_in(rule["expr"]) <= families()
    assert set(rule["annotations"]) == {"summary", "description", "runbook"}
    asked = [t for case in CASES for t in case["promql_expr_test"] if rule["alert"] in t["expr"]]
    assert any(t["exp_samples"] for t in asked)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_an_alert_of_the_service_has_its_pages(rule: dict[str, Any]) -> None:
    """Whoever is woken finds a section of the runbook; the list of alerts has it and no other."""
    row = re.search(rf"\| `{rule['alert']}` \| \[([^]]+)\]\(#([\w-]+)\) \|", RUNBOOK)
    assert row is not None
    headings = re.findall(r"^## (.+)$", RUNBOOK, re.MULTILINE)
    anchors = {heading.lower().replace(" ", "-"): heading for heading in headings}
    assert anchors[row[2]].lower() == row[1]
    listed = re.search(rf"\| `{rule['alert']}` \| (\w+) \|", ALERTS_PAGE)
    assert listed is not None
    assert listed[1] == rule["labels"]["severity"]
    named = set(re.findall(r"^\| `(GuardedAgent\w+)`", RUNBOOK, re.MULTILINE))
    assert named == {one["alert"] for one in RULES}


def test_the_runbook_names_metrics_that_are_there() -> None:
    """A query over a misspelt series answers nothing in the night."""
    named = set(re.findall(r"\b(guarded_agent_[a-z_]+)", RUNBOOK))
    plain = {re.sub(r"_(total|bucket|count|sum)$", "", name) for name in named}
    assert plain <= families()


def test_the_alerts_of_the_service_pass_their_unit_tests() -> None:
    """Prometheus itself lives through their hours."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not on PATH (Debian: prometheus)")
    file = DEPLOY / "alerts" / "service-tests.yaml"
    done = subprocess.run(
        [promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_schema_knows_exactly_the_values() -> None:
    """A value without a schema is refused, a schema without a value is never seen."""

    def same(schema: dict[str, Any], values: dict[str, Any], at: str) -> None:
        known = schema.get("properties")
        if known is None or schema.get("additionalProperties") is not False:
            return
        assert schema["additionalProperties"] is False, at
        if values:
            assert set(known) - {"global"} == set(values), at
        for key, value in values.items():
            if isinstance(value, dict):
                same(known[key], cast("dict[str, Any]", value), f"{at}.{key}")

    same(SCHEMA, yaml.safe_load(VALUES), "")


@pytest.mark.parametrize("case", sorted((CHART / "ci").glob("*.yaml")), ids=lambda p: p.stem)
def test_the_schema_takes_the_shipped_cases(case: Path) -> None:
    """As Helm does, by draft 7."""
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    jsonschema.validate(yaml.safe_load(case.read_text()), SCHEMA, jsonschema.Draft7Validator)


def test_the_image_has_what_the_lock_pins() -> None:
    """With its hashes; `python deploy/image/requirements.py` renews them."""
    script = runpy.run_path(str(DEPLOY / "image" / "requirements.py"))
    text = (DEPLOY / "image" / "requirements.txt").read_text()
    assert text == script["text"]()
    names = set(re.findall(r"^([a-z0-9._-]+)==", text, re.MULTILINE))
    assert {"kubernetes", "uvicorn", "redis", "psycopg-binary", "pydantic-core"} <= names
    assert not {"langchain", "langgraph", "pytest"} & names


def test_the_image_is_built_from_files_that_exist() -> None:
    """No engine builds it here: what can be read of it is held."""
    lines = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY --chmod=0444 ")]
    sources = [source for words in copied for source in words if not source.startswith("--")]
    assert sources
    assert [s for s in sources if not (DEPLOY.parent / s).exists()] == []
    last = lines[max(i for i, line in enumerate(lines) if line.startswith("FROM")) :]
    assert "USER 65532:65532" in last
    assert 'ENTRYPOINT ["guarded-agent"]' in last
    assert not any(line.startswith("RUN") for line in last), "there is no shell in it"
    installs = [line for line in lines if "pip install" in line and "-r " in line]
    assert installs
    assert all("--require-hashes" in line for line in installs)


def test_the_page_of_values_is_as_written() -> None:
    """`python deploy/helm/values_page.py` renews it."""
    script = runpy.run_path(str(DEPLOY / "helm" / "values_page.py"))
    assert script["PAGE"].read_text() == script["page"]()
