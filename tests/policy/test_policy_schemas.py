import json
from pathlib import Path

import jsonschema
import pytest
import yaml

from guardrails.policy.incidents import incident_schema
from guardrails.policy.load import policy_schema
from guardrails.policy.schema import rendered_schemas, write_schemas

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"


@pytest.mark.parametrize("name", sorted(rendered_schemas()))
def test_the_committed_schema_is_the_generated_one(name: str) -> None:
    """To renew it: `python -m guardrails.policy.schema docs/reference`."""
    assert (REFERENCE / name).read_text(encoding="utf-8") == rendered_schemas()[name]


def test_schemas_are_valid_and_can_be_written(tmp_path: Path) -> None:
    """Both are draft 2020-12 and complete JSON files."""
    write_schemas(tmp_path / "new")
    for name in rendered_schemas():
        schema = json.loads((tmp_path / "new" / name).read_text(encoding="utf-8"))
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["$schema"].endswith("2020-12/schema")


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("{schema_version: 1}", True),
        ("{schema_version: 1, defaults: {gate: {window: auto, stable_for: 0}}}", True),
        ("{schema_version: 1, defaults: {gate: {window: 90s, poll_every: 1h30m}}}", True),
        ("{schema_version: 1, profiles: {mine: {extends: open, budgets: {steps: 4}}}}", True),
        ("{}", False),
        ("{schema_version: 2}", False),
        ("{schema_version: 1, defaults: {gate: {requre: full}}}", False),
        ("{schema_version: 1, defaults: {gate: {window: 90}}}", False),
        ("{schema_version: 1, defaults: {budgets: {steps: 0}}}", False),
    ],
)
def test_an_editor_sees_what_the_loader_sees(text: str, good: bool) -> None:  # noqa: FBT001
    """The schema accepts and refuses the same policy files as the models."""
    validator = jsonschema.Draft202012Validator(policy_schema())
    assert validator.is_valid(yaml.safe_load(text)) is good


def test_the_incident_schema_knows_both_forms() -> None:
    """Workloads and SLOs may be text or objects, and nothing else may stand there."""
    validator = jsonschema.Draft202012Validator(incident_schema())
    assert validator.is_valid(
        {
            "task": "x",
            "workloads": ["deploy/a", {"name": "b", "kind": "sts"}],
            "alerts": [{"labels": {"alertname": "A"}, "startsAt": "2026-01-31T09:00:00Z"}],
            "slo": ["up == 1", {"name": "n", "query": "up == 1"}],
        }
    )
    assert not validator.is_valid({"slo": [{"name": "n"}]})
    assert not validator.is_valid({"workloads": [{"nmae": "b"}]})
    assert not validator.is_valid({"alerts": [{"labels": {}}]})
