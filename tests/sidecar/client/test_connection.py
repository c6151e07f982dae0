"""Tokens that change, roles that may not, certificates, and what is no service at all."""

import os
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import ASGIApp, Receive, Scope, Send

from guardrails.core.events import EndRequested, ExitKind, ModelReplied
from guardrails.engine import Guard, SessionKey
from guardrails.errors import UsageError
from guardrails.sidecar.client import (
    DeniedError,
    Endpoint,
    LostRunError,
    RefusedError,
    RemoteGuard,
    UnreachableError,
    connect,
)
from guardrails.sidecar.client.outbox import AT_ONCE, Outbox
from guardrails.sidecar.client.token import Token
from tests.sidecar.client.conftest import Remote, Serve

KEY = SessionKey("thread")


class Door:
    """Lets in whoever has the token of the moment."""

    token = "one"  # of a test
    asked = 0

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 401, or let in."""
        said = dict(scope["headers"]).get(b"authorization", b"").decode()
        Door.asked += 1
        if said == f"Bearer {Door.token}":
            await self._app(scope, receive, send)
            return
        body = b'{"title":"Who are you?","status":401,"detail":"the token is not known"}'
        head: dict[str, Any] = {"type": "http.response.start", "status": 401, "headers": []}
        await send(head)
        await send({"type": "http.response.body", "body": body})


@pytest.fixture(autouse=True)
def first_token() -> None:
    """Begin with the first one."""
    Door.token = "one"  # of a test
    Door.asked = 0


def test_a_token_that_is_renewed_in_its_file_is_used(
    serve: Serve, remote: Remote, tmp_path: Path
) -> None:
    """Kubernetes does so while the agent runs, by a rename."""
    file = tmp_path / "token"
    file.write_text("one\n")
    service = serve(auth=Door)
    guard = remote(Endpoint(url=service.url, token_file=file))
    session = guard.begin(KEY, adapter="test")
    fresh = tmp_path / "fresh"
    fresh.write_text("another\n")
    fresh.replace(file)
    Door.token = "another"  # of a test
    asked = Door.asked
    session.observe(ModelReplied(text="I look."))
    assert Door.asked == asked + 1


def test_a_token_that_is_not_known_is_said_at_once(serve: Serve, remote: Remote) -> None:
    """Asking again would not help, so nothing waits."""
    service = serve(auth=Door)
    with pytest.raises(DeniedError, match="GUARDED_AGENT_TOKEN_FILE"):
        remote(Endpoint(url=service.url, token="wrong")).begin(KEY, adapter="test")
    assert Door.asked == 1


def test_a_token_that_expires_ends_the_run_without_success(serve: Serve, remote: Remote) -> None:
    """Nothing is decided any more, and the run has its outcome all the same."""
    service = serve(auth=Door)
    guard = remote(Endpoint(url=service.url, token="one"))  # of a test
    session = guard.begin(KEY, adapter="test")
    Door.token = "another"  # of a test
    with pytest.raises(DeniedError):
        session.observe(ModelReplied(text="I look."))
    decision = guard.settle_sync(session, EndRequested(exit=ExitKind.FINAL_ANSWER))
    assert decision.outcome == "unverifiable"


def test_no_token_shows_in_a_repr() -> None:
    """Settings end up in logs."""
    endpoint = Endpoint(url="http://127.0.0.1:1", token="hunter2")  # of a test
    assert "hunter2" not in f"{endpoint!r}{Token('hunter2')!r}"


def test_a_token_file_in_the_middle_of_a_rotation_leaves_the_old_one(tmp_path: Path) -> None:
    """An empty or missing file for a moment is no reason to send no token."""
    file = tmp_path / "token"
    file.write_text("one")
    token = Token(file=file)
    file.write_text("")
    assert token.current() == "one"
    file.unlink()
    assert token.current() == "one"
    file.write_text("two")
    os.utime(file, (1, 1))
    assert token.current() == "two"


@pytest.mark.parametrize(("text", "said"), [("", "holds no token"), ("a\nb", "holds no token")])
def test_a_token_file_without_a_token_is_named(tmp_path: Path, text: str, said: str) -> None:
    """The path is in the message, and what is in the file is not."""
    file = tmp_path / "token"
    file.write_text(text)
    with pytest.raises(UsageError, match=said):
        Token(file=file)
    with pytest.raises(UsageError, match="cannot read the token"):
        Token(file=tmp_path / "none")


@pytest.mark.parametrize(
    "url", ["guard:8080", "ftp://guard", "http://", "http://me:hunter2@guard", "http://g/?a=b", ""]
)
def test_what_is_no_url_of_a_service_is_refused(url: str) -> None:
    """And a password in it is not repeated."""
    with pytest.raises(UsageError, match="is no URL of a service") as caught:
        Endpoint(url=url)
    assert "hunter2" not in str(caught.value)


def test_one_variable_makes_a_guard_remote(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The program stays as it is; without the variable it guards in process."""
    local = Guard()
    monkeypatch.delenv("GUARDED_AGENT_URL", raising=False)
    assert connect(local=lambda: local) is local
    with pytest.raises(UsageError, match="GUARDED_AGENT_URL"):
        connect()
    file = tmp_path / "token"
    file.write_text("one")
    monkeypatch.setenv("GUARDED_AGENT_URL", serve(auth=Door).url)
    monkeypatch.setenv("GUARDED_AGENT_TOKEN_FILE", str(file))
    found = connect(local=lambda: local)
    assert isinstance(found, RemoteGuard)
    with found:
        assert found.begin(KEY, adapter="test").outcome is None


