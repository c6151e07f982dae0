"""What the interrupted session tells the one that interrupts it."""

from __future__ import annotations

import msgspec

NOTE_VARIABLE = "E2E_HOLD_NOTE"
"""Names the file that the note is written to."""


class ClusterNote(msgspec.Struct, frozen=True, kw_only=True):
    """What runs, where it listens, where it writes."""

    pids: list[int]
    ports: list[int]
    folder: str
