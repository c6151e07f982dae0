"""Asks an HTTP question: one GET, bounded in time and size, and never an exception.

Redirects are followed on the same host only, so that a probe says something about the host that
the policy names, and headers that were meant for it go nowhere else.
"""

import os
import ssl
from collections.abc import Mapping

import anyio
import httpx2

from guardrails.gates.asked import HttpAnswer, HttpQuestion
from guardrails.gates.reads import Read, ReadStatus

BODY_LIMIT = 1 << 20
"""Bytes of a body that are searched. A health page is a few kilobytes."""

REDIRECTS_AT_MOST = 5
"""More is a loop; curl stops at 50, browsers at 20."""

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


async def probe(
    question: HttpQuestion,
    *,
    environ: Mapping[str, str] | None = None,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> HttpAnswer:
    """Ask once.

    Args:
        question: What to ask.
        environ: Where header values come from; the process environment when left out.
        transport: Given in tests.

    Returns:
        An answer, always; what kept it from coming is its `read` status.
    """
    variables = os.environ if environ is None else environ
    missing = [name for _, name in question.headers_from_env if not variables.get(name)]
    if missing:
        unset = f"GET {question.url}: environment variable {missing[0]} is not set"
        return HttpAnswer(question=question, read=Read(status=ReadStatus.ERROR, message=unset))
    headers = {header: variables[name] for header, name in question.headers_from_env}
    try:
        with anyio.fail_after(question.timeout_seconds):
            async with httpx2.AsyncClient(
                timeout=question.timeout_seconds,
                headers=headers,
                transport=transport,
                verify=ssl.create_default_context(),
                follow_redirects=False,
            ) as client:
                return await _answered(client, question)
    except (TimeoutError, httpx2.TimeoutException):
        said = f"no answer in {question.timeout_seconds:g} s"
        return _unread(question, ReadStatus.TIMEOUT, said)
    except httpx2.TransportError as error:
        return _unread(question, ReadStatus.UNREACHABLE, str(error) or type(error).__name__)
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError) as error:
        # What a header's value or a redirect's target may still be wrong about.
        return _unread(question, ReadStatus.GARBLED, type(error).__name__)


async def _answered(client: httpx2.AsyncClient, question: HttpQuestion) -> HttpAnswer:
    url = httpx2.URL(question.url)
    for _ in range(REDIRECTS_AT_MOST + 1):
        async with client.stream("GET", url) as response:
            target = _target(url, response)
            if target is None:
                found = await _search(response, question.contains)
                return HttpAnswer(question=question, status=response.status_code, found=found)
            if not _same_host(url, target):
                return HttpAnswer(
                    question=question,
                    status=response.status_code,
                    location=f"{target.scheme}://{target.host}",
                )
        url = target
    return _unread(question, ReadStatus.GARBLED, f"more than {REDIRECTS_AT_MOST} redirects")


def _target(url: httpx2.URL, response: httpx2.Response) -> httpx2.URL | None:
    location = response.headers.get("location", "")
    return url.join(location) if response.status_code in _REDIRECTS and location else None


def _same_host(url: httpx2.URL, target: httpx2.URL) -> bool:
    """Tell whether a redirect stays where it is, or only goes from http to https."""
    same = (url.scheme, url.host, url.port) == (target.scheme, target.host, target.port)
    upgraded = (url.scheme, target.scheme) == ("http", "https") and url.host == target.host
    return same or upgraded


async def _search(response: httpx2.Response, text: str) -> bool | None:
    """Look for a text in the body; None when there is none to look for, or too much to look in."""
    if not text:
        return None
    wanted, body = text.encode(), bytearray()
    async for part in response.aiter_bytes():
        body += part
        if wanted in body:
            return True
        if len(body) > BODY_LIMIT:
            return None
    return False


def _unread(question: HttpQuestion, status: ReadStatus, said: str) -> HttpAnswer:
    message = f"GET {question.url}: {said}"
    return HttpAnswer(question=question, read=Read(status=status, message=message, temporary=True))
