"""Errors as answers: problem details (RFC 9457), one line each, that say what to do.

What a caller can mend is told as it is. What they cannot is told by an id, which is in the log
beside the whole of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

import msgspec

from guardrails.errors import (
    PolicyError,
    RunEndedError,
    SourceError,
    TraceError,
    UsageError,
)
from guardrails.sidecar.facts import GapError
from guardrails.sidecar.limits.sessions import TooManySessionsError
from guardrails.sidecar.service import UnknownRunError
from guardrails.sidecar.stores.base import ConflictError, StoreError

PROBLEM_TYPE: Final = "application/problem+json"
RETRY_SECONDS: Final = 1
"""When to ask again after the store did not answer: it takes that long to fail over, or longer."""
_DETAIL_LIMIT: Final = 2_000
"""Characters of a detail; it may quote what a caller sent."""


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a request was not done."""

    type: str
    """`urn:guarded-agent:problem:` and one word."""
    title: str
    status: int
    detail: str
    """One line."""
    expected: int | None = None
    """With `gap`: the number that is next."""
    id: str | None = None
    """With `internal`: what finds it in the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of problem."""

    word: str
    status: int
    title: str


MALFORMED: Final = Kind(word="malformed", status=400, title="The body cannot be read")
UNAUTHENTICATED: Final = Kind(word="unauthenticated", status=401, title="Who are you?")
FORBIDDEN: Final = Kind(word="forbidden", status=403, title="This is not yours to do")
NOT_FOUND: Final = Kind(word="not-found", status=404, title="There is nothing here")
UNKNOWN_RUN: Final = Kind(word="unknown-run", status=404, title="There is no such run")
WRONG_METHOD: Final = Kind(word="wrong-method", status=405, title="The method is another")
NO_QUESTION: Final = Kind(word="no-question", status=409, title="No such question is open")
GAP: Final = Kind(word="gap", status=409, title="A fact is missing before this one")
CONFLICT: Final = Kind(word="conflict", status=409, title="The run is not where you think it is")
ENDED: Final = Kind(word="ended", status=409, title="The run has ended")
TOO_LARGE: Final = Kind(word="too-large", status=413, title="The body is too large")
WRONG_TYPE: Final = Kind(word="wrong-content-type", status=415, title="The body is not JSON")
INVALID: Final = Kind(word="invalid", status=422, title="The request says what cannot be done")
POLICY: Final = Kind(word="policy", status=409, title="The service has no such policy")
TOO_MANY: Final = Kind(word="too-many-requests", status=429, title="That is more than may be")
INTERNAL: Final = Kind(word="internal", status=500, title="This is a bug of the service")
STORE: Final = Kind(word="store", status=503, title="The store of runs does not answer")
SOURCE: Final = Kind(word="source", status=503, title="A source of evidence does not answer")


@dataclass(slots=True, kw_only=True)
class ProblemError(Exception):
    """Ends a request with a problem.

    Args:
        kind: Which one.
        detail: One line; it names what to do.
    """

    kind: Kind
    detail: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    expected: int | None = None

    def __post_init__(self) -> None:
        """Let it print as what it says."""
        super(Exception, self).__init__(self.detail)

    def problem(self) -> Problem:
        """Return the body of the answer."""
        return problem(self.kind, self.detail, expected=self.expected)


def problem(
    kind: Kind, detail: str, *, expected: int | None = None, found_by: str | None = None
) -> Problem:
    """Make the body of an answer."""
    return Problem(
        type=f"urn:guarded-agent:problem:{kind.word}",
        title=kind.title,
        status=kind.status,
        detail=" ".join(detail.split())[:_DETAIL_LIMIT],
        expected=expected,
        id=found_by,
    )


def told(error: Exception) -> ProblemError | None:
    """Return an error as a problem for its caller; None for one that they cannot mend."""
    match error:
        case ProblemError():
            return error
        case UnknownRunError():
            return ProblemError(kind=UNKNOWN_RUN, detail=str(error))
        case GapError():
            return ProblemError(kind=GAP, detail=str(error), expected=error.expected)
        case ConflictError():
            return ProblemError(kind=CONFLICT, detail=str(error))
        case RunEndedError():
            return ProblemError(kind=ENDED, detail=str(error))
        case StoreError():
            return ProblemError(
                kind=STORE,
                detail=f"{error}; nothing was decided: ask again",
                headers={"retry-after": str(RETRY_SECONDS)},
            )
        case TooManySessionsError():
            return ProblemError(
                kind=TOO_MANY, detail=str(error), headers={"retry-after": str(error.retry_after)}
            )
        case SourceError():
            return ProblemError(
                kind=SOURCE,
                detail=f"{error}; ask again",
                headers={"retry-after": str(RETRY_SECONDS)},
            )
        case TraceError():
            return None  # a run in the store that cannot be read is nothing that the caller wrote
        case PolicyError():
            return ProblemError(kind=POLICY, detail=str(error))
        case UsageError():
            return ProblemError(kind=INVALID, detail=str(error))
        case _:
            return None


def of_status(status: int, detail: str) -> Problem:
    """Return a problem for a bare status, such as the router's 404."""
    known = {one.status: one for one in (MALFORMED, NOT_FOUND, WRONG_METHOD, TOO_LARGE)}
    phrase = HTTPStatus(status).phrase
    kind = known.get(status) or Kind(word="http", status=status, title=phrase)
    return problem(kind, detail if detail != phrase else kind.title)
