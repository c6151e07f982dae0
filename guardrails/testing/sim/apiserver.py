"""The Kubernetes REST API over a registry: authentication, authorization and the verbs.

The order is the real server's: faults stand in front, then 401, discovery, 403, 404, the verb.
"""

import base64
from collections import OrderedDict
from collections.abc import Callable
from http import HTTPStatus

import msgspec

from guardrails.testing.sim import discovery, logs, scale
from guardrails.testing.sim.faults import Faults
from guardrails.testing.sim.http import Request, Response, json_response, text_response
from guardrails.testing.sim.kinds import Kind, Obj, part
from guardrails.testing.sim.rbac import User, Users, refuse, review
from guardrails.testing.sim.registry import DeleteOptions, Registry
from guardrails.testing.sim.requests import (
    Target,
    decode_body,
    decode_object,
    facts_of,
    media_type,
    number,
    parse_target,
    unwrap_token,
)
from guardrails.testing.sim.selectors import labels_of, parse_fields, parse_labels
from guardrails.testing.sim.status import (
    StatusError,
    bad_request,
    expired,
    method_not_allowed,
    no_resource,
)
from guardrails.testing.sim.tables import metadata_only, table
from guardrails.testing.sim.watching import WatchQuery, watch

ENCODED = 20_000
"""Encoded objects kept, so that a list of thousands is a join of bytes."""
_HEALTH = frozenset({"/healthz", "/livez", "/readyz"})


