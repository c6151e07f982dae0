"""Writes the JSON Schemas of the files that people write.

`python -m guardrails.policy.schema docs/reference` renews the committed ones; a test compares them.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from guardrails.policy.incidents import incident_schema
from guardrails.policy.load import policy_schema


def rendered_schemas() -> Mapping[str, str]:
    """Return each schema as text, by file name."""
    schemas = {
        "policy.schema.json": policy_schema(),
        "incident.schema.json": incident_schema(),
    }
    return {
        name: json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
        for name, schema in schemas.items()
    }


def write_schemas(directory: Path) -> None:
    """Write the schema files into a directory, which is made if need be."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in rendered_schemas().items():
        (directory / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]))
