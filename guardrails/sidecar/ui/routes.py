"""The pages' routes: who may see what was asked at the door, and is asked here again to answer."""

from collections.abc import Awaitable, Callable, Sequence
from http import HTTPStatus
from typing import Final
from urllib.parse import parse_qs, quote, urlsplit

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from guardrails.sidecar.api.bodies import AnswerQuestion, NoQuery
from guardrails.sidecar.api.operations import OPERATORS, Call
from guardrails.sidecar.api.people import PeopleApi
from guardrails.sidecar.api.problems import (
    FORBIDDEN,
    INTERNAL,
    INVALID,
    NOT_FOUND,
    TOO_LARGE,
    ProblemError,
    told,
)
from guardrails.sidecar.api.reading import BodyReader
from guardrails.sidecar.api.runs import RunsApi
from guardrails.sidecar.api.stopping import Stopping
from guardrails.sidecar.api.streams import USUAL, Pace
from guardrails.sidecar.auth.browsers import PAGES, SIGN_IN, SignIns, same_site
from guardrails.sidecar.auth.roles import Caller, Role
from guardrails.sidecar.auth.tokens import AskLaterError, Authenticator
from guardrails.sidecar.config import UiSettings
from guardrails.sidecar.service import Service
from guardrails.sidecar.ui.answers import (
    REPORT_POLICY,
    page,
    signed_in,
    signed_out,
    static,
    to,
)
from guardrails.sidecar.ui.board import Board
from guardrails.sidecar.ui.following import Following
from guardrails.sidecar.ui.pages import Pages
from guardrails.sidecar.ui.rendering import MEDIA, Rendering, wanted_of
from guardrails.sidecar.ui.reports import RunReports
from guardrails.sidecar.ui.streaming import Still, Streams, streamed

FORM_BYTES: Final = 128 * 1024
"""Longest form: an answer has 16,000 characters, each of which may take nine bytes."""
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})

Handler = Callable[[Request], Awaitable[Response]]

_log = structlog.stdlib.get_logger("guardrails.sidecar")


