"""Custom checks as people write them, and what they are told when something is wrong."""

from pathlib import Path
from typing import Any

import pytest

from guardrails.errors import PolicyError
from guardrails.policy.custom import CustomCheck
from guardrails.policy.load import load_settings
from guardrails.policy.objectpath import parse_path, values_at
from guardrails.policy.promql import threshold_of
from guardrails.policy.stored import settings_of_text, settings_text

POLICY = """\
schema_version: 1
defaults:
  gate:
    custom:
    - name: errors
      promql: sum(rate(errors_total[5m])) < 0.1
    - name: latency
      query: histogram_quantile(0.99, sum by (le) (rate(seconds_bucket[5m])))
      op: "<="
      value: 0.5
      settle: 10m
    - name: shop
      http:
        url: https://shop.example/healthz
        headers_from_env: {Authorization: SHOP_TOKEN}
    - name: route
      required: false
      object: {kind: VirtualService, group: networking.istio.io, namespace: shop, name: web,
               path: "spec.http[0].route[*].weight", at_least: 1}
"""


def load(tmp_path: Path, text: str) -> tuple[CustomCheck, ...]:
    """Load a policy."""
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    settings = load_settings(file=path, environ={})
    assert settings_of_text(settings_text(settings)) == settings
    return settings.gate.custom


def test_checks_of_every_kind_load(tmp_path: Path) -> None:
    """And survive being stored in a trace."""
    checks = load(tmp_path, POLICY)
    assert [c.name for c in checks] == ["errors", "latency", "shop", "route"]
    assert (checks[1].settle, checks[3].required) == (600.0, False)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{}", "gate.custom[0].name: missing"),
        ("{name: a}", "give one of promql, query (with op and value), http and object"),
        ("{name: a, promql: up == 1, http: {url: 'http://x/'}}", "give one of promql"),
        ("{name: a, query: up}", "query, op and value belong together"),
        ("{name: a, promql: up}", "is no comparison"),
        ("{name: a, promql: a < b}", "compare one with a number"),
        ("{name: a, promql: 'up == bool 1'}", "'bool' returns a sample either way"),
        ("{name: a, promql: 'vector(1) < 2'}", "reads no series"),
        ("{name: a, promql: 'sum('}", "is not PromQL"),
        ("{name: a, query: up == 1, op: '<', value: 1}", "compares already"),
        ("{name: a, query: up, op: '=', value: 1}", "gate.custom[0].op"),
        ("{name: A b, promql: up == 1}", "gate.custom[0].name: 'A b' is not written as it must be"),
        ("{name: a, http: {url: shop}}", "is not a URL"),
        ("{name: a, http: {url: 'http://u:s3cret@x/'}}", "a policy holds no secret"),
        ("{name: a, http: {url: 'http://x/', headers: {A: b}}}", "unknown key"),
        (
            "{name: a, http: {url: 'http://x/'}, tier: alerts}",
            "tier alerts is proved by Prometheus",
        ),
        ("{name: a, object: {kind: Secret, name: x, path: data.a, equals: 1}}", "Secret cannot"),
        ("{name: a, object: {kind: Pod, path: a, equals: 1}}", "give name or label_selector"),
        (
            "{name: a, object: {kind: Pod, name: x, label_selector: a=b, path: a, equals: 1}}",
            "give name or label_selector",
        ),
        ("{name: a, object: {kind: Pod, name: x, path: a}}", "give one condition of equals"),
        (
            "{name: a, object: {kind: Pod, name: x, path: a, equals: 1, exists: true}}",
            "one condition",
        ),
        ("{name: a, object: {kind: Pod, name: x, path: a, one_of: []}}", "one_of is empty"),
        ("{name: a, object: {kind: Pod, name: x, path: 'a[b', equals: 1}}", "is no path from '[b'"),
        ("{name: a, promql: up == 1}\n    - {name: a, promql: up == 1}", "two custom checks"),
    ],
)
def test_a_mistake_is_told_with_its_place(tmp_path: Path, written: str, said: str) -> None:
    """One line, which names file, line and key."""
    text = f"schema_version: 1\ndefaults:\n  gate:\n    custom:\n    - {written}\n"
    with pytest.raises(PolicyError) as caught:
        load(tmp_path, text)
    (line,) = str(caught.value).splitlines()
    assert "policy.yaml:" in line
    assert "gate.custom" in line
    assert said in line
    assert "s3cret" not in line


ITEM: dict[str, Any] = {
    "metadata": {"labels": {"app.kubernetes.io/name": "web"}},
    "spec": {"ports": [{"name": "a", "port": 1}, {"name": "b", "port": 2}], "none": None},
    "status": {
        "conditions": [{"type": "Ready", "status": "True"}, {"type": "X", "status": "False"}]
    },
}


@pytest.mark.parametrize(
    ("path", "values"),
    [
        ("status.conditions[type=Ready].status", ("True",)),
        ("status.conditions[type=Gone].status", ()),
        ("status.conditions[*].status", ("True", "False")),
        ("spec.ports[1].port", (2,)),
        ("spec.ports[7].port", ()),
        ("spec.ports[name=b].port", (2,)),
        ("metadata.labels['app.kubernetes.io/name']", ("web",)),
        ('metadata.labels["app.kubernetes.io/name"]', ("web",)),
        ("spec.none", ()),
        ("spec.ports.port", ()),
        ("status.conditions.status[0]", ()),
        ("spec.ports", (ITEM["spec"]["ports"],)),
    ],
)
def test_a_path_leads_to_values_or_to_nothing(path: str, values: tuple[object, ...]) -> None:
    """As kubectl users expect; null is nothing."""
    assert values_at(ITEM, parse_path(path)) == values


@pytest.mark.parametrize("path", ["", ".", "a.", "a..b", "a[", "a[]", "a[b=]", "a b", "a]", ".a."])
def test_what_is_no_path_is_refused(path: str) -> None:
    """A path that silently matched nothing would be unknown for ever."""
    with pytest.raises(ValueError, match=r"path"):
        parse_path(path)


@pytest.mark.parametrize(
    ("text", "operator", "value"),
    [("up == 1", "==", 1.0), ("1 <= up", ">=", 1.0), ("(up) > (-2)", ">", -2.0)],
)
def test_a_comparison_is_taken_apart(text: str, operator: str, value: float) -> None:
    """On whichever side the number stands."""
    found = threshold_of(text)
    assert (found.operator, found.value) == (operator, value)
    assert "up" in found.query
