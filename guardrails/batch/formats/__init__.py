"""One reader per format: what it looks like, and how its runs become events."""

from collections.abc import Sequence
from typing import Final

from guardrails.batch.formats import (
    aiopslab,
    chat,
    claude,
    codex,
    codexexec,
    gemini,
    geministream,
    langsmith,
    mast,
    otel,
    own,
    tau,
)
from guardrails.batch.formats.reader import RecordReader, StreamReader

READERS: Final[Sequence[RecordReader | StreamReader]] = (
    own.READER,
    aiopslab.READER,
    mast.READER,
    tau.READER,
    codex.READER,
    codexexec.READER,
    claude.READER,
    gemini.READER,
    geministream.READER,
    otel.READER,
    langsmith.READER,
    chat.STATE_READER,
    chat.READER,
)
"""In the order in which they are asked: those with keys of their own before the general ones."""
