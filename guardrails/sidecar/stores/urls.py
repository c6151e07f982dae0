"""Where a store is, as one URL, and what of it may be shown: never its password.

Options of ours are taken out of the query; what is left belongs to the driver.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from guardrails.errors import UsageError

PASSWORD_VARIABLE: Final = "GUARDED_AGENT_STORE_PASSWORD"  # noqa: S105  # a name
"""Holds the password where the URL has none, so that the URL may stand in a file or on a command
line."""
HIDDEN: Final = "***"


class StoreUrlError(UsageError):
    """A URL that names no store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreUrl:
    """A store over a network."""

    scheme: str
    netloc: str
    """Host and port as they were written; PostgreSQL takes several."""
    path: str
    user: str = ""
    password: str = field(default="", repr=False)
    options: Mapping[str, str] = field(default_factory=dict[str, str])
    """The query. It may hold secrets of the driver's, and is not shown."""

    @property
    def shown(self) -> str:
        """The address for people: neither password nor options."""
        return f"{self.scheme}://{self.netloc}{self.path}"

    @property
    def host(self) -> str:
        """The host; `localhost` where none is named."""
        return SplitResult("", self.netloc, "", "", "").hostname or "localhost"

    def port(self, usual: int) -> int:
        """Return the port, or the usual one where none is named."""
        try:
            return SplitResult("", self.netloc, "", "", "").port or usual
        except ValueError as error:
            raise StoreUrlError(f"{self.scheme}: the port is no number below 65536") from error

    def number(self, option: str, usual: float) -> float:
        """Return an option that is a number above 0.

        Raises:
            StoreUrlError: It is none.
        """
        text = self.options.get(option, "")
        try:
            found = float(text) if text else usual
        except ValueError:
            found = 0.0
        if not 0 < found < float("inf"):
            raise StoreUrlError(f"{self.shown}: {option} is a number above 0, not {text!r}")
        return found

    def without(self, options: Iterable[str]) -> dict[str, str]:
        """Return the options besides some."""
        ours = set(options)
        return {name: value for name, value in self.options.items() if name not in ours}

    def hide(self, text: str) -> str:
        """Take the password out of what a driver says."""
        return text.replace(self.password, HIDDEN) if self.password else text

    def dsn(self, *, leave_out: Iterable[str]) -> str:
        """Return it as a URL for the driver, without the password and some options."""
        user = f"{quote(self.user, safe='')}@" if self.user else ""
        query = urlencode(self.without(leave_out), quote_via=quote)
        return f"{self.scheme}://{user}{self.netloc}{self.path}{'?' if query else ''}{query}"


def parse_store_url(url: str, *, environment: Mapping[str, str] | None = None) -> StoreUrl:
    """Read the URL of a store over a network.

    Args:
        url: `scheme://[user[:password]@]host[:port][/path][?options]`. Special characters in user
            and password are percent-encoded.
        environment: Where a password is looked up that the URL lacks; the process's own if None.

    Raises:
        StoreUrlError: It cannot be read. The message does not repeat it, as it may hold a password.
    """
    scheme = url.partition(":")[0]
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise StoreUrlError(_unreadable(scheme)) from error
    cut = "@" in parts.path + parts.query or parts.fragment  # by a password that is not encoded
    if cut or not parts.scheme or "://" not in url:
        raise StoreUrlError(_unreadable(scheme))
    credentials, _, address = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    found = os.environ if environment is None else environment
    return StoreUrl(
        scheme=parts.scheme,
        netloc=address,
        path=parts.path,
        user=unquote(user),
        password=unquote(password) or found.get(PASSWORD_VARIABLE, ""),
        options=dict(parse_qsl(parts.query, keep_blank_values=True)),
    )


def _unreadable(scheme: str) -> str:
    return (
        f"{scheme}: not a URL of the form {scheme}://user:password@host:port/path?option=value "
        "(percent-encode special characters in user and password)"
    )
