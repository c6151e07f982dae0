"""How pages are answered: with headers that let in only what is ours."""

from collections.abc import Mapping
from typing import Final

from starlette.responses import RedirectResponse, Response

from guardrails.sidecar.auth.browsers import COOKIE, PAGES, SECURE_COOKIE, SIGN_IN

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
"""Scripts and styles are files of ours; none stands in a page, and nothing comes from elsewhere."""
REPORT_POLICY: Final = "sandbox allow-scripts; frame-ancestors 'none'"
"""A report's own script runs, by its hash, and has no part in the sign-in: it is of no origin."""
GUARDED: Final[Mapping[str, str]] = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # Without a referrer browsers would not say which page a form was sent from, either.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}


def page(text: str, *, status: int = 200, policy: str = POLICY) -> Response:
    """Return a page."""
    return Response(
        text,
        status_code=status,
        media_type="text/html",
        headers={**GUARDED, "content-security-policy": policy},
    )


def static(data: bytes, *, media: str) -> Response:
    """Return a file that pages are made with; its address changes with it."""
    headers = {**GUARDED, "cache-control": "public, max-age=31536000, immutable"}
    return Response(data, media_type=media, headers=headers)


def to(path: str) -> Response:
    """Send a browser to another page, by GET."""
    return RedirectResponse(path, status_code=303, headers={**GUARDED})


def signed_in(path: str, sign_in: str, *, seconds: float, secure: bool) -> Response:
    """Give a browser the id of its sign-in, and send it to a page.

    Args:
        path: Where to.
        sign_in: The id.
        seconds: How long it is good.
        secure: Whether the browser speaks TLS.
    """
    found = to(path)
    found.set_cookie(
        SECURE_COOKIE if secure else COOKIE,
        sign_in,
        max_age=int(seconds),
        path=PAGES,
        secure=secure,
        httponly=True,
        samesite="strict",
    )
    return found


def signed_out() -> Response:
    """Take the id back."""
    found = to(SIGN_IN)
    for name in (COOKIE, SECURE_COOKIE):
        secure = name == SECURE_COOKIE
        found.delete_cookie(name, path=PAGES, secure=secure, httponly=True, samesite="strict")
    return found
