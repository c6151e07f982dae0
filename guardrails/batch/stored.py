"""Reads back the lines that tagging wrote, so that vectors are made without tagging again."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

import msgspec

from guardrails.batch.items import Item, Unread
from guardrails.batch.lines import LINE_SCHEMA, decode

_GZIP = b"\x1f\x8b"
_BEGINS = b'{"source":'
"""How each line begins: msgspec writes fields in their order."""


def holds_lines(path: Path) -> bool:
    """Tell whether a file was written by `guarded-agent tag`. False where it cannot be read."""
    try:
        with opened(path) as file:
            return file.read(len(_BEGINS)) == _BEGINS
    except (OSError, EOFError):
        return False


def lines_in(path: Path) -> Iterator[Item]:
    """Yield the lines of such a file, and why one is missing. An empty line is none."""
    try:
        with opened(path) as file:
            for number, line in enumerate(file, start=1):
                if text := line.strip():
                    yield _checked(text, f"{path}:{number}")
    except (OSError, EOFError) as error:
        yield Unread(source=str(path), said=f"{path}: cannot read it to its end: {error}")


def opened(path: Path) -> BinaryIO:
    """Open a file, decompressed if need be."""
    with path.open("rb") as file:
        packed = file.read(len(_GZIP)) == _GZIP
    return cast("BinaryIO", gzip.open(path, "rb")) if packed else path.open("rb")


def _checked(line: bytes, where: str) -> Item:
    try:
        schema = decode(line).schema
    except msgspec.DecodeError as error:
        return Unread(source=where, said=f"{where}: no line of `guarded-agent tag`: {error}")
    if schema > LINE_SCHEMA:
        said = f"{where}: written by a newer guarded-agent (schema {schema}); bring this one up"
        return Unread(source=where, said=said)
    return line
