"""The reference says what the code says: what is written from it is as it would be written now."""

import json
from collections.abc import Iterator
from pathlib import Path

import jsonschema
import msgspec
import pytest

from docs.generate import REFERENCE, written
from docs.written.fields import shape, tables
from guardrails.cli.app import app, run_cli
from guardrails.cli.exits import ExitCode
from guardrails.core.evidence import GateReport, GateVerdict
from guardrails.testing.gates import scripted_report

WRITTEN = written()


@pytest.mark.parametrize("name", sorted(WRITTEN))
def test_a_written_page_is_as_it_would_be_written_now(name: str) -> None:
    """`make reference` renews it."""
    assert (REFERENCE / name).read_text(encoding="utf-8") == WRITTEN[name]


def test_every_command_has_its_section() -> None:
    """Those of groups too, as they are registered."""
    names = [one.name for one in app.registered_commands]
    for group in app.registered_groups:
        assert group.typer_instance is not None
        names += [f"{group.name} {one.name}" for one in group.typer_instance.registered_commands]
    heads = [line for line in WRITTEN["command-options.md"].splitlines() if line[:3] == "## "]
    assert {f"## guarded-agent {name}" for name in names} <= set(heads)
    assert len(names) + 1 == len(heads)  # and the exit codes


def test_a_stored_gate_report_is_what_its_schema_says() -> None:
    """Readers validate by it."""
    schema = json.loads(WRITTEN["gate-report.schema.json"])
    jsonschema.Draft202012Validator.check_schema(schema)
    report = scripted_report(GateVerdict.FAIL)
    stored = json.loads(msgspec.json.encode(report))
    jsonschema.validate(stored, schema, jsonschema.Draft202012Validator)
    assert msgspec.json.decode(msgspec.json.encode(report), type=GateReport) == report
    with pytest.raises(jsonschema.ValidationError, match="verdict"):
        jsonschema.validate({**stored, "verdict": "fine"}, schema)


def test_a_run_report_is_what_its_schema_says(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The JSON of a real run."""
    trace = tmp_path / "run.jsonl"
    assert run_cli(["run", "--demo", "false-victory", "--trace", str(trace)]) == ExitCode.OK
    capfd.readouterr()
    assert run_cli(["report", str(trace), "-f", "json"]) == ExitCode.OK
    told = json.loads(capfd.readouterr().out)
    schema = json.loads(WRITTEN["run-report.schema.json"])
    jsonschema.validate(told, schema, jsonschema.Draft202012Validator)
    assert told["outcome"] == "resolved"


def test_the_sentence_below_a_field_is_its_meaning() -> None:
    """A class without one has an empty cell, and a class of the same name lends it none."""
    page = WRITTEN["gate-report.md"]
    assert "| `trail` | list of [Sample](#sample) | `[]` | Every look, summarized" in page
    assert "- `full`: And all of it held over the whole window" in page
    assert "| `step` | integer | required | Model turns so far. |" in WRITTEN["run-report.md"]


def test_a_schema_that_a_table_cannot_show_is_an_error() -> None:
    """A page that leaves out half of a type would be worse than none."""
    with pytest.raises(msgspec.ValidationError):
        shape({"type": 5})
    assert tables({"A": shape({"type": "object"})}) == "### A\n\nobject.\n"


def _properties(schema: object) -> Iterator[str]:
    match schema:
        case dict():
            yield from schema.get("properties", {})
            for inner in schema.values():
                yield from _properties(inner)
        case list():
            for inner in schema:
                yield from _properties(inner)
        case _:
            return


def test_the_page_on_machines_names_every_field_of_a_machine_file() -> None:
    """Its tables of fields are written by hand."""
    schema = json.loads((REFERENCE / "machine.schema.json").read_text(encoding="utf-8"))
    page = (REFERENCE / "machines.md").read_text(encoding="utf-8").partition("## Steps")[0]
    words = set(
        page.replace("`", " ").replace("{", " ").replace("}", " ").replace(",", " ").split()
    )
    words |= {word.rstrip(":") for word in words}
    assert sorted(set(_properties(schema)) - words) == []
