"""Reads what a request says: its body, its query, what it would have for an answer.

Everything that is wrong with it is told with the place: `$.events[0].fact.tool`.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Generic, TypeVar, cast
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope

from guardrails.sidecar.api.problems import INVALID, MALFORMED, TOO_LARGE, WRONG_TYPE, ProblemError
from guardrails.sidecar.api.strict import unknown_fields
from guardrails.sidecar.facts import STATED, tag_of

T = TypeVar("T")

BODY_LIMIT: Final = 8 * 1024 * 1024
"""Bytes of a body. A thousand facts of 8 kB, the larger ones of public agents, fill it."""


class BodyReader(Generic[T]):
    """Decodes bodies of one type.

    Args:
        kind: A struct.
    """

    def __init__(self, kind: type[T]) -> None:
        self._kind = kind
        self._decoder: msgspec.json.Decoder[T] = msgspec.json.Decoder(kind)
        self._unknown = unknown_fields(kind)

    def __call__(self, data: bytes) -> T:
        """Decode one.

        Raises:
            ProblemError: It is no JSON, or JSON of another form.
        """
        try:
            plain = _plain.decode(data)
            where = self._unknown(plain, "$")
            if where:
                raise ProblemError(kind=INVALID, detail=f"there is no field {where}")
            return self._decoded(data, plain)
        except msgspec.ValidationError as error:
            raise ProblemError(kind=INVALID, detail=_explained(str(error))) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise ProblemError(kind=MALFORMED, detail=f"the body is no JSON: {error}") from error

    def _decoded(self, data: bytes, plain: object) -> T:
        """Decode; JSON has one kind of number, so `2.0` stands for 2 too."""
        try:
            return self._decoder.decode(data)
        except msgspec.ValidationError:
            return msgspec.convert(_with_whole_numbers(plain), type=self._kind)


_plain = msgspec.json.Decoder()


def _with_whole_numbers(value: object) -> object:
    """Return a JSON value with integers where floats have no fraction."""
    match value:
        case float() if value.is_integer():
            return int(value)
        case dict():
            fields = cast("Mapping[str, object]", value)
            return {name: _with_whole_numbers(one) for name, one in fields.items()}
        case list():
            return [_with_whole_numbers(one) for one in cast("Sequence[object]", value)]
        case _:
            return value


def _explained(said: str) -> str:
    """Say which facts there are to state, where one is another."""
    if ".fact.type" not in said:
        return said
    known = ", ".join(sorted(tag_of(one) for one in STATED))
    return f"{said}: not for callers to state; they state {known}"


def query_of(scope: Scope, kind: type[T]) -> T:
    """Decode the query of a request.

    Raises:
        ProblemError: A parameter is unknown, given twice, or of another form.
    """
    raw: bytes = scope["query_string"]
    if not raw:
        return msgspec.convert({}, type=kind)
    try:
        pairs = parse_qsl(raw.decode("ascii"), keep_blank_values=True, errors="strict")
    except ValueError as error:
        raise ProblemError(kind=INVALID, detail=f"the query cannot be read: {error}") from error
    given = dict(pairs)
    if len(given) < len(pairs):
        raise ProblemError(kind=INVALID, detail="a query parameter is given twice")
    try:
        return msgspec.convert(given, type=kind, strict=False)
    except msgspec.ValidationError as error:
        raise ProblemError(kind=INVALID, detail=f"the query is wrong: {error}") from error


async def body_of(scope: Scope, receive: Receive, *, limit: int = BODY_LIMIT) -> bytes:
    """Read a whole JSON body.

    Raises:
        ProblemError: It is of another type, or too large.
        ClientDisconnect: The caller left.
    """
    said = header(scope, b"content-type").partition(";")[0].strip().lower()
    if said != "application/json":
        raise ProblemError(
            kind=WRONG_TYPE, detail=f"send content-type: application/json, not {said or 'nothing'}"
        )
    length = header(scope, b"content-length")
    if length.isdecimal() and int(length) > limit:
        raise _too_large(limit)
    message = await receive()
    if message["type"] == "http.request" and not message.get("more_body", False):
        return _within(message.get("body", b""), limit)
    parts: list[bytes] = []
    size = 0
    while message["type"] == "http.request":
        part: bytes = message.get("body", b"")
        size += len(part)
        if size > limit:
            raise _too_large(limit)
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await receive()
    raise ClientDisconnect


def _within(data: bytes, limit: int) -> bytes:
    if len(data) > limit:
        raise _too_large(limit)
    return data


def _too_large(limit: int) -> ProblemError:
    return ProblemError(
        kind=TOO_LARGE, detail=f"a body has at most {limit} bytes: send fewer facts at a time"
    )


def header(scope: Scope, name: bytes, *, absent: str = "") -> str:
    """Return a header of a request; `absent` if it is not there."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    for key, value in headers:
        if key == name:
            return value.decode("latin-1")
    return absent


def wants_stream(scope: Scope) -> bool:
    """Tell whether the caller would have server-sent events."""
    return "text/event-stream" in header(scope, b"accept").lower()
