"""What gates noted as a run began, at rest: so that another process judges by the same beginning.

Without it a gate that is opened after a restart would take the world of that moment for the start
of the run, with whatever the agent had done to it by then.
"""

import zlib
from collections.abc import Sequence
from typing import Final

import msgspec

from guardrails.errors import BaselineError

MOST_BYTES: Final = 512 * 1024 * 1024
"""Largest note that is read; a snapshot of 5,000 pods has some 15 MB."""


def packed(note: bytes) -> bytes:
    """Return one gate's note, compressed; nothing for an empty one."""
    return zlib.compress(note, level=3) if note else b""


def unpacked(data: bytes) -> bytes:
    """Return what was packed.

    Raises:
        BaselineError: It is not what `packed` returned, or too large.
    """
    if not data:
        return b""
    reader = zlib.decompressobj()
    try:
        note = reader.decompress(data, MOST_BYTES)
    except zlib.error as error:
        raise BaselineError(f"what the gate noted as the run began is broken: {error}") from error
    if reader.unconsumed_tail or not reader.eof:
        raise BaselineError("what the gate noted as the run began is cut off, or too large")
    return note


def joined(notes: Sequence[bytes]) -> bytes:
    """Return the notes of several gates as one."""
    return msgspec.msgpack.encode(list(notes))


def parted(data: bytes) -> list[bytes]:
    """Return the notes that were joined.

    Raises:
        BaselineError: It is not what `joined` returned.
    """
    try:
        return msgspec.msgpack.decode(data, type=list[bytes])
    except msgspec.MsgspecError as error:
        raise BaselineError(f"what the gates noted as the run began is broken: {error}") from error
