"""The service's certificate, read again when its files change: Kubernetes renews Secrets in place.

New connections get the new certificate; those that are open go on. A pair that does not fit, as in
the middle of a renewal, leaves the old one in use.
"""

import asyncio
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from guardrails.errors import UsageError

LOOK_EVERY: Final = 2.0
"""Seconds between two looks at the files, which are two calls of `stat`."""

_Stamp = tuple[tuple[int, int, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Files of a certificate with its chain, and of its key, in PEM."""

    certificate: Path
    key: Path

    def load_into(self, context: ssl.SSLContext) -> None:
        """Let new connections be served with it.

        Raises:
            UsageError: It cannot be read, or the two do not go together.
        """
        try:
            # First into one that nobody uses: a half of a pair must not stay in the real one.
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
                self.certificate, self.key, password=_no_password
            )
            context.load_cert_chain(self.certificate, self.key, password=_no_password)
        except (OSError, ValueError) as error:
            raise UsageError(
                f"listen.tls_certificate: {self.certificate}: no certificate that goes with "
                f"{self.key}: {error}"
            ) from error

    def stamp(self) -> _Stamp:
        """Return what tells whether the files are those of before.

        Raises:
            UsageError: One of them is not there.
        """
        try:
            seen = [path.stat() for path in (self.certificate, self.key)]
        except OSError as error:
            raise UsageError(f"{error.filename}: cannot be read: {error.strerror}") from error
        return tuple((one.st_ino, one.st_mtime_ns, one.st_size) for one in seen)


class Renewal:
    """Looks at the files now and then.

    Args:
        pair: The files.
        context: Of the server; it has the pair as it is now.
        on_renewed: Called once new connections get another certificate.
        on_trouble: Told in a line, once each, why the files cannot be used.
    """

    def __init__(
        self,
        pair: Pair,
        context: ssl.SSLContext,
        *,
        on_renewed: Callable[[], None],
        on_trouble: Callable[[str], None],
    ) -> None:
        self._pair = pair
        self._context = context
        self._on_renewed = on_renewed
        self._on_trouble = on_trouble
        self._stamp = pair.stamp()
        self._trouble = ""

    def look(self) -> None:
        """Use the files if they have changed."""
        try:
            stamp = self._pair.stamp()
            if stamp == self._stamp:
                return
            self._pair.load_into(self._context)
        except UsageError as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                self._on_trouble(self._trouble)
            return
        self._stamp, self._trouble = stamp, ""
        self._on_renewed()

    async def run(self, *, every: float = LOOK_EVERY) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(every)
            self.look()


def _no_password() -> str:
    """Refuse to ask for one at the terminal, as OpenSSL would."""
    raise ValueError("the key is encrypted; give one without a password")
