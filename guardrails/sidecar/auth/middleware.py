"""The door: no request reaches the application unless it is known who sent it, and that they may.

Pure ASGI, because streams pass through it and every decision pays for it.
"""

import asyncio
from http import HTTPStatus
from typing import Final, Protocol
from urllib.parse import quote

import msgspec

from guardrails.core.ids import RunId
from guardrails.sidecar.auth.browsers import SIGN_IN, SignIns, is_open_page, is_page
from guardrails.sidecar.auth.owned import asking
from guardrails.sidecar.auth.roles import LOCAL, Caller, Role, is_open, is_proxy, may, run_of
from guardrails.sidecar.auth.tokens import AskLaterError, Authenticator
from guardrails.sidecar.refusals import App, Message, Receive, Refusal, Scope, Send, header, refuse
from guardrails.sidecar.stores.base import StoreError

TOKEN_HEADER: Final = "x-guarded-agent-token"  # noqa: S105  # a header's name
"""For clients whose `Authorization` is for the model's provider."""
RUN_HEADER: Final = "x-guarded-agent-run"
RETRY_SECONDS: Final = 5
"""When to ask again, where the cluster or the store does not answer."""
_LOCAL_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "[::1]"})
_SESSIONS: Final = "/v1/sessions"


class Owners(Protocol):
    """Knows whose a run is."""

    def remembered(self, run: RunId) -> str | None:
        """Return who began a run, if that is known without asking the store."""
        ...

    def owner_of(self, run: RunId) -> str | None:
        """Return who began a run; None when there is none. May raise `StoreError`."""
        ...


class Authentication:
    """Asks each request for its token, and whether its caller may make it.

    Args:
        app: What is behind the door.
        authenticator: Finds out whose a token is; None lets everybody in, who then asks as
            `LOCAL` and only by a name of this machine.
        owners: Says whose a run is.
        open_metrics: Whether `/metrics` needs no token.
        any_host: Without authenticator: whether the service may be asked under any name. A web
            page can make a browser ask a service on the loopback, but not under its own name.
        sign_ins: Browsers that signed in, which counts as their token for pages alone; None where
            there are no pages.
    """

    def __init__(
        self,
        app: App,
        *,
        authenticator: Authenticator | None,
        owners: Owners,
        open_metrics: bool = True,
        any_host: bool = False,
        sign_ins: SignIns | None = None,
    ) -> None:
        self._app = app
        self._sign_ins = sign_ins
        self._authenticator = authenticator
        self._owners = owners
        self._open_metrics = open_metrics
        self._any_host = any_host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it with 401, 403 or 503."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return  # a WebSocket is nothing that we speak; the server closes it
        if is_open(scope["path"], open_metrics=self._open_metrics):
            await self._app(scope, receive, send)
            return
        pages = self._sign_ins is not None and is_page(scope["path"])
        if pages and is_open_page(scope["path"]) and self._authenticator is not None:
            await self._app(scope, receive, send)
            return
        found = await self._caller(scope)
        if isinstance(found, Caller):
            found = await self._refused(found, scope, pages=pages) or found
        if isinstance(found, Refusal):
            if pages and found.status == HTTPStatus.UNAUTHORIZED and scope["method"] == "GET":
                found = _sign_in_first(scope)
            await refuse(send, found, close=True)
            return
        scope["state"] = {**scope.get("state", {}), "caller": found}
        token = asking.set(found)
        try:
            await self._app(scope, receive, self._minding(found, scope, send))
        finally:
            asking.reset(token)

    async def _caller(self, scope: Scope) -> Caller | Refusal:
        if self._authenticator is None:
            return LOCAL if self._any_host or _is_local(scope) else _STRANGE_HOST
        token = _token(scope)
        if not token and self._sign_ins is not None and is_page(scope["path"]):
            token = self._sign_ins.token(scope)
        if not token:
            return _unauthorized("a token is needed: Authorization: Bearer TOKEN")
        try:
            caller = await self._authenticator.caller(token)
        except AskLaterError as error:
            return _unavailable(f"whose the token is cannot be told now: {error}")
        except PermissionError as error:
            return _forbidden(str(error))
        return caller or _unauthorized("the token is not known, or has expired", invalid=True)

    async def _refused(self, caller: Caller, scope: Scope, *, pages: bool) -> Refusal | None:
        """Say why a caller may not make a request; None when they may."""
        path, method = scope["path"], scope["method"]
        if pages and caller.role is Role.AGENT:
            return _forbidden(f"{caller.name!r} is an agent; pages are for viewers and operators")
        if not may(caller.role, method, path):
            return _forbidden(f"{caller.name!r} is {_an(caller.role)}, who may not {method} {path}")
        if caller.role is not Role.AGENT:
            return None
        run = run_of(path) or (header(scope, RUN_HEADER) or "" if is_proxy(path) else "")
        if not run:
            return None
        try:
            owner = await _owner(self._owners, RunId(run))
        except StoreError as error:
            return _unavailable(f"whose run it is cannot be told now: {error}")
        return None if owner in {None, caller.name} else _not_yours(run)

    def _minding(self, caller: Caller, scope: Scope, send: Send) -> Send:
        """Keep an agent from being given a run of another under an id that it named.

        Opening a run that is open already answers with it, and only the answer says which it is.
        """
        opens = scope["method"] == "POST" and scope["path"].rstrip("/") == _SESSIONS
        if caller.role is not Role.AGENT or not opens:
            return send
        return _Minding(send, caller=caller, owners=self._owners)


