"""People who signed in with a browser, which cannot send a token when it opens a page.

The token is given once, and stays in this process. The browser gets the random id of its sign-in as
a cookie that no script can read, that is sent to the pages alone, and never from another site. The
token is asked about anew with each request: one that is taken back is of no use a moment later.
"""

import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from starlette.requests import cookie_parser

from guardrails.sidecar.refusals import Scope, header

PAGES: Final = "/ui"
"""Where all pages are, so that the cookie is sent to nothing else."""
SIGN_IN: Final = "/ui/sign-in"
_OPEN: Final = frozenset({SIGN_IN, "/ui/sign-out", "/"})
_STATIC: Final = "/ui/static/"
COOKIE: Final = "guarded-agent"
SECURE_COOKIE: Final = "__Secure-guarded-agent"
"""Browsers take a cookie of such a name over TLS only, and only with `Secure`."""
MOST: Final = 1_024
"""Sign-ins that are remembered; the one used longest ago goes first."""


def is_page(path: str) -> bool:
    """Tell whether a path is a page's, where a sign-in counts as a token.

    >>> is_page("/ui/runs/a1"), is_page("/v1/sessions"), is_page("/uitenhage")
    (True, False, False)
    """
    return path in {"/", PAGES} or path.startswith(f"{PAGES}/")


def is_open_page(path: str) -> bool:
    """Tell whether a page is for everybody: the way in, the way out, and what pages look like."""
    return path in _OPEN or path.startswith(_STATIC)


@dataclass(slots=True, kw_only=True)
class _SignIn:
    token: str
    until: float


class SignIns:
    """Who is signed in here.

    Args:
        seconds: How long a sign-in is good.
        most: How many there may be.
        clock: Seconds that never go back.
    """

    def __init__(
        self,
        *,
        seconds: float,
        most: int = MOST,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.seconds = seconds
        self._most = most
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, _SignIn] = OrderedDict()

    def begin(self, token: str) -> str:
        """Sign somebody in, and return the id that their browser keeps."""
        found = secrets.token_urlsafe(32)
        self._known[self._digest(found)] = _SignIn(token=token, until=self._clock() + self.seconds)
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        return found

    def end(self, scope: Scope) -> None:
        """Sign the sender of a request out."""
        self._known.pop(self._digest(_cookie(scope)), None)

    def token(self, scope: Scope) -> str:
        """Return the token that the sender of a request signed in with; empty without one."""
        digest = self._digest(_cookie(scope))
        found = self._known.get(digest)
        if found is None:
            return ""
        if found.until <= self._clock():
            del self._known[digest]
            return ""
        self._known.move_to_end(digest)
        return found.token

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._known)

    def _digest(self, text: str) -> bytes:
        # Found by a keyed digest, so that the time of a look-up says nothing of the ids.
        return hashlib.blake2b(text.encode(errors="replace"), key=self._key).digest()


def same_site(scope: Scope) -> bool:
    """Tell whether a request that changes something comes from a page of ours.

    The browser says so itself, where it says anything; otherwise the page's host has to be the one
    that is asked. A request that tells neither is turned away.
    """
    said = header(scope, "sec-fetch-site")
    if said is not None:
        return said == "same-origin"
    origin = urlsplit(header(scope, "origin") or "").netloc.lower()
    return bool(origin) and origin == (header(scope, "host") or "").lower()


def _cookie(scope: Scope) -> str:
    found = cookie_parser(header(scope, "cookie") or "")
    return found.get(SECURE_COOKIE) or found.get(COOKIE) or ""
