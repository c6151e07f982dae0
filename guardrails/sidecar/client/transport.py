"""Requests to the service: sent again while it is gone, and answered by a value or one error.

Every request of the decision API may be sent twice: facts are numbered, runs are named by who opens
them. So a lost answer costs a second request and nothing else.
"""

import logging
import random
import ssl
import threading
import time
from collections.abc import AsyncGenerator, Callable, Collection, Iterator
from http import HTTPStatus
from typing import Final, TypeVar

import httpx2
import msgspec

from guardrails.errors import (
    DeniedError,
    LostRunError,
    RefusedError,
    ServiceError,
    UnreachableError,
)
from guardrails.sidecar.client.endpoint import Endpoint
from guardrails.sidecar.client.token import Token
from guardrails.sidecar.client.wire import Problem

T = TypeVar("T")

CONNECT_WITHIN: Final = 2.0
"""Seconds. The service is beside the agent or in its cluster."""
ANSWER_WITHIN: Final = 10.0
"""Seconds in which a fact is decided, a full disk or a slow store included."""
FIRST_PAUSE: Final = 0.05
"""Seconds before a request is sent again for the first time; each further one is twice that."""
LONGEST_PAUSE: Final = 1.0
PROBE_EVERY: Final = 1.0
"""Seconds between two attempts of facts while the service is known to be gone."""

SILENT_FOR: Final = 40.0
"""Seconds without a byte of a stream. The service sends a comment every fifteen."""
EVENT_STREAM: Final = "text/event-stream"

_log = logging.getLogger("guardrails")


class SilentStreamError(Exception):
    """A stream does not come through, though the service may well be there."""