class ApiServer:
    """Answers requests of the Kubernetes API."""

    def __init__(self, registry: Registry, *, users: Users, faults: Faults) -> None:
        self._registry = registry
        self._store = registry.store
        self._users = users
        self._faults = faults
        self._encoded: OrderedDict[str, bytes] = OrderedDict()

    async def __call__(self, request: Request) -> Response:
        """Answer one request."""
        request = unwrap_token(request)
        target = parse_target(request, self._registry.kinds)
        facts = facts_of(request, target)

        async def answer() -> Response:
            try:
                return self._answer(request, target)
            except StatusError as error:
                return json_response(error.body, status=error.code)

        return await self._faults.serve(facts, answer)

    def _answer(self, request: Request, target: Target | None) -> Response:
        if request.path in _HEALTH:
            return text_response("ok")
        user = self._users.authenticate(request.headers)
        if target is None:
            return self._discover(request)
        if target.group in discovery.REVIEW_GROUPS:
            if target.verb != "create":
                raise method_not_allowed()
            body = review(user, target.plural, decode_object(request), users=self._users)
            return json_response(body, status=HTTPStatus.CREATED)
        kind = self._authorize(user, target)
        if target.subresource and target.subresource not in kind.subresources:
            raise no_resource()
        match target.subresource:
            case "log":
                return text_response(logs.read(self._registry, target, request))
            case "scale":
                return json_response(scale.serve(self._registry, kind, target, request))
            case _:
                return self._verbs(target.verb)(kind, target, request)

    @staticmethod
    def _authorize(user: User, target: Target) -> Kind:
        if not user.may(target.ask):
            raise refuse(user, target.ask, kind=target.kind)
        if target.kind is None:
            raise no_resource()
        return target.kind

    def _verbs(self, verb: str) -> Callable[[Kind, Target, Request], Response]:
        known = {
            "get": self._get,
            "list": self._list,
            "watch": self._watch,
            "create": self._create,
            "update": self._update,
            "patch": self._patch,
            "delete": self._delete,
            "deletecollection": self._delete_all,
        }
        if verb not in known:
            raise method_not_allowed()
        return known[verb]

    def _discover(self, request: Request) -> Response:
        kinds = self._registry.kinds
        match [part for part in request.path.split("/") if part]:
            case ["version"]:
                body = discovery.VERSION
            case ["api"]:
                body = discovery.api_versions()
            case ["apis"]:
                body = discovery.api_groups(kinds)
            case ["apis", group]:
                body = discovery.api_group(kinds, group)
            case ["api", version]:
                body = discovery.resources(kinds, group="", version=version)
            case ["apis", group, version]:
                body = discovery.resources(kinds, group=group, version=version)
            case ["openapi", "v3"]:
                body = discovery.openapi_index(kinds)
            case ["openapi", "v3", "api", version]:
                body = discovery.openapi_document(kinds, group="", version=version)
            case ["openapi", "v3", "apis", group, version]:
                body = discovery.openapi_document(kinds, group=group, version=version)
            case _:
                return text_response("404 page not found\n", status=HTTPStatus.NOT_FOUND)
        return json_response(body)

    # Reading

    def _scope(self, kind: Kind, target: Target) -> str:
        return target.namespace if kind.namespaced else ""

    def _get(self, kind: Kind, target: Target, request: Request) -> Response:
        found = self._registry.get(kind, target.name, namespace=self._scope(kind, target))
        return json_response(self._render(kind, request)(found))

    def _render(self, kind: Kind, request: Request) -> Callable[[Obj], Obj]:
        accept = request.headers.get("accept", "")
        if "as=Table" in accept:
            include = request.param("includeObject", "Metadata")
            now = self._store.clock.now()
            return lambda obj: table(
                kind,
                [obj],
                now=now,
                include=include,
                metadata={"resourceVersion": obj["metadata"].get("resourceVersion", "")},
            )
        if "as=PartialObjectMetadata" in accept:
            return metadata_only
        return lambda obj: obj

    def _selects(self, kind: Kind, request: Request) -> Callable[[Obj], bool]:
        by_labels = parse_labels(request.param("labelSelector"))
        by_fields = parse_fields(request.param("fieldSelector"), kind=kind)
        return lambda obj: by_labels(labels_of(obj)) and by_fields(obj)

    def _list(self, kind: Kind, target: Target, request: Request) -> Response:
        with self._store.lock:
            objects, meta = self._page(kind, target, request)
        accept = request.headers.get("accept", "")
        if "as=Table" in accept:
            include = request.param("includeObject", "Metadata")
            now = self._store.clock.now()
            return json_response(table(kind, objects, metadata=meta, now=now, include=include))
        if "as=PartialObjectMetadata" in accept:
            items = [metadata_only(obj) for obj in objects]
            return json_response(
                {
                    "kind": "PartialObjectMetadataList",
                    "apiVersion": "meta.k8s.io/v1",
                    "metadata": meta,
                    "items": items,
                }
            )
        head = msgspec.json.encode(
            {"kind": f"{kind.kind}List", "apiVersion": kind.api_version, "metadata": meta}
        )
        body = b",".join(self._encode(obj) for obj in objects)
        return Response(body=b'%s,"items":[%s]}' % (head[:-1], body))

    def _encode(self, obj: Obj) -> bytes:
        # Items of a typed list carry neither kind nor apiVersion. A resourceVersion names one
        # state of one object, so it is the whole cache key.
        version: str = obj["metadata"]["resourceVersion"]
        found = self._encoded.get(version)
        if found is None:
            bare = {key: value for key, value in obj.items() if key not in ("kind", "apiVersion")}
            found = self._encoded[version] = msgspec.json.encode(bare)
            if len(self._encoded) > ENCODED:
                self._encoded.popitem(last=False)
        return found

    def _page(self, kind: Kind, target: Target, request: Request) -> tuple[list[Obj], Obj]:
        token = request.param("continue")
        limit = number(request, "limit")
        if token:
            version = _version_of(token)
            objects = self._store.page(token)
        else:
            self._check_version(request)
            selects = self._selects(kind, request)
            namespace = self._scope(kind, target) or None
            objects = [
                obj for obj in self._store.objects(kind.kind, namespace=namespace) if selects(obj)
            ]
            version = str(self._store.version)
        meta: Obj = {"resourceVersion": version}
        if 0 < limit < len(objects):
            rest = objects[limit:]
            text = f"{version}:{self._store.new_uid()}"
            meta["continue"] = base64.b64encode(text.encode()).decode()
            if not (request.param("labelSelector") or request.param("fieldSelector")):
                meta["remainingItemCount"] = len(rest)
            self._store.keep_page(meta["continue"], rest)
            objects = objects[:limit]
        return objects, meta

    def _check_version(self, request: Request) -> None:
        asked = request.param("resourceVersion")
        if not asked or asked == "0":
            return
        if not asked.isdigit():
            raise bad_request(f"invalid resource version {asked!r}: it must be a number")
        if int(asked) > self._store.version:
            raise StatusError(
                HTTPStatus.GATEWAY_TIMEOUT,
                reason="Timeout",
                message=f"Too large resource version: {asked}, current: {self._store.version}",
            )
        exact = request.param("resourceVersionMatch") == "Exact"
        if exact and int(asked) != self._store.version:
            raise expired(f"The resourceVersion for the provided list is too old: {asked}")

    def _watch(self, kind: Kind, target: Target, request: Request) -> Response:
        selects = self._selects(kind, request)
        if target.name:
            selects = _only(target.name, selects)
        timeout = number(request, "timeoutSeconds")
        since = request.param("resourceVersion")
        if since and not since.isdigit():
            raise bad_request(f"invalid resource version {since!r}: it must be a number")
        query = WatchQuery(
            kind=kind,
            namespace=self._scope(kind, target) or None,
            selects=selects,
            since=since,
            bookmarks=request.flag("allowWatchBookmarks"),
            initial_events=request.flag("sendInitialEvents"),
            timeout=float(timeout) or None,
            render=self._render(kind, request),
        )
        return Response(stream=watch(self._store, query))

    # Writing

    def _create(self, kind: Kind, target: Target, request: Request) -> Response:
        if target.name:
            raise method_not_allowed()
        done = self._registry.create(
            kind,
            decode_object(request),
            namespace=self._scope(kind, target),
            dry=bool(request.param("dryRun")),
        )
        return json_response(self._render(kind, request)(done), status=HTTPStatus.CREATED)

    def _update(self, kind: Kind, target: Target, request: Request) -> Response:
        done = self._registry.update(
            kind,
            decode_object(request),
            name=target.name,
            namespace=self._scope(kind, target),
            subresource=target.subresource,
            dry=bool(request.param("dryRun")),
        )
        return json_response(self._render(kind, request)(done))

    def _patch(self, kind: Kind, target: Target, request: Request) -> Response:
        done, created = self._registry.patch(
            kind,
            decode_body(request),
            name=target.name,
            content_type=media_type(request),
            namespace=self._scope(kind, target),
            subresource=target.subresource,
            manager=request.param("fieldManager"),
            force=request.flag("force"),
            dry=bool(request.param("dryRun")),
        )
        status = HTTPStatus.CREATED if created else HTTPStatus.OK
        return json_response(self._render(kind, request)(done), status=status)

    def _options(self, request: Request) -> DeleteOptions:
        body = decode_object(request) if request.body else {}
        grace = body.get("gracePeriodSeconds")
        if grace is None and request.param("gracePeriodSeconds"):
            grace = number(request, "gracePeriodSeconds")
        wanted: Obj = part(body, "preconditions")
        policy = body.get("propagationPolicy") or request.param("propagationPolicy")
        if body.get("orphanDependents"):
            policy = "Orphan"
        return DeleteOptions(
            propagation=policy or "Background",
            grace_seconds=grace,
            uid=wanted.get("uid"),
            resource_version=wanted.get("resourceVersion"),
        )

    def _delete(self, kind: Kind, target: Target, request: Request) -> Response:
        if request.param("dryRun"):
            return self._get(kind, target, request)
        last, gone = self._registry.delete(
            kind, target.name, namespace=self._scope(kind, target), options=self._options(request)
        )
        if not gone or kind.kind == "Pod":
            return json_response(last)
        details = {"name": target.name, "kind": kind.plural, "uid": last["metadata"]["uid"]}
        if kind.group:
            details["group"] = kind.group
        return json_response(
            {
                "kind": "Status",
                "apiVersion": "v1",
                "metadata": {},
                "status": "Success",
                "details": details,
            }
        )

    def _delete_all(self, kind: Kind, target: Target, request: Request) -> Response:
        options = self._options(request)
        selects = self._selects(kind, request)
        with self._store.lock:
            namespace = self._scope(kind, target)
            for obj in self._store.objects(kind.kind, namespace=namespace or None):
                if selects(obj):
                    meta = obj["metadata"]
                    self._registry.delete(
                        kind, meta["name"], namespace=meta.get("namespace", ""), options=options
                    )
        return self._list(kind, target, request)


def _version_of(token: str) -> str:
    """The resourceVersion that a continue token goes on with."""
    try:
        version, _, _ = base64.b64decode(token, validate=True).decode().partition(":")
        return str(int(version))
    except ValueError:
        raise bad_request("continue key is not valid: it was not issued by this server") from None


def _only(name: str, selects: Callable[[Obj], bool]) -> Callable[[Obj], bool]:
    return lambda obj: obj["metadata"]["name"] == name and selects(obj)
