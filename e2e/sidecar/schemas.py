"""JSON schemas of Kubernetes' and prometheus-operator's kinds, from the pinned Go modules.

The modules carry the OpenAPI documents and the CRDs that the real servers validate by; they are
rewritten into one file per kind, in which an unknown field is a mistake. No schema is downloaded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import yaml

from e2e.clusters.build import module_folder

Schema = dict[str, Any]

LOCATION = "{{ .ResourceKind }}{{ .KindSuffix }}.json"
"""How kubeconform names the file of a kind: `deployment-apps-v1.json`."""

_INT_OR_STRING = "io.k8s.apimachinery.pkg.util.intstr.IntOrString"
_QUANTITY = "io.k8s.apimachinery.pkg.api.resource.Quantity"
_EITHER: Schema = {"type": ["string", "integer"]}


class _Loader(yaml.SafeLoader):
    """Reads a bare `=` as text, which an enum of matchers holds and YAML 1.1 has a type for."""


def _text(_: _Loader, node: yaml.Node) -> str:
    return str(node.value)


_Loader.add_constructor("tag:yaml.org,2002:value", _text)


def write_schemas(folder: Path) -> None:
    """Write a file for each kind into a folder."""
    for name, schema in (*_kubernetes(), *_operator()):
        (folder / name).write_text(json.dumps(schema), encoding="utf-8")


def _kubernetes() -> Iterator[tuple[str, Schema]]:
    source = module_folder("kubernetes", "k8s.io/kubernetes") / "api" / "openapi-spec"
    whole = json.loads((source / "swagger.json").read_text(encoding="utf-8"))
    definitions: dict[str, Schema] = {
        name: _strict(schema) for name, schema in whole["definitions"].items()
    }
    for name in (_INT_OR_STRING, _QUANTITY):
        definitions[name] = {"type": ["string", "number"]}
    for name, schema in definitions.items():
        for kind in cast("list[dict[str, str]]", schema.get("x-kubernetes-group-version-kind", [])):
            group = f"{kind['group'].partition('.')[0]}-" if kind["group"] else ""
            needed = _reached(name, definitions)
            yield (
                f"{kind['kind'].lower()}-{group}{kind['version']}.json",
                {"$ref": f"#/definitions/{name}", "definitions": needed},
            )


def _operator() -> Iterator[tuple[str, Schema]]:
    for file in crds():
        document = yaml.load(file.read_text(encoding="utf-8"), _Loader)  # noqa: S506  # a safe one
        names, group = document["spec"]["names"], document["spec"]["group"].partition(".")[0]
        for version in document["spec"]["versions"]:
            schema = _strict(version["schema"]["openAPIV3Schema"])
            schema["properties"]["metadata"] = {"type": "object"}
            yield f"{names['kind'].lower()}-{group}-{version['name']}.json", schema


def crds() -> list[Path]:
    """Return the CRDs of prometheus-operator, as kubectl applies them."""
    path = "github.com/prometheus-operator/prometheus-operator"
    folder = module_folder("prometheus-operator", path) / "example" / "prometheus-operator-crd"
    return sorted(folder.glob("*.yaml"))


def _strict(node: Any) -> Any:  # noqa: ANN401  # any JSON
    """Refuse unknown fields wherever a schema lists the known ones."""
    if isinstance(node, list):
        return [_strict(item) for item in cast("list[Any]", node)]
    if not isinstance(node, dict):
        return node
    given = cast("Schema", node)
    found: Schema = {key: _strict(value) for key, value in given.items()}
    if found.get("x-kubernetes-int-or-string"):
        return dict(_EITHER)
    if isinstance(found.get("properties"), dict) and found.get("type") == "object":
        found.setdefault("additionalProperties", False)
    return found


def _reached(name: str, definitions: dict[str, Schema]) -> dict[str, Schema]:
    """Return a definition and all that it refers to."""
    reached: dict[str, Schema] = {}
    waiting = [name]
    while waiting:
        here = waiting.pop()
        if here not in reached:
            reached[here] = definitions[here]
            waiting += [r.removeprefix("#/definitions/") for r in _references(definitions[here])]
    return reached


def _references(node: Any) -> Iterator[str]:  # noqa: ANN401  # any JSON
    if isinstance(node, list):
        for item in cast("list[Any]", node):
            yield from _references(item)
    elif isinstance(node, dict):
        for key, value in cast("Schema", node).items():
            if key == "$ref" and isinstance(value, str):
                yield value
            else:
                yield from _references(value)
