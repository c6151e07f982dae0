"""What the API server says about itself: versions, groups, resources, and a small OpenAPI.

Enough for kubectl and the clients to find every resource. The OpenAPI documents hold one patch
operation per kind, which is what kubectl reads before it lets the server validate fields.
"""

from guardrails.testing.sim.kinds import Kind, Kinds, Obj
from guardrails.testing.sim.status import no_resource

VERSION: Obj = {
    "major": "1",
    "minor": "36",
    "gitVersion": "v1.36.2+sim",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "2026-06-01T00:00:00Z",
    "goVersion": "go1.26",
    "compiler": "gc",
    "platform": "linux/amd64",
}
"""`+sim` so that nobody takes a simulated cluster for a real one."""

_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
_REVIEWS: dict[str, tuple[tuple[str, str], ...]] = {
    "authorization.k8s.io/v1": (
        ("selfsubjectaccessreviews", "SelfSubjectAccessReview"),
        ("selfsubjectrulesreviews", "SelfSubjectRulesReview"),
    ),
    "authentication.k8s.io/v1": (
        ("selfsubjectreviews", "SelfSubjectReview"),
        ("tokenreviews", "TokenReview"),
    ),
}
REVIEW_GROUPS = frozenset(name.partition("/")[0] for name in _REVIEWS)


def api_versions() -> Obj:
    """The answer of `/api`."""
    return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}


def _group(name: str, versions: list[str]) -> Obj:
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def api_groups(kinds: Kinds) -> Obj:
    """The answer of `/apis`."""
    groups = [_group(name, versions) for name, versions in kinds.groups().items() if name]
    groups += [_group(name.partition("/")[0], [name.partition("/")[2]]) for name in _REVIEWS]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def api_group(kinds: Kinds, name: str) -> Obj:
    """The answer of `/apis/{group}`.

    Raises:
        StatusError: 404.
    """
    for group in api_groups(kinds)["groups"]:
        if group["name"] == name:
            return {"kind": "APIGroup", "apiVersion": "v1", **group}
    raise no_resource()


def _resource(kind: Kind) -> list[Obj]:
    main: Obj = {
        "name": kind.plural,
        "singularName": kind.singular,
        "namespaced": kind.namespaced,
        "kind": kind.kind,
        "verbs": _VERBS,
    }
    if kind.short:
        main["shortNames"] = list(kind.short)
    if kind.categories:
        main["categories"] = list(kind.categories)
    found = [main]
    for name in sorted(kind.subresources):
        below: Obj = {
            "name": f"{kind.plural}/{name}",
            "singularName": "",
            "namespaced": kind.namespaced,
            "kind": kind.kind,
            "verbs": ["get"] if name == "log" else ["get", "patch", "update"],
        }
        if name == "scale":
            below |= {"group": "autoscaling", "version": "v1", "kind": "Scale"}
        found.append(below)
    return found


def resources(kinds: Kinds, *, group: str, version: str) -> Obj:
    """The answer of `/api/v1` and `/apis/{group}/{version}`.

    Raises:
        StatusError: 404.
    """
    name = f"{group}/{version}" if group else version
    found = [
        one
        for kind in kinds
        if (kind.group, kind.version) == (group, version)
        for one in _resource(kind)
    ]
    for plural, kind_name in _REVIEWS.get(name, ()):
        found.append(
            {
                "name": plural,
                "singularName": "",
                "namespaced": False,
                "kind": kind_name,
                "verbs": ["create"],
            }
        )
    if not found:
        raise no_resource()
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": found}


def openapi_index(kinds: Kinds) -> Obj:
    """The answer of `/openapi/v3`."""
    paths: Obj = {}
    for group, versions in kinds.groups().items():
        for version in versions:
            path = f"apis/{group}/{version}" if group else f"api/{version}"
            paths[path] = {"serverRelativeURL": f"/openapi/v3/{path}"}
    return {"paths": paths}


def openapi_document(kinds: Kinds, *, group: str, version: str) -> Obj:
    """One group version's document: each kind's patch operation, without schemas."""
    paths: Obj = {}
    for kind in kinds:
        if (kind.group, kind.version) != (group, version):
            continue
        root = f"/apis/{group}/{version}" if group else f"/api/{version}"
        scope = "/namespaces/{namespace}" if kind.namespaced else ""
        paths[f"{root}{scope}/{kind.plural}/{{name}}"] = {
            "patch": {
                "parameters": [
                    {"name": name, "in": "query", "schema": {"type": "string"}}
                    for name in ("dryRun", "fieldManager", "fieldValidation")
                ],
                "requestBody": {
                    "content": {
                        f"application/{name}": {}
                        for name in (
                            "apply-patch+yaml",
                            "json-patch+json",
                            "merge-patch+json",
                            "strategic-merge-patch+json",
                        )
                    }
                },
                "responses": {"200": {"description": "OK"}},
                "x-kubernetes-group-version-kind": {
                    "group": group,
                    "kind": kind.kind,
                    "version": version,
                },
            }
        }
    info = {"title": "Kubernetes (simulated)", "version": VERSION["gitVersion"]}
    return {"openapi": "3.0.0", "info": info, "paths": paths, "components": {"schemas": {}}}
