"""The OpenAPI 3.1 document, made from the table of operations and the types of their bodies.

Nothing in it is written by hand twice: what a route takes, who may ask and what it answers is what
the route itself goes by.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, cast

import msgspec

from guardrails.sidecar.api.bodies import RUN_NAME
from guardrails.sidecar.api.operations import AnyOperation, Returns
from guardrails.sidecar.api.problems import PROBLEM_TYPE, Problem
from guardrails.sidecar.api.streams import EVENT_STREAM
from guardrails.sidecar.api.strict import times_in
from guardrails.version import VERSION

Json = dict[str, object]

_REF: Final = "#/components/schemas/{name}"
_PROBLEMS: Final[Mapping[int, str]] = {
    400: "The body is no JSON.",
    401: "No token, or none that is known.",
    403: "The role does not allow it, or the run is another agent's.",
    404: "There is no such run, or nothing of the kind in it.",
    409: "The run stands elsewhere; the problem says where.",
    408: "The body did not come in time.",
    413: "The body is too large.",
    415: "The body is not `application/json`.",
    422: "It cannot be done as asked; the problem names the place.",
    429: "Too many requests, or too many open runs.",
    500: "A bug of the service; the id finds it in the log.",
    503: "The store or a source of evidence does not answer. Ask again.",
}
_RETRY: Final[Json] = {
    "Retry-After": {
        "description": "Seconds until it makes sense to ask again.",
        "schema": {"type": "integer", "minimum": 0},
    }
}
_TIME: Final = (
    r"^([12][0-9]{3}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
    r"|02-(0[1-9]|1[0-9]|2[0-8]))|([12][0-9](0[48]|[2468][048]|[13579][26])|(1[26]|2[048])00)"
    r"-02-29)T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?"
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$"
)
"""RFC 3339, from the year 1000 to 2999."""
_SENT_LATER: Final = frozenset({429, 503})


def document(operations: Sequence[AnyOperation], *, title: str = "guarded-agent") -> Json:
    """Return the document of some operations.

    Args:
        operations: All of them.
        title: Of the document.
    """
    kinds = _kinds(operations)
    refs, components = msgspec.json.schema_components(kinds, ref_template=_REF)
    by_kind = dict(zip(kinds, refs, strict=True))
    schemas = cast("dict[str, Json]", components)
    bodies = [one.body for one in operations if one.takes_body]
    _close(schemas, _reached(schemas, [by_kind[body] for body in bodies]))
    _say_what_times_are(schemas, bodies)
    paths: dict[str, Json] = {}
    for one in operations:
        paths.setdefault(one.path, _shared(one.path))[one.method.value.lower()] = _described(
            one, by_kind
        )
    return {
        "openapi": "3.1.0",
        "info": {
            "title": title,
            "version": VERSION,
            "summary": "Decisions of the guard over HTTP.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
        "security": [{"bearer": []}],
    }


def _kinds(operations: Iterable[AnyOperation]) -> list[type[msgspec.Struct]]:
    kinds: dict[type[msgspec.Struct], None] = {Problem: None}
    for one in operations:
        if one.takes_body:
            kinds[one.body] = None
        for returns in one.returns.values():
            if returns.kind is not None:
                kinds[returns.kind] = None
    return list(kinds)


def _shared(path: str) -> Json:
    """Return what all operations on a path have."""
    if "{run}" not in path:
        return {}
    schema = {"type": "string", "pattern": f"^{RUN_NAME}$"}
    run = {
        "name": "run",
        "in": "path",
        "required": True,
        "description": "The run's id.",
        "schema": schema,
        "example": "4d1f0c1e8b6a4a0c9a3f5f6f2f0e1d2c",
    }
    return {"parameters": [run]}


def _described(one: AnyOperation, by_kind: Mapping[type, Json]) -> Json:
    described: Json = {
        "operationId": one.name,
        "summary": one.summary,
        "tags": [_tag(one)],
        "responses": _responses(one, by_kind),
    }
    if one.about:
        described["description"] = one.about
    if parameters := [*_query(one), *_headers(one)]:
        described["parameters"] = parameters
    if one.takes_body:
        media: Json = {"schema": by_kind[one.body]}
        if one.example:
            media["example"] = dict(one.example)
        described["requestBody"] = {"required": True, "content": {"application/json": media}}
    if one.roles is None:
        described["security"] = []
    else:
        described["x-roles"] = sorted(one.roles)
    return described


def _tag(one: AnyOperation) -> str:
    return "sessions" if one.path.startswith("/v1/") else "service"


def _query(one: AnyOperation) -> list[Json]:
    if not one.query.__struct_fields__:
        return []
    _, components = msgspec.json.schema_components([one.query], ref_template=_REF)
    schema = cast("Json", components[one.query.__name__])
    properties = cast("dict[str, Json]", schema["properties"])
    return [
        {"name": name, "in": "query", "required": False, "schema": of}
        for name, of in properties.items()
    ]


def _headers(one: AnyOperation) -> list[Json]:
    return [
        {"name": name, "in": "header", "required": False, **said}
        for name, said in one.headers.items()
    ]


def _responses(one: AnyOperation, by_kind: Mapping[type, Json]) -> Json:
    responses: Json = {
        str(status): _answer(status, returns, by_kind) for status, returns in one.returns.items()
    }
    for status in _problems_of(one):
        if str(status) in responses:
            continue
        told: Json = {
            "description": _PROBLEMS[status],
            "content": {PROBLEM_TYPE: {"schema": by_kind[Problem]}},
        }
        if status in _SENT_LATER:
            told["headers"] = _RETRY
        responses[str(status)] = told
    if one.name == "openSession":
        for status in one.returns:
            cast("Json", responses[str(status)])["links"] = _links()
    return responses


def _problems_of(one: AnyOperation) -> list[int]:
    statuses = set(one.problems) | {500}
    if one.roles is not None:
        statuses |= {401, 403, 429, 503}
    if one.takes_body:
        statuses |= {400, 408, 413, 415, 422}
    return sorted(statuses | {422})


def _answer(status: int, returns: Returns, by_kind: Mapping[type, Json]) -> Json:
    answer: Json = {"description": returns.said}
    content: Json = {}
    if returns.kind is not None:
        content[returns.media] = {"schema": by_kind[returns.kind]}
    elif returns.media:
        content[returns.media] = _text(returns.media)
    if returns.also:
        content[returns.also] = _text(returns.also)
    if content:
        answer["content"] = content
    if status in {202, *_SENT_LATER}:
        answer["headers"] = _RETRY
    if returns.location:
        answer["headers"] = {
            "Location": {"description": "The run.", "schema": {"type": "string"}},
        }
    return answer


def _text(media: str) -> Json:
    """Describe what is no JSON; for a stream of events a schema would be that of each event."""
    return {} if media == EVENT_STREAM else {"schema": {"type": "string"}}


_LINKED: Final = ("getSession", "stateFacts", "askCall", "askEnd", "getTrace", "getFindings")


def _links() -> Json:
    """Say where the id of a run that was opened goes."""
    return {
        name: {"operationId": name, "parameters": {"run": "$response.body#/run"}}
        for name in _LINKED
    }


def _reached(schemas: Mapping[str, Json], roots: Iterable[object]) -> set[str]:
    """Return the names of all schemas that bodies of requests are made of."""
    seen: set[str] = set()
    todo = list(roots)
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            inner = cast("Json", one)
            name = str(inner.get("$ref", "")).rpartition("/")[2]
            if name and name not in seen:
                seen.add(name)
                todo.append(schemas[name])
            todo += [value for key, value in inner.items() if key != "discriminator"]
        elif isinstance(one, list):
            todo += cast("list[object]", one)
    return seen


def _close(schemas: Mapping[str, Json], names: Iterable[str]) -> None:
    """Say of the values that a caller sends that they have no other fields: none are taken."""
    for name in names:
        if schemas[name].get("type") == "object" and "properties" in schemas[name]:
            schemas[name]["additionalProperties"] = False


def _say_what_times_are(schemas: Mapping[str, Json], kinds: Iterable[type]) -> None:
    """Write the pattern of times: a bare string would promise that any is taken."""
    for name, field in {time for kind in kinds for time in times_in(kind)}:
        properties = cast("dict[str, Json]", schemas[name]["properties"])
        forms = cast("list[Json]", properties[field].get("anyOf", [properties[field]]))
        for form in forms:
            if form.get("type") == "string":
                form.update({"format": "date-time", "pattern": _TIME})
