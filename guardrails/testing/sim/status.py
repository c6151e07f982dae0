"""Errors of the simulated API server, worded as the real one words them.

Each constructor returns a `StatusError` whose body is a Kubernetes `Status` object with the real
reason, code, message and details, because clients and agents read all four.
"""

from http import HTTPStatus

from guardrails.testing.sim.kinds import Kind, Obj

TOO_OLD_CONTINUE = (
    "The provided continue parameter is too old to display a consistent list result. "
    "You can start a new list without the continue parameter."
)


class StatusError(Exception):
    """An answer that is an error: carries the `Status` object to send."""

    def __init__(
        self, code: HTTPStatus, *, reason: str, message: str, details: Obj | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.body: Obj = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": message,
            "reason": reason,
            "details": details or {},
            "code": int(code),
        }
        if details is None:
            del self.body["details"]


def _details(kind: Kind | None, name: str) -> Obj:
    details: Obj = {}
    if name:
        details["name"] = name
    if kind is not None:
        if kind.group:
            details["group"] = kind.group
        details["kind"] = kind.plural
    return details


def not_found(kind: Kind, name: str) -> StatusError:
    """404: no object of this name."""
    return StatusError(
        HTTPStatus.NOT_FOUND,
        reason="NotFound",
        message=f'{kind.group_resource} "{name}" not found',
        details=_details(kind, name),
    )


def no_resource() -> StatusError:
    """404: no such resource in this group and version."""
    return StatusError(
        HTTPStatus.NOT_FOUND,
        reason="NotFound",
        message="the server could not find the requested resource",
        details={},
    )


def already_exists(kind: Kind, name: str) -> StatusError:
    """409: the name is taken."""
    return StatusError(
        HTTPStatus.CONFLICT,
        reason="AlreadyExists",
        message=f'{kind.group_resource} "{name}" already exists',
        details=_details(kind, name),
    )


def conflict(kind: Kind, name: str, *, why: str | None = None) -> StatusError:
    """409: the object changed since the writer read it."""
    why = why or (
        "the object has been modified; please apply your changes to the latest version "
        "and try again"
    )
    return StatusError(
        HTTPStatus.CONFLICT,
        reason="Conflict",
        message=f'Operation cannot be fulfilled on {kind.group_resource} "{name}": {why}',
        details=_details(kind, name),
    )


def apply_conflict(manager: str, fields: list[str]) -> StatusError:
    """409: server-side apply would take fields that another manager owns."""
    count = len(fields)
    noun = "conflict" if count == 1 else "conflicts"
    message = f'Apply failed with {count} {noun}: {noun} with "{manager}": {", ".join(fields)}'
    causes = [
        {"reason": "FieldManagerConflict", "message": f'conflict with "{manager}"', "field": name}
        for name in fields
    ]
    return StatusError(
        HTTPStatus.CONFLICT, reason="Conflict", message=message, details={"causes": causes}
    )


def invalid(kind: Kind, name: str, causes: list[tuple[str, str, str]]) -> StatusError:
    """422: the object breaks the schema; causes are (reason, field, message)."""
    text = ", ".join(f"{field}: {message}" for _, field, message in causes)
    if len(causes) > 1:
        text = f"[{text}]"
    details: Obj = {"name": name, "kind": kind.kind}
    if kind.group:
        details["group"] = kind.group
    details["causes"] = [
        {"reason": reason, "message": message, "field": field} for reason, field, message in causes
    ]
    return StatusError(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        reason="Invalid",
        message=f'{kind.group_kind} "{name}" is invalid: {text}',
        details=details,
    )


def bad_request(message: str) -> StatusError:
    """400: the request makes no sense."""
    return StatusError(HTTPStatus.BAD_REQUEST, reason="BadRequest", message=message)


def unprocessable(message: str) -> StatusError:
    """422: a patch that cannot be applied to the object as it is."""
    return StatusError(HTTPStatus.UNPROCESSABLE_ENTITY, reason="Invalid", message=message)


def unsupported_media(content_type: str) -> StatusError:
    """415: a patch type that the server does not know."""
    return StatusError(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        reason="UnsupportedMediaType",
        message="the body of the request was in an unknown format - accepted media types "
        "include: application/json-patch+json, application/merge-patch+json, "
        f"application/strategic-merge-patch+json, application/apply-patch+yaml; got {content_type}",
    )


def unsupported_protobuf(kind: str) -> StatusError:
    """415: a protobuf body of a kind that the simulated server reads as JSON only."""
    return StatusError(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        reason="UnsupportedMediaType",
        message=f"the simulated server reads {kind or 'this kind'} as application/json, "
        "not as protobuf",
    )


def unauthorized() -> StatusError:
    """401: no token, or one that nobody issued."""
    return StatusError(HTTPStatus.UNAUTHORIZED, reason="Unauthorized", message="Unauthorized")


def forbidden(why: str, *, kind: Kind | None, name: str) -> StatusError:
    """403: authenticated, but a rule or admission refuses it."""
    subject = kind.group_resource if kind is not None else "unknown"
    quoted = f' "{name}"' if name else ""
    return StatusError(
        HTTPStatus.FORBIDDEN,
        reason="Forbidden",
        message=f"{subject}{quoted} is forbidden: {why}",
        details=_details(kind, name),
    )


def expired(message: str) -> StatusError:
    """410: the resourceVersion or continue token was compacted away."""
    return StatusError(HTTPStatus.GONE, reason="Expired", message=message)


def method_not_allowed() -> StatusError:
    """405: the resource does not have this verb."""
    return StatusError(
        HTTPStatus.METHOD_NOT_ALLOWED,
        reason="MethodNotAllowed",
        message="the server does not allow this method on the requested resource",
        details={},
    )
