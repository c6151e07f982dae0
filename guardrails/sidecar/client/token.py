"""The token that the service knows a program by, read again when its file changes.

Kubernetes renews the token of a service account in place, some time before the old one ends.
"""

import os
from pathlib import Path

from guardrails.errors import UsageError

_Stamp = tuple[int, int, int]


class Token:
    """A bearer token.

    Args:
        text: The token itself; empty for none.
        file: A file that holds it, instead.

    Raises:
        UsageError: Both are given, or the file cannot be read or holds none.
    """

    def __init__(self, text: str = "", *, file: Path | None = None) -> None:
        if text and file is not None:
            raise UsageError("give a token or a file that holds it, not both")
        self._file = file
        self._stamp: _Stamp | None = None
        self._text = text
        self.current()

    def current(self) -> str:
        """Return the token as it is now.

        A file that cannot be read for a moment, while it is replaced, leaves the token as it was.
        """
        if self._file is None:
            return self._text
        try:
            found = os.stat(self._file)  # noqa: PTH116  # asked before every request
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
            if stamp != self._stamp:
                self._text, self._stamp = self._read(self._file), stamp
        except OSError as error:
            if not self._text:
                raise UsageError(
                    f"{self._file}: cannot read the token: {error.strerror}; mount it, or set "
                    f"GUARDED_AGENT_TOKEN_FILE to where it is"
                ) from error
        return self._text

    def again(self) -> bool:
        """Read the file again whatever it looks like, and tell whether the token is another."""
        before, self._stamp = self._text, None
        return self.current() != before

    def _read(self, file: Path) -> str:
        text = file.read_text(encoding="utf-8").strip()
        if not text or not text.isascii() or not text.isprintable():
            if self._text:
                return self._text
            raise UsageError(f"{file}: holds no token: it must be one line of ASCII text")
        return text

    def __repr__(self) -> str:
        """Show where it comes from, and never what it is."""
        return f"Token(file={str(self._file)!r})" if self._file else "Token('***')"
