"""Writes the JSON Schema of machine files.

`python -m guardrails.fsm.schema docs/reference` renews the committed one; a test compares them.
"""

import json
import sys
from pathlib import Path

from guardrails.fsm.spec import MachineSpec

FILE = "machine.schema.json"


def machine_schema() -> dict[str, object]:
    """Return the JSON Schema (draft 2020-12) of a machine file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **MachineSpec.model_json_schema(),
        "title": "guarded-agent machine",
    }


def rendered_schema() -> str:
    """Return the schema as text."""
    return json.dumps(machine_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    (Path(sys.argv[1]) / FILE).write_text(rendered_schema(), encoding="utf-8")