class Transport:
    """Sends requests to one service, for any number of threads and event loops.

    Args:
        endpoint: Where it is.
        now: Seconds that never go back.
        pause: Waits in the calling thread.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        now: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.endpoint = endpoint
        self._now = now
        self._pause = pause
        self._token = Token(endpoint.token, file=endpoint.token_file)
        self._verify = endpoint.verification()
        self._base = endpoint.url.rstrip("/")
        self._timeout = httpx2.Timeout(ANSWER_WITHIN, connect=CONNECT_WITHIN)
        # A proxy of the environment is the way out of the cluster, and the service is inside.
        self._client = httpx2.Client(verify=self._verify, trust_env=False, timeout=self._timeout)
        self._lock = threading.Lock()
        self._probe_at: float | None = None
        """When the service, which is gone, may be tried again."""

    def ask(
        self,
        method: str,
        path: str,
        answer: type[T],
        *,
        body: object = None,
        patience: float,
        within: float | None = None,
        insist: bool = False,
        whole: Collection[int] = (),
    ) -> T:
        """Send a request until it is answered.

        Args:
            method: HTTP method.
            path: From `/v1` on.
            answer: What the answer is read as.
            body: Sent as JSON.
            patience: Seconds for which it is sent again.
            within: Seconds in which it is to be answered, if not the usual.
            insist: Whether to try also just after it was found gone.
            whole: Statuses that are an answer too, besides those of success.

        Raises:
            UnreachableError: Nobody answered in that time.
            ServiceError: The service answered that it will not.
        """
        if not insist and self._known_gone():
            raise UnreachableError(f"{self._base} is not reached yet")
        if self._probe_at is not None and not insist:
            patience = 0.0
        content = None if body is None else _encoder.encode(body)
        until = self._now() + patience
        for pause in pauses():
            try:
                response = self._sent(method, path, content, within)
                found = self.read(response, answer, whole=whole)
            except UnreachableError as error:
                wait = max(pause, error.after or 0.0)
                if self._now() + wait > until:
                    self._gone(error)
                    raise
                self._pause(wait)
            else:
                self._back()
                return found
        raise AssertionError("unreachable")

    async def aask(
        self,
        client: httpx2.AsyncClient,
        path: str,
        answer: type[T],
        *,
        body: object = None,
        within: float,
    ) -> T:
        """Post a body or get, once, without keeping a thread; `client` is from `connection`.

        Raises:
            UnreachableError: Nobody answered; asking again may help.
            ServiceError: The service answered that it will not.
        """
        content = None if body is None else _encoder.encode(body)
        for last in (False, True):
            try:
                response = await client.request(
                    "GET" if content is None else "POST",
                    self._base + path,
                    content=content,
                    headers=self._headers(content),
                    timeout=httpx2.Timeout(within, connect=CONNECT_WITHIN),
                )
            except httpx2.HTTPError as error:
                raise self._unreached(error) from error
            if not self._stale(response, last=last):
                found = self.read(response, answer)
                self._back()
                return found
        raise AssertionError("unreachable")

    async def stream(
        self, client: httpx2.AsyncClient, path: str, *, body: object = None, after: int = 0
    ) -> AsyncGenerator[tuple[str, str]]:
        """Post a body or get, once; yield the name and the data of each event that comes back.

        Args:
            client: From `connection`.
            path: From `/v1` on.
            body: Sent as JSON.
            after: Id of the last event that is known here. When there are no more, none comes.

        Raises:
            SilentStreamError: Something else came back, or nothing for too long.
            UnreachableError: There is no connection, or it broke.
            ServiceError: The service answered that it will not.
        """
        content = None if body is None else _encoder.encode(body)
        for last in (False, True):
            headers = {**self._headers(content), "accept": EVENT_STREAM}
            if after:
                headers["last-event-id"] = str(after)
            try:
                async with client.stream(
                    "GET" if content is None else "POST",
                    self._base + path,
                    content=content,
                    headers=headers,
                    timeout=httpx2.Timeout(SILENT_FOR, connect=CONNECT_WITHIN),
                ) as response:
                    if response.is_success:
                        self._back()
                        if response.status_code == HTTPStatus.NO_CONTENT:
                            return
                        async for event in _events(response):
                            yield event
                        return
                    await response.aread()
            except httpx2.ReadTimeout as error:
                raise SilentStreamError(f"no event for {SILENT_FOR:g} s") from error
            except httpx2.HTTPError as error:
                raise self._unreached(error) from error
            if not self._stale(response, last=last):
                raise self._error(response)

    def connection(self) -> httpx2.AsyncClient:
        """Return connections for one event loop; the caller closes them."""
        return httpx2.AsyncClient(verify=self._verify, trust_env=False, timeout=self._timeout)

    def read(self, response: httpx2.Response, answer: type[T], *, whole: Collection[int] = ()) -> T:
        """Return the answer, or raise what it means.

        Raises:
            ServiceError: It is none.
        """
        if not response.is_success and (response.status_code not in whole or _is_problem(response)):
            raise self._error(response)
        return self.decoded(response.content, answer, status=response.status_code)

    def decoded(self, data: bytes | str, answer: type[T], *, status: int = 200) -> T:
        """Return what the service said as a value.

        Raises:
            RefusedError: It is none of this kind.
        """
        try:
            return msgspec.json.decode(data, type=answer)
        except msgspec.DecodeError as error:
            raise RefusedError(
                f"{self._base} answered with something that is no {answer.__name__} ({error}): is "
                f"this the URL of the guard, and of a version that fits?",
                status=status,
            ) from error

    def close(self) -> None:
        """Let go of the connections."""
        self._client.close()

    def _sent(
        self, method: str, path: str, content: bytes | None, within: float | None
    ) -> httpx2.Response:
        timeout = (
            self._timeout if within is None else httpx2.Timeout(within, connect=CONNECT_WITHIN)
        )
        for last in (False, True):
            try:
                response = self._client.request(
                    method,
                    self._base + path,
                    content=content,
                    headers=self._headers(content),
                    timeout=timeout,
                )
            except httpx2.HTTPError as error:
                raise self._unreached(error) from error
            if not self._stale(response, last=last):
                return response
        raise AssertionError("unreachable")

    def _headers(self, content: bytes | None) -> dict[str, str]:
        headers = {"accept": "application/json"}
        if content is not None:
            headers["content-type"] = "application/json"
        if token := self._token.current():
            headers["authorization"] = f"Bearer {token}"
        return headers

    def _stale(self, response: httpx2.Response, *, last: bool) -> bool:
        """Tell whether the token was replaced just when it was used."""
        denied = response.status_code == HTTPStatus.UNAUTHORIZED
        return denied and not last and self._token.again()

    def _unreached(self, error: Exception) -> UnreachableError:
        said = str(error) or type(error).__name__
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, ssl.SSLError):
            cause = cause.__cause__ or cause.__context__
        if isinstance(cause, ssl.SSLCertVerificationError):
            return UnreachableError(
                f"the guard at {self._base} is not trusted: {cause.verify_message}; use a URL with "
                f"a name of its certificate, and name the authority that signed it in "
                f"GUARDED_AGENT_CA_FILE"
            )
        if isinstance(cause, ssl.SSLError):
            return UnreachableError(
                f"the guard at {self._base} does not speak TLS as we do ({cause.reason}): is it "
                f"served by http://?"
            )
        return UnreachableError(f"the guard at {self._base} cannot be reached: {said}")

    def _error(self, response: httpx2.Response) -> ServiceError:
        return self.meant(_problem(response), after=_after(response))

    def meant(self, problem: Problem, *, after: float | None = None) -> ServiceError:
        """Return what a problem means for whoever asked."""
        status = problem.status
        said = problem.detail or problem.title or f"HTTP {status}"
        match status:
            case HTTPStatus.UNAUTHORIZED:
                return DeniedError(
                    f"the guard at {self._base} does not accept the token ({said}): check "
                    f"GUARDED_AGENT_TOKEN_FILE, or the token file of the service"
                )
            case HTTPStatus.FORBIDDEN:
                return DeniedError(f"the token's role may not do this at {self._base}: {said}")
            case HTTPStatus.NOT_FOUND:
                return LostRunError(f"the guard at {self._base} does not have it: {said}")
            case HTTPStatus.TOO_MANY_REQUESTS:
                return UnreachableError(f"the guard is asked too often: {said}", after=after)
            case _ if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                return UnreachableError(
                    f"the guard at {self._base} cannot answer now: {said}", after=after
                )
            case _:
                return RefusedError(
                    f"the guard at {self._base} refused: {said}",
                    status=status,
                    expected=problem.expected,
                )

    def _known_gone(self) -> bool:
        """Tell whether the service is gone and was tried just now; else it is this one's turn."""
        with self._lock:
            if self._probe_at is None:
                return False
            if self._now() < self._probe_at:
                return True
            self._probe_at = self._now() + PROBE_EVERY
            return False

    def _gone(self, error: UnreachableError) -> None:
        with self._lock:
            first, self._probe_at = self._probe_at is None, self._now() + PROBE_EVERY
        if first:
            _log.warning("%s: no end is accepted and no change is made until it is back", error)

    def _back(self) -> None:
        with self._lock:
            gone = self._probe_at is not None
            self._probe_at = None
        if gone:
            _log.info("the guard at %s is back", self._base)