class _Minding:
    """Holds an answer of 200 back until it is known whose run is in it."""

    def __init__(self, send: Send, *, caller: Caller, owners: Owners) -> None:
        self._send = send
        self._caller = caller
        self._owners = owners
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        known = HTTPStatus.OK
        if message["type"] == "http.response.start" and message["status"] == known:
            self._start = message
            return
        if self._start is None:
            await self._send(message)
            return
        self._body += message.get("body", b"")
        if message.get("more_body", False):
            return
        opened = msgspec.json.decode(self._body, type=_Opened)
        owner = await _owner(self._owners, opened.run)
        if owner != self._caller.name:
            await refuse(self._send, _not_yours(opened.run))
            return
        await self._send(self._start)
        await self._send({"type": "http.response.body", "body": self._body})


class _Opened(msgspec.Struct, frozen=True):
    run: RunId


async def _owner(owners: Owners, run: RunId) -> str | None:
    # A hop to a thread costs as much as the decision itself; most requests do without.
    known = owners.remembered(run)
    return known if known is not None else await asyncio.to_thread(owners.owner_of, run)


def _token(scope: Scope) -> str:
    """Return the token of a request, by the header that is for us alone first."""
    own = header(scope, TOKEN_HEADER)
    if own is not None:
        return own
    scheme, _, token = (header(scope, "authorization") or "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    # The Anthropic SDK knows no other header.
    return (header(scope, "x-api-key") or "") if is_proxy(scope["path"]) else ""


def _is_local(scope: Scope) -> bool:
    host = (header(scope, "host") or "").lower()
    name, _, port = host.rpartition(":")
    return (name if name and port.isdigit() else host) in _LOCAL_HOSTS


def _unauthorized(detail: str, *, invalid: bool = False) -> Refusal:
    error = ', error="invalid_token"' if invalid else ""
    return Refusal(
        status=HTTPStatus.UNAUTHORIZED,
        kind="unauthenticated",
        detail=detail,
        headers={"www-authenticate": f'Bearer realm="guarded-agent"{error}'},
    )


def _forbidden(detail: str) -> Refusal:
    return Refusal(status=HTTPStatus.FORBIDDEN, kind="forbidden", detail=detail)


def _sign_in_first(scope: Scope) -> Refusal:
    """Send a browser where it can sign in, and from there back to where it wanted to go."""
    return Refusal(
        status=HTTPStatus.SEE_OTHER,
        kind="sign-in",
        detail=f"sign in at {SIGN_IN}",
        headers={"location": f"{SIGN_IN}?to={quote(scope['path'], safe='/')}"},
    )


def _not_yours(run: str) -> Refusal:
    return _forbidden(f"run {run!r} was begun by another caller")


def _unavailable(detail: str) -> Refusal:
    return Refusal(
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        kind="unavailable",
        detail=detail,
        headers={"retry-after": str(RETRY_SECONDS)},
    )


def _an(role: Role) -> str:
    return f"a {role}" if role is Role.VIEWER else f"an {role}"


_STRANGE_HOST: Final = _forbidden(
    "the service takes no tokens, so it is to be asked as localhost or 127.0.0.1 only"
)
