"""HTTP probes against a server that answers by script."""

from collections.abc import Callable
from typing import Any

import anyio
import httpx2
import pytest

from guardrails.gates.asked import HttpAnswer, HttpQuestion
from guardrails.gates.custom.probe import BODY_LIMIT, probe
from guardrails.gates.reads import ReadStatus

URL = "http://shop.example/healthz"
Handler = Callable[[httpx2.Request], httpx2.Response]


async def ask(
    handler: Handler, *, environ: dict[str, str] | None = None, **more: Any
) -> HttpAnswer:
    """Probe a scripted server."""
    question = HttpQuestion(**{"url": URL, **more})
    return await probe(question, environ=environ or {}, transport=httpx2.MockTransport(handler))


async def test_the_status_is_noted_and_the_body_is_not() -> None:
    """A report must not carry what a service says."""
    answer = await ask(lambda _: httpx2.Response(200, text="all ok, token=s3cret"), contains="ok")
    assert (answer.read.ok, answer.status, answer.found) == (True, 200, True)
    assert "s3cret" not in repr(answer)


async def test_a_text_that_is_not_there_is_told() -> None:
    """In the whole body, however it is cut into pieces."""
    answer = await ask(lambda _: httpx2.Response(200, text="fine"), contains="ok")
    assert answer.found is False


async def test_a_body_too_long_to_search_says_nothing() -> None:
    """Not found in the beginning is not absent."""
    body = b"x" * (BODY_LIMIT + 100_000)
    answer = await ask(lambda _: httpx2.Response(200, content=body), contains="ok")
    assert answer.found is None


async def test_an_error_of_the_server_is_an_answer() -> None:
    """Status 500 was read well."""
    answer = await ask(lambda _: httpx2.Response(500))
    assert (answer.read.ok, answer.status) == (True, 500)


async def test_a_redirect_on_the_same_host_is_followed() -> None:
    """Services redirect to a trailing slash."""

    def handler(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/healthz":
            return httpx2.Response(301, headers={"location": "/healthz/"})
        return httpx2.Response(200)

    assert (await ask(handler)).status == 200


@pytest.mark.parametrize(
    "target", ["http://evil.example/", "http://shop.example:81/", "//evil.example/x"]
)
async def test_a_redirect_elsewhere_is_not_followed(target: str) -> None:
    """The probe is about the host that the policy names, and headers are for that host."""
    seen: list[str] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        seen.append(str(request.url))
        return httpx2.Response(302, headers={"location": target})

    answer = await ask(handler)
    assert seen == [URL]
    assert answer.status == 302
    assert answer.location


async def test_https_is_never_left() -> None:
    """A header with a token must not go out in clear text."""
    down = httpx2.Response(302, headers={"location": "http://shop.example/"})
    answer = await ask(lambda _: down, url="https://shop.example/")
    assert answer.location == "http://shop.example"


async def test_a_loop_of_redirects_ends() -> None:
    """It is no answer."""
    answer = await ask(lambda _: httpx2.Response(302, headers={"location": "/healthz"}))
    assert answer.read.status is ReadStatus.GARBLED


async def test_headers_come_from_the_environment() -> None:
    """The policy names the variable only."""
    seen: list[str] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers["authorization"])
        return httpx2.Response(200)

    headers = (("Authorization", "SHOP_TOKEN"),)
    answer = await ask(handler, environ={"SHOP_TOKEN": "Bearer s3cret"}, headers_from_env=headers)
    assert seen == ["Bearer s3cret"]
    assert "s3cret" not in repr(answer)


async def test_a_variable_that_is_not_set_is_no_answer() -> None:
    """Nothing is sent, and the variable is named."""
    answer = await ask(lambda _: httpx2.Response(200), headers_from_env=(("X", "SHOP_TOKEN"),))
    assert not answer.read.ok
    assert not answer.read.temporary
    assert "SHOP_TOKEN is not set" in answer.read.message


async def test_a_refused_connection_may_come_back() -> None:
    """No answer is unknown for the moment."""

    def handler(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("connection refused")

    answer = await ask(handler)
    assert (answer.read.status, answer.read.temporary) == (ReadStatus.UNREACHABLE, True)


async def test_a_slow_server_is_given_up() -> None:
    """The limit is of the whole answer."""

    async def handler(request: httpx2.Request) -> httpx2.Response:
        await anyio.sleep_forever()
        return httpx2.Response(200)

    answer = await ask(handler, timeout_seconds=0.05)  # pyright: ignore[reportArgumentType]
    assert answer.read.status is ReadStatus.TIMEOUT