class Ui:
    """The pages of a service.

    Args:
        service: Whose runs.
        pages: What reports have too.
        settings: Of the pages.
        authenticator: Finds out whose a token is; None where nobody is asked for one.
        sign_ins: Who is signed in; the door's.
        stopping: Of the service.
        pace: Of streams.
    """

    def __init__(
        self,
        service: Service,
        pages: Pages,
        settings: UiSettings,
        *,
        authenticator: Authenticator | None,
        sign_ins: SignIns,
        stopping: Stopping,
        pace: Pace = USUAL,
    ) -> None:
        self._settings = settings
        self._authenticator = authenticator
        self._sign_ins = sign_ins
        self._runs = RunsApi(service)
        self._people = PeopleApi(self._runs)
        self._board = Board(service)
        self._following = Following(service, pages)
        self._reports = RunReports(service, pages)
        self._report_policy = f"{pages.policy}; {REPORT_POLICY}"
        self._rendering = Rendering(pages, authenticated=authenticator is not None)
        self._streams = Streams(
            service,
            self._board,
            self._following,
            self._rendering,
            stopping=stopping,
            pace=pace,
        )
        self._answer = BodyReader(AnswerQuestion)

    def routes(self) -> Sequence[BaseRoute]:
        """Return the routes, for the application."""
        table: tuple[tuple[str, str, Handler], ...] = (
            ("GET", "/", self._root),
            ("GET", PAGES, self._list),
            ("GET", f"{PAGES}/events", self._list_stream),
            ("GET", f"{PAGES}/runs/{{run}}", self._run),
            ("GET", f"{PAGES}/runs/{{run}}/events", self._run_stream),
            ("GET", f"{PAGES}/runs/{{run}}/report", self._report),
            ("POST", f"{PAGES}/runs/{{run}}/answers", self._answered),
            ("GET", SIGN_IN, self._sign_in),
            ("POST", SIGN_IN, self._signed_in),
            ("POST", f"{PAGES}/sign-out", self._sign_out),
            ("GET", f"{PAGES}/static/{{name}}", self._static),
        )
        return [Route(path, self._safe(handler), methods=[how]) for how, path, handler in table]

    def _safe(self, handler: Handler) -> Handler:
        """Let what goes wrong be a page, which says what to do and runs nothing."""

        async def safe(request: Request) -> Response:
            try:
                return await handler(request)
            except Exception as error:  # noqa: BLE001  # told to the person, and logged below
                known = told(error)
            if known is None:
                _log.error("guarded_agent.ui.failed", path=request.url.path, exc_info=True)
                known = ProblemError(kind=INTERNAL, detail="it is in the service's log")
            text = self._rendering.problem(
                title=known.kind.title,
                detail=known.detail,
                status=known.kind.status,
                caller=caller_of(request),
            )
            return page(text, status=known.kind.status)

        return safe

    # What is seen

    async def _root(self, request: Request) -> Response:
        del request
        return to(PAGES)

    async def _list(self, request: Request) -> Response:
        wanted, typed = wanted_of(dict(request.query_params))
        window = await self._board.window(wanted)
        return page(self._rendering.runs(window, typed=typed, caller=caller_of(request)))

    async def _list_stream(self, request: Request) -> Response:
        wanted, typed = wanted_of(dict(request.query_params))
        return streamed(self._streams.runs(wanted, typed=typed, still=self._still(request)))

    async def _run(self, request: Request) -> Response:
        live = await self._runs.found(request.path_params["run"])
        view = await self._following.view(live.run)
        return page(self._rendering.run(view, caller=caller_of(request)))

    async def _run_stream(self, request: Request) -> Response:
        live = await self._runs.found(request.path_params["run"])
        parts = self._streams.run(
            live.run, may_answer=_may_answer(caller_of(request)), still=self._still(request)
        )
        return streamed(parts)

    async def _report(self, request: Request) -> Response:
        live = await self._runs.found(request.path_params["run"])
        return page(await self._reports.report(live.run), policy=self._report_policy)

    async def _static(self, request: Request) -> Response:
        name = request.path_params["name"]
        data = self._rendering.assets.get(name)
        if data is None:
            raise ProblemError(kind=NOT_FOUND, detail=f"no file {name!r}")
        return static(data, media=MEDIA[name.rpartition(".")[2]])

    # What is said

    async def _answered(self, request: Request) -> Response:
        caller = caller_of(request)
        if not _may_answer(caller):
            raise ProblemError(kind=FORBIDDEN, detail="to answer takes the role operator")
        form = await _form(request)
        said = {"question": form.get("question", ""), "text": _said(form)}
        body = self._answer(msgspec.json.encode(said))
        run = request.path_params["run"]
        await self._people.answer(
            Call(scope=request.scope, body=body, query=NoQuery(), caller=caller)
        )
        return to(f"{PAGES}/runs/{quote(run, safe='')}")

    # Who is there

    async def _sign_in(self, request: Request) -> Response:
        if self._authenticator is None:
            return to(PAGES)
        text = self._rendering.sign_in(
            to=own_path(request.query_params.get("to", "")), plain=self._is_plain(request)
        )
        return page(text)

    async def _signed_in(self, request: Request) -> Response:
        if self._authenticator is None:
            return to(PAGES)
        form = await _form(request)
        where, token = own_path(form.get("to", "")), form.get("token", "").strip()
        wrong, status = await self._wrong_with(token)
        if wrong:
            text = self._rendering.sign_in(to=where, wrong=wrong, plain=self._is_plain(request))
            return page(text, status=status)
        self._sign_ins.end(request.scope)
        return signed_in(
            where,
            self._sign_ins.begin(token),
            seconds=self._sign_ins.seconds,
            secure=self._is_secure(request),
        )

    async def _wrong_with(self, token: str) -> tuple[str, int]:
        """Say why a token lets nobody in; empty if it does."""
        assert self._authenticator is not None
        try:
            caller = await self._authenticator.caller(token) if token else None
        except AskLaterError as error:
            return f"Whose the token is cannot be told now: {error}", HTTPStatus.SERVICE_UNAVAILABLE
        except PermissionError as error:
            return str(error), HTTPStatus.FORBIDDEN
        if caller is None:
            return "The token is not known, or has expired.", HTTPStatus.UNAUTHORIZED
        if caller.role is Role.AGENT:
            why = f"{caller.name} is an agent; pages are for viewers and operators."
            return why, HTTPStatus.FORBIDDEN
        return "", HTTPStatus.OK

    async def _sign_out(self, request: Request) -> Response:
        if not same_site(request.scope):
            raise ProblemError(kind=FORBIDDEN, detail="the form was not sent from a page of ours")
        self._sign_ins.end(request.scope)
        return signed_out()

    def _still(self, request: Request) -> Still:
        """Return how a stream asks whether its viewer may still see what it tells."""
        before = caller_of(request)

        async def still() -> bool:
            authenticator = self._authenticator
            if authenticator is None:
                return True
            token = self._sign_ins.token(request.scope)
            if not token:
                # One that came with its own token has no sign-in that could end.
                return "authorization" in request.headers
            try:
                return await authenticator.caller(token) == before
            except AskLaterError:
                return True  # nobody is let in who was not before
            except PermissionError:
                return False

        return still

    def _is_secure(self, request: Request) -> bool:
        return self._settings.behind_tls or request.url.scheme == "https"

    def _is_plain(self, request: Request) -> bool:
        return not self._is_secure(request) and request.url.hostname not in _LOCAL


def caller_of(request: Request) -> Caller | None:
    """Return who asks; None where nobody is asked who they are, or on the way in."""
    return getattr(request.state, "caller", None)


def own_path(path: str) -> str:
    """Return a path if it is a page's of ours; else that of the list.

    >>> own_path("/ui/runs/a1"), own_path("//evil.example/ui"), own_path("/ui/../v1")
    ('/ui/runs/a1', '/ui', '/ui')
    """
    parts = urlsplit(path)
    inside = parts.path == PAGES or parts.path.startswith(f"{PAGES}/")
    plain = not parts.scheme and not parts.netloc and path.isascii() and path.isprintable()
    return path if inside and plain and ".." not in path and "\\" not in path else PAGES


def _may_answer(caller: Caller | None) -> bool:
    return caller is None or caller.role in OPERATORS


def _said(form: dict[str, str]) -> str:
    """Return an answer: other words win over a choice, because they were typed."""
    return form.get("text", "").strip() or form.get("choice", "")


async def _form(request: Request) -> dict[str, str]:
    """Read a form that a page of ours sent.

    Raises:
        ProblemError: Another site's page sent it, or it is no form, or too long.
    """
    if not same_site(request.scope):
        raise ProblemError(kind=FORBIDDEN, detail="the form was not sent from a page of ours")
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > FORM_BYTES:
            raise ProblemError(kind=TOO_LARGE, detail=f"a form has {FORM_BYTES} bytes at most")
    try:
        found = parse_qs(data.decode("ascii"), strict_parsing=bool(data), max_num_fields=16)
    except ValueError as error:
        raise ProblemError(kind=INVALID, detail=f"the body is no form: {error}") from error
    return {key: values[-1] for key, values in found.items()}
