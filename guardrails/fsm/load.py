"""Machines by name or file: read, built, and proved before anybody runs them."""

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Final, Literal, get_args

from guardrails.core.incident import Goal
from guardrails.errors import PolicyError
from guardrails.fsm.build import build
from guardrails.fsm.machine import Machine
from guardrails.fsm.proof import Fault, faults_of
from guardrails.fsm.spec import MACHINE_SCHEMA, MachineSpec
from guardrails.policy.document import Document
from guardrails.policy.models import is_machine_file
from guardrails.policy.problems import check, did_you_mean
from guardrails.policy.yamlfile import parse_yaml, read_bytes, read_document

ShippedMachine = Literal["mitigation", "diagnosis"]

SHIPPED: Final[tuple[ShippedMachine, ...]] = get_args(ShippedMachine)

_BY_GOAL: Final[dict[Goal, ShippedMachine]] = {
    Goal.MITIGATION: "mitigation",
    Goal.DIAGNOSIS: "diagnosis",
}
_WHAT = "machine file"


def machine_for(goal: Goal) -> Machine:
    """Return the shipped machine for what an incident asks."""
    return shipped_machine(_BY_GOAL[goal])


@cache
def shipped_machine(name: ShippedMachine) -> Machine:
    """Return a shipped machine. Read once: package data does not change."""
    return _proved(document_named(name))


def named_machine(name: str) -> Machine:
    """Return a shipped machine by its name, or else read a file.

    Raises:
        PolicyError: As `load_machine`.
    """
    shipped = next((known for known in SHIPPED if known == name), None)
    return _proved(document_named(name)) if shipped is None else shipped_machine(shipped)


def text_named(name: str) -> str:
    """Return the text of a machine file, as it is.

    Raises:
        PolicyError: It cannot be read.
    """
    if name in SHIPPED:
        return files("guardrails.fsm").joinpath(f"machines/{name}.yaml").read_text("utf-8")
    return read_bytes(Path(name), what=_WHAT, error=PolicyError).decode("utf-8", "replace")


def document_named(name: str) -> Document:
    """Read a shipped machine by its name, or else a file, without building anything.

    Raises:
        PolicyError: It cannot be read.
    """
    if name not in SHIPPED and not is_machine_file(name):
        hint = did_you_mean(name, SHIPPED)
        raise PolicyError(f"no machine is called {name!r}; {hint}; a file ends in .yaml or .json")
    if name in SHIPPED:
        source = f"machines/{name}.yaml"
        data = files("guardrails.fsm").joinpath(source).read_bytes()
        return parse_yaml(data, source=source, what=_WHAT, error=PolicyError)
    return read_document(Path(name), what=_WHAT, error=PolicyError)


def load_machine(path: Path) -> Machine:
    """Read a machine file and prove it.

    Raises:
        PolicyError: It cannot be read, or a run of it might not end; a line per trouble, each with
            file and line.
    """
    return _proved(read_document(path, what=_WHAT, error=PolicyError))


def machine_of_text(text: str, *, source: str) -> Machine:
    """Read a machine that a trace holds. Errors as in `load_machine`."""
    return _proved(parse_yaml(text.encode(), source=source, what=_WHAT, error=PolicyError))


def read_machine(document: Document) -> Machine:
    """Build a machine without proving it, for whoever shows its faults.

    Raises:
        PolicyError: The file says what it may not.
    """
    _check_version(document)
    return build(check(document, MachineSpec, error=PolicyError), document)


def said_of(fault: Fault, *, source: str) -> str:
    """Write a fault as a line: `FILE:LINE: state: kind: what`."""
    return f"{source}:{fault.line}: {fault.state}: {fault.kind}: {fault.said}"


def _proved(document: Document) -> Machine:
    machine = read_machine(document)
    faults = faults_of(machine)
    if faults:
        raise PolicyError("\n".join(said_of(one, source=machine.source) for one in faults))
    return machine


def _check_version(document: Document) -> None:
    if "schema_version" not in document.data:
        raise PolicyError(
            f"{document.source}:1: schema_version: missing; start the file with "
            f"'schema_version: {MACHINE_SCHEMA}'"
        )
