"""What a request to the API server means: its kind, verb, namespace, name and subresource."""

from dataclasses import dataclass, replace

import msgspec
import yaml

from guardrails.testing.sim import protobuf
from guardrails.testing.sim.faults import Facts
from guardrails.testing.sim.http import Request
from guardrails.testing.sim.kinds import Kind, Kinds, Obj
from guardrails.testing.sim.patching import as_object
from guardrails.testing.sim.rbac import Ask
from guardrails.testing.sim.status import bad_request

TOKEN_PREFIX = "/token/"  # noqa: S105  # a URL prefix
"""kubectl sends no bearer token over plain HTTP, but it keeps a path in the server's URL: so a
kubeconfig of ours says `http://127.0.0.1:PORT/token/TOKEN`."""

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One request for a resource."""

    group: str
    version: str
    plural: str
    verb: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    kind: Kind | None = None
    """`None` if the cluster does not serve the resource: 403 comes before 404, as in reality."""

    @property
    def ask(self) -> Ask:
        """What the authorizer is asked."""
        resource = f"{self.plural}/{self.subresource}" if self.subresource else self.plural
        return Ask(
            verb=self.verb,
            group=self.group,
            resource=resource,
            namespace=self.namespace,
            name=self.name,
        )


def unwrap_token(request: Request) -> Request:
    """The request with a token in its path moved to where tokens belong."""
    if not request.path.startswith(TOKEN_PREFIX):
        return request
    token, _, path = request.path.removeprefix(TOKEN_PREFIX).partition("/")
    headers = {"authorization": f"Bearer {token}"} | request.headers
    return replace(request, path=f"/{path}", headers=headers)


def parse_target(request: Request, kinds: Kinds) -> Target | None:
    """The resource that a request names; `None` for discovery and other fixed paths."""
    parts = [part for part in request.path.split("/") if part]
    match parts:
        case ["api", "v1", *rest]:
            group, version = "", "v1"
        case ["apis", group, version, *rest]:
            pass
        case _:
            return None
    if not rest:
        return None
    namespace = ""
    if (
        rest[0] == "namespaces" and len(rest) > 2 and rest[2] not in ("status", "finalize")  # noqa: PLR2004  # namespaces/NAME/PLURAL
    ):  # namespaces/NAME/PLURAL
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource = [*rest, "", "", ""][:3]
    if plural == "namespaces":
        namespace = name
    return Target(
        group=group,
        version=version,
        plural=plural,
        namespace=namespace,
        name=name,
        subresource=subresource,
        kind=kinds.at(group, version, plural),
        verb=_verb(request, named=bool(name)),
    )


def _verb(request: Request, *, named: bool) -> str:
    match request.method:
        case "GET" | "HEAD":
            if request.flag("watch"):
                return "watch"
            return "get" if named else "list"
        case "DELETE":
            return "delete" if named else "deletecollection"
        case method:
            return _VERBS.get(method, method.lower())


def facts_of(request: Request, target: Target | None) -> Facts:
    """The request as fault matching sees it."""
    if target is None:
        return Facts(server="kubernetes", verb=request.method.lower(), path=request.path)
    return Facts(
        server="kubernetes",
        verb=target.verb,
        path=request.path,
        params=frozenset(request.query),
        resource=target.ask.resource,
        namespace=target.namespace,
    )


def media_type(request: Request) -> str:
    """The Content-Type without its parameters."""
    return request.headers.get("content-type", "application/json").partition(";")[0].strip()


def decode_body(request: Request) -> object:
    """The request's body as JSON or YAML.

    Raises:
        StatusError: 400 if it is neither.
    """
    try:
        if media_type(request).endswith("yaml"):
            loaded: object = yaml.safe_load(request.body)
            return loaded
        return msgspec.json.decode(request.body)
    except (msgspec.DecodeError, yaml.YAMLError) as error:
        raise bad_request(f"couldn't read the request body: {error}") from None


def decode_object(request: Request) -> Obj:
    """The request's body as one object.

    Raises:
        StatusError: 400 or 415.
    """
    if "protobuf" in media_type(request):
        return protobuf.decode(request.body)
    return as_object(decode_body(request))


def number(request: Request, name: str) -> int:
    """A whole number among the query parameters; 0 if it is absent.

    Raises:
        StatusError: 400 if it is none.
    """
    text = request.param(name) or "0"
    try:
        return int(text)
    except ValueError:
        raise bad_request(f"{name}: strconv.ParseInt: parsing {text!r}: invalid syntax") from None