def pauses() -> Iterator[float]:
    """Yield seconds to wait before each further attempt, spread so that callers do not meet."""
    pause = FIRST_PAUSE
    while True:
        yield pause * random.uniform(0.5, 1.0)  # noqa: S311  # no secret hangs on it
        pause = min(2 * pause, LONGEST_PAUSE)


def _problem(response: httpx2.Response) -> Problem:
    status = response.status_code
    try:
        said = msgspec.json.decode(response.content, type=Problem)
    except msgspec.DecodeError:
        return Problem(title=f"HTTP {status} without a reason", status=status)
    return msgspec.structs.replace(said, status=status)


async def _events(response: httpx2.Response) -> AsyncGenerator[tuple[str, str]]:
    """Read server-sent events. The service's have one line of data; comments are skipped."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip()
    if kind != EVENT_STREAM:
        raise SilentStreamError(f"{kind or 'nothing'} came back in place of events")
    name = ""
    async for line in response.aiter_lines():
        field, _, value = line.partition(":")
        match field:
            case "event":
                name = value.removeprefix(" ")
            case "data":
                yield name, value.removeprefix(" ")
            case _:  # a comment, an id, or the end of an event
                continue


def _is_problem(response: httpx2.Response) -> bool:
    return not response.headers.get("content-type", "").startswith("application/json")


def _after(response: httpx2.Response) -> float | None:
    """Return the seconds of `Retry-After`; a date is left to our own pauses."""
    said = response.headers.get("retry-after", "")
    return min(float(said), ANSWER_WITHIN) if said.isdecimal() else None


_encoder = msgspec.json.Encoder()
