"""What `-o json` prints: one object per command, built from the values of `core`.

The schema of `run`'s object is committed as docs/reference/run-output.schema.json and tested
against this definition.
"""

from typing import Any

import msgspec

from guardrails.core.claims import Claim
from guardrails.core.evidence import GateReport, GateVerdict, Tier
from guardrails.core.findings import Finding
from guardrails.core.ids import RunId
from guardrails.core.outcome import Outcome
from guardrails.core.result import RunResult, WorkDone

OUTPUT_SCHEMA = 1
"""Version of what `-o json` prints; raised when a reader must change."""

SCHEMA_ID = "urn:guarded-agent:schema:run-output:1"
"""A name and no address: the schema itself is docs/reference/run-output.schema.json."""


class RunOutput(msgspec.Struct, frozen=True, kw_only=True):
    """How a run ended, on what evidence, and where its trace is."""

    schema: int = OUTPUT_SCHEMA
    run: RunId
    outcome: Outcome
    reason: str
    """Machine-readable."""
    detail: str
    """One sentence for a person."""
    claim: Claim | None
    """What the agent said last when it asked to end."""
    verdict: GateVerdict | None
    tier: Tier | None
    refusals: int
    steps: int
    tool_calls: int
    input_tokens: int
    output_tokens: int
    seconds: float
    profile: str
    shadow: bool
    model: str
    target: str
    findings: tuple[Finding, ...]
    failure_vector: dict[str, int]
    """Findings by MAST id."""
    report: GateReport | None
    """The last gate report, whole; `guarded-agent verify --replay` judges it again."""
    work: WorkDone | None
    """What was done, phase by phase; null for a run without a machine."""
    trace: str | None
    """Path of the trace file, or null when none was asked for."""
    exit_code: int


def run_output(
    result: RunResult, *, target: str, model: str, trace: str | None, exit_code: int
) -> RunOutput:
    """Build the object from a run's result."""
    fields: dict[str, Any] = {name: getattr(result, name) for name in RunResult.__struct_fields__}
    return RunOutput(**fields, target=target, model=model, trace=trace, exit_code=exit_code)


def encode(value: msgspec.Struct) -> str:
    """Encode an object as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


def run_output_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of `run -o json`."""
    # Through JSON, so that the defaults in it are what JSON has: lists, not tuples.
    schema = msgspec.json.decode(msgspec.json.encode(msgspec.json.schema(RunOutput)))
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        "title": "guarded-agent run -o json",
        **schema,
    }
