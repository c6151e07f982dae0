"""Questions about rights and tokens: the only things that we ever POST to an API server.

None of them changes anything. Every authenticated user may ask about itself; asking whose token
somebody else's is needs the right to create `tokenreviews`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from guardrails.gates.kubernetes.transport import Failed, Request, Transport
from guardrails.gates.snapshot import Read, ReadStatus

_AUTHORIZATION = "authorization.k8s.io/v1"
_AUTHENTICATION = "authentication.k8s.io/v1"


class ResourceRule(msgspec.Struct, frozen=True, rename="camel"):
    """Verbs that are granted on resources, as the API server lists them."""

    verbs: tuple[str, ...] = ()
    api_groups: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    """Plurals, some with a subresource (`pods/exec`); `*` is every one."""
    resource_names: tuple[str, ...] = ()
    """Empty: objects of any name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What an identity may do in a namespace."""

    read: Read
    rules: tuple[ResourceRule, ...] = ()
    incomplete: str = ""
    """Why the list may lack rules: an authorizer that cannot enumerate. Empty where it is whole."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenOwner:
    """Whose a token is."""

    read: Read
    """How asking went."""
    known: bool = False
    """Whether the cluster knows the token, for one of the audiences that were asked for."""
    user: str = ""
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One verb on one resource."""

    verb: str
    group: str
    resource: str
    """The plural."""
    namespace: str = ""
    """Empty: in the whole cluster."""
    subresource: str = ""


class _Access(msgspec.Struct, frozen=True):
    allowed: bool = False


class _AccessReview(msgspec.Struct, frozen=True):
    status: _Access


class _RulesStatus(msgspec.Struct, frozen=True, rename="camel"):
    resource_rules: tuple[ResourceRule, ...] | None = ()
    incomplete: bool = False
    evaluation_error: str = ""


class _RulesReview(msgspec.Struct, frozen=True):
    status: _RulesStatus


class _User(msgspec.Struct, frozen=True):
    username: str = ""
    groups: tuple[str, ...] | None = ()


class _TokenStatus(msgspec.Struct, frozen=True):
    authenticated: bool = False
    user: _User = _User()
    audiences: tuple[str, ...] | None = ()


class _TokenReview(msgspec.Struct, frozen=True):
    status: _TokenStatus


async def may_do(transport: Transport, question: Question) -> tuple[Read, bool]:
    """Ask whether we may do something.

    Returns:
        How asking went, and the answer.
    """
    attributes = {
        "verb": question.verb,
        "group": question.group,
        "resource": question.resource,
        "namespace": question.namespace,
        **({"subresource": question.subresource} if question.subresource else {}),
    }
    request = _request(
        _AUTHORIZATION, "SelfSubjectAccessReview", {"resourceAttributes": attributes}
    )
    try:
        body = await transport.send(request)
        return Read(), msgspec.json.decode(body, type=_AccessReview).status.allowed
    except Failed as failed:
        return failed.read, False
    except msgspec.DecodeError as error:
        return _garbled(request, error), False


async def own_rules(transport: Transport, namespace: str) -> Rules:
    """Ask what we may do in a namespace, cluster-wide grants included."""
    request = _request(_AUTHORIZATION, "SelfSubjectRulesReview", {"namespace": namespace})
    try:
        status = msgspec.json.decode(await transport.send(request), type=_RulesReview).status
    except Failed as failed:
        return Rules(read=failed.read)
    except msgspec.DecodeError as error:
        return Rules(read=_garbled(request, error))
    why = status.evaluation_error or "the server does not say why"
    return Rules(
        read=Read(),
        rules=status.resource_rules or (),
        incomplete=why if status.incomplete else "",
    )


async def owner_of_token(
    transport: Transport, token: str, *, audiences: Sequence[str]
) -> TokenOwner:
    """Ask whose a token is.

    Args:
        transport: Its identity needs the right to create `tokenreviews`.
        token: The token; it is sent to the API server and kept nowhere.
        audiences: Good for any of them is good enough; empty takes the API server's own.
    """
    spec: dict[str, object] = {"token": token}
    if audiences:
        spec["audiences"] = list(audiences)
    request = _request(_AUTHENTICATION, "TokenReview", spec)
    try:
        status = msgspec.json.decode(await transport.send(request), type=_TokenReview).status
    except Failed as failed:
        return TokenOwner(read=failed.read)
    except msgspec.DecodeError as error:
        return TokenOwner(read=_garbled(request, error))
    # An authenticator that knows no audiences answers without them: its yes is for its own only.
    meant = not audiences or bool(set(audiences) & set(status.audiences or ()))
    return TokenOwner(
        read=Read(),
        known=status.authenticated and meant,
        user=status.user.username,
        groups=status.user.groups or (),
    )


def _request(version: str, kind: str, spec: dict[str, object]) -> Request:
    return Request(
        method="POST",
        path=f"/apis/{version}/{kind.lower()}s",
        what=f"create {kind}",
        body={"apiVersion": version, "kind": kind, "spec": spec},
    )


def _garbled(request: Request, error: Exception) -> Read:
    return Read(status=ReadStatus.GARBLED, message=f"{request.path}: {error}", temporary=True)
