"""Versions of stored forms: each is written with its value, and a newer one is refused by name.

A later release may add keys that this one would overlook, and an overlooked key can change a
verdict. So a version is looked at before anything else is.
"""

from typing import Any

import msgspec


def version_field(version: int) -> Any:  # noqa: ANN401  # like `msgspec.field`, it is what it sets
    """Return a field that holds the version of a stored form.

    It has a factory and no default, because `omit_defaults` would leave the version out, and what
    says no version would later be read as whatever is then the newest.
    """
    return msgspec.field(default_factory=lambda: version)


class _Top(msgspec.Struct, frozen=True):
    schema: int = 0


class _Session(msgspec.Struct, frozen=True):
    state: _Top = _Top()


def newer_version(data: bytes | msgspec.Raw, *, known: int, of_state: bool = False) -> int | None:
    """Return the version of stored JSON when it is newer than the one known, else None.

    Args:
        data: The JSON, of whatever form; anything without a readable version is None.
        known: The newest version that can be read.
        of_state: Look under `state`, where a session has it.
    """
    try:
        if of_state:
            found = msgspec.json.decode(data, type=_Session).state.schema
        else:
            found = msgspec.json.decode(data, type=_Top).schema
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return found if found > known else None


def update_needed(what: str, *, found: int, known: int) -> str:
    """Say that a stored form is newer than what can be read.

    >>> update_needed("trace", found=9, known=1)
    'trace schema 9 is newer than 1; update guarded-agent'
    """
    return f"{what} schema {found} is newer than {known}; update guarded-agent"
