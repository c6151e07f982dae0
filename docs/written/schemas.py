"""Writes the schemas of reports, and a page of fields for every schema of the project."""

import json
from collections.abc import Mapping
from typing import Final, cast

import msgspec

from docs.written.fields import shape, tables
from docs.written.markdown import NOTICE
from guardrails.cli.output import run_output_schema
from guardrails.core.evidence import GateReport
from guardrails.policy.incidents import incident_schema
from guardrails.reports.values import RunReport

Json = Mapping[str, object]
DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"

GATE_HEAD = """\
# The gate's report

What `guarded-agent verify -o json` prints, what `run -o json` holds under `report`, and what `GET
/v1/sessions/{run}/report` answers. `guarded-agent verify --replay` judges it again from nothing
but itself. Schema: [gate-report.schema.json](gate-report.schema.json).

"""
RUN_HEAD = """\
# The report of a run

What `guarded-agent report -f json` writes, one object for each run. Every field is always there;
times are seconds since the run began. Schema: [run-report.schema.json](run-report.schema.json).

"""
OUTPUT_HEAD = """\
# What a run prints

What `guarded-agent run -o json` prints: one object. Schema:
[run-output.schema.json](run-output.schema.json). The report in it is [the
gate's](gate-report.md).

"""
INCIDENT_HEAD = """\
# The incident file

What `--incident` takes: YAML or JSON that says what the agent is called for. Everything may be left
out; options of the command line win. Schema: [incident.schema.json](incident.schema.json).

"""


def _schema(value: type, name: str, title: str) -> dict[str, object]:
    """Return the schema of a value as JSON has it."""
    made = msgspec.json.decode(msgspec.json.encode(msgspec.json.schema(value)))
    return {
        "$schema": DRAFT,
        "$id": f"urn:guarded-agent:schema:{name}:1",
        "title": title,
        **cast("dict[str, object]", made),
    }


def gate_report_schema() -> dict[str, object]:
    """Return the schema of `verify -o json`."""
    return _schema(GateReport, "gate-report", "guarded-agent verify -o json")


def run_report_schema() -> dict[str, object]:
    """Return the schema of one object of `report -f json`."""
    return _schema(RunReport, "run-report", "guarded-agent report -f json")


def written() -> Mapping[str, str]:
    """Return schemas and pages by file name."""
    return {
        "gate-report.schema.json": _json(gate_report_schema()),
        "run-report.schema.json": _json(run_report_schema()),
        "run-output.schema.json": _json(run_output_schema()),
        "gate-report.md": _page(GATE_HEAD, gate_report_schema()),
        "run-report.md": _page(RUN_HEAD, run_report_schema()),
        "run-output.md": _page(OUTPUT_HEAD, run_output_schema()),
        "incident.md": _page(INCIDENT_HEAD, _with_root("Incident", incident_schema())),
    }


def _with_root(name: str, schema: Json) -> Json:
    """Return a schema whose outermost object is one of its definitions, the first."""
    return {"$defs": {name: schema, **cast("Json", schema["$defs"])}}


def _json(schema: Json) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _page(head: str, schema: Json) -> str:
    definitions = {k: shape(v) for k, v in cast("Json", schema["$defs"]).items()}
    return head + NOTICE + tables(definitions, level=2)