def test_certificates_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    """At once, and not with the first run."""
    with pytest.raises(UsageError, match=r"ca\.crt"):
        RemoteGuard(Endpoint(url="https://127.0.0.1:1", ca_file=tmp_path / "ca.crt"))


class Stranger(BaseHTTPRequestHandler):
    """A web server that is no guard."""

    status = 200
    body = b"<html>hello</html>"

    def do_POST(self) -> None:
        """Answer."""
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(self.status)
        self.send_header("content-length", str(len(self.body)))
        self.end_headers()
        self.wfile.write(self.body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # the library's name
        """Say nothing."""


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, b"<html>hello</html>", RefusedError),
        (200, b'{"run":7}', RefusedError),
        (404, b"not here", LostRunError),
        (302, b"", RefusedError),
        (400, b'{"title":"Bad"}', RefusedError),
        (502, b"bad gateway", UnreachableError),
        (500, b"", UnreachableError),
        (429, b"{}", UnreachableError),
    ],
)
def test_every_answer_is_a_value_or_one_clear_error(
    remote: Remote, status: int, body: bytes, error: type[Exception]
) -> None:
    """Whatever stands at the URL, the message names it and has one line."""
    handler = type("Handler", (Stranger,), {"status": status, "body": body})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        with pytest.raises(error) as caught:
            remote(Endpoint(url=url, patience=0.1)).begin(KEY, adapter="test")
        server.shutdown()
    assert "\n" not in str(caught.value)


@given(st.lists(st.sampled_from(["put", "put-end", "send", "lose"]), max_size=60))
def test_every_fact_leaves_an_outbox_once_and_in_order(steps: list[str]) -> None:
    """Whatever is lost and found on the way, the numbers taken are 1, 2, 3 and so on."""
    outbox, there = Outbox(), list[int]()
    for step in [*steps, *["send"] * (len(steps) + 1)]:
        match step:
            case "put":
                outbox.put(ModelReplied(text="x"), agent="")
            case "put-end":
                outbox.put(EndRequested(exit=ExitKind.FINAL_ANSWER), agent="")
            case "lose" if there:
                del there[len(there) // 2 :]
                assert outbox.back_to(len(there) + 1)
            case "send":
                group = outbox.next()
                ends = [isinstance(one.fact, EndRequested) for one in group]
                assert len(group) <= AT_ONCE
                assert not any(ends) or len(group) == 1
                outbox.taken(group)
                there.extend(one.number for one in group)
            case _:
                pass
    assert there == list(range(1, outbox.number + 1))
