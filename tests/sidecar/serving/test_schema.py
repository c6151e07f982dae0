"""What the documentation says of the settings file is what the code says."""

import json
from pathlib import Path

import jsonschema

from guardrails.sidecar.schema import PAGE, SCHEMA, rendered_schema, with_tables

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"


def test_the_committed_schema_is_the_generated_one() -> None:
    """To renew it: `python -m guardrails.sidecar.schema docs/reference`."""
    text = (REFERENCE / SCHEMA).read_text(encoding="utf-8")
    assert text == rendered_schema()
    jsonschema.Draft202012Validator.check_schema(json.loads(text))


def test_the_page_has_every_setting() -> None:
    """Its tables are written from the models; likewise renewed."""
    page = (REFERENCE / PAGE).read_text(encoding="utf-8")
    assert page == with_tables(page)
