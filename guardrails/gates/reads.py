"""How one read of a source went. Nothing that could not be read ever looks empty."""

from enum import StrEnum

import msgspec


def clipped(text: str, limit: int) -> str:
    """Return the beginning of what a server said, in whole words.

    Half a secret is not told from other letters when the report is scrubbed.

    >>> clipped("bad token gl-12345678", 16)
    'bad token'
    """
    return text if len(text) <= limit else text[:limit].rpartition(" ")[0]


class ReadStatus(StrEnum):
    """How one read of a source went."""

    OK = "ok"
    FORBIDDEN = "forbidden"
    UNAUTHORIZED = "unauthorized"
    TIMEOUT = "timeout"
    ERROR = "error"
    """The server answered with an error."""
    UNREACHABLE = "unreachable"
    MISSING = "missing"
    """The server answered, and does not know the path: an older or another server."""
    GARBLED = "garbled"
    """The body is not what was asked for: truncated, not JSON, another kind, no data."""
    NOT_SERVED = "not-served"
    """The cluster does not know the kind, an extension that is not installed: there is none."""


class Read(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one read of a source went, and why."""

    status: ReadStatus = ReadStatus.OK
    message: str = ""
    temporary: bool = False
    """Asking again may help."""

    @property
    def ok(self) -> bool:
        """Whether the values beside it may be believed."""
        return self.status in {ReadStatus.OK, ReadStatus.NOT_SERVED}
