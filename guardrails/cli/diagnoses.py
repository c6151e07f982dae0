"""The diagnosis that a command line gives: objects by `--entity`, and a file by `--claim-file`."""

import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec

from guardrails.actions.claimfile import read_diagnosis
from guardrails.cli.files import read_file
from guardrails.core.claims import Claim, ClaimKind, NamedEntity
from guardrails.errors import UsageError

STDIN = Path("-")


def diagnosis_of(names: Sequence[str], file: Path | None) -> Claim | None:
    """Return the diagnosis that the options give; None when they give none.

    Args:
        names: `kind/name` and `namespace/kind/name`; the first is the root cause, unless a file
            says what is.
        file: An agent's answer or report; `-` is standard input.

    Raises:
        UsageError: A name or the file cannot be read.
    """
    if file is None:
        named = entities(names)
        return Claim(kind=ClaimKind.DIAGNOSED, entities=named) if named else None
    where = "standard input" if file == STDIN else str(file)
    data = sys.stdin.buffer.read() if file == STDIN else read_file(file, option="--claim-file")
    claim = read_diagnosis(data, name=f"--claim-file {where}")
    return msgspec.structs.replace(claim, entities=(*claim.entities, *entities(names, first=False)))


def entities(names: Sequence[str], *, first: bool = True) -> tuple[NamedEntity, ...]:
    """Read `kind/name` and `namespace/kind/name`.

    Args:
        names: As given.
        first: Whether the first is the root cause.

    Raises:
        UsageError: Anything else.
    """
    found: list[NamedEntity] = []
    for name in names:
        parts = name.split("/")
        if len(parts) not in {2, 3} or not all(parts):
            raise UsageError(f"--entity {name}: write kind/name or namespace/kind/name")
        *namespace, kind, last = parts
        found.append(
            NamedEntity(
                namespace=namespace[0] if namespace else "",
                kind=kind,
                name=last,
                root_cause=first and not found,
            )
        )
    return tuple(found)
