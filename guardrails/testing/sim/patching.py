"""The patch types of the Kubernetes API, as pure functions over JSON.

Strategic merge knows the list merge keys of the built-in kinds; custom resources get plain merge
semantics from the caller. Server-side apply builds on it in `apply.py`.
"""

import re
from typing import Any, cast

from guardrails.testing.sim.kinds import Obj
from guardrails.testing.sim.status import bad_request, unprocessable, unsupported_media
from guardrails.testing.sim.store import clone

MERGE_KEYS: dict[str, tuple[str, ...]] = {
    "containers": ("name",),
    "initContainers": ("name",),
    "ephemeralContainers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "volumeDevices": ("devicePath",),
    "imagePullSecrets": ("name",),
    "hostAliases": ("ip",),
    "conditions": ("type",),
    "ownerReferences": ("uid",),
    "topologySpreadConstraints": ("topologyKey",),
    # A container's ports merge by containerPort, a Service's by port: whichever the items carry.
    "ports": ("containerPort", "port"),
}
"""List fields that strategic merge joins by key, from the `patchMergeKey` tags of the API types."""
SET_LISTS = frozenset({"finalizers"})
"""Lists of plain values that strategic merge joins rather than replaces."""


def as_object(body: object) -> Obj:
    """A request's body, held to be a JSON object.

    Raises:
        StatusError: 400 if it is none.
    """
    if not isinstance(body, dict):
        raise bad_request("the body of the request is not an object")
    return cast("Obj", body)


def patched(target: Obj, patch: object, *, content_type: str) -> Obj:
    """The target after a patch of the content type's kind; server-side apply is none of these.

    Raises:
        StatusError: 400 for a malformed patch, 415 for an unknown type, 422 if it does not apply.
    """
    match content_type:
        case "application/merge-patch+json":
            return merge_patch(target, as_object(patch))
        case "application/strategic-merge-patch+json":
            return strategic_merge(target, as_object(patch))
        case "application/json-patch+json":
            if not isinstance(patch, list):
                raise bad_request("a JSON patch is a list of operations")
            return json_patch(target, [as_object(one) for one in cast("list[object]", patch)])
        case _:
            raise unsupported_media(content_type)


def _is_obj(value: object) -> bool:
    return isinstance(value, dict)


def merge_patch(target: Obj, patch: Obj) -> Obj:
    """RFC 7386: null removes, objects merge, everything else replaces."""
    result = dict(target)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif _is_obj(value):
            old = result.get(key)
            result[key] = merge_patch(cast("Obj", old) if _is_obj(old) else {}, value)
        else:
            result[key] = value
    return result


def merge_key(field: str, items: list[Any]) -> str | None:
    """The key by which this list's items merge, or None for a list that is replaced whole."""
    for key in MERGE_KEYS.get(field, ()):
        if items and all(_is_obj(item) and (key in item or "$patch" in item) for item in items):
            return key
    return None


def strategic_merge(target: Obj, patch: Obj) -> Obj:
    """Kubernetes' strategic merge, with `$patch`, `$deleteFromPrimitiveList` and `$retainKeys`."""
    if patch.get("$patch") == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    if patch.get("$patch") == "delete":
        return {}
    result = dict(target)
    retained = patch.get("$retainKeys")
    if retained is not None:
        result = {key: value for key, value in result.items() if key in retained}
    for key, value in patch.items():
        if key.startswith("$deleteFromPrimitiveList/"):
            name = key.partition("/")[2]
            result[name] = [item for item in result.get(name, ()) if item not in value]
        elif key.startswith("$"):
            continue
        elif value is None:
            result.pop(key, None)
        else:
            result[key] = _merge_value(key, result.get(key), value)
    return result


def _merge_value(key: str, old: object, value: object) -> object:
    if _is_obj(value):
        return strategic_merge(cast("Obj", old) if _is_obj(old) else {}, cast("Obj", value))
    if isinstance(value, list):
        items = cast("list[Any]", value)
        before = cast("list[Any]", old if isinstance(old, list) else [])
        if key in SET_LISTS:
            return before + [item for item in items if item not in before]
        by = merge_key(key, items)
        if by is not None:
            return _merge_list(before, items, by=by)
    return cast("object", value)


def _merge_list(old: list[Any], patch: list[Any], *, by: str) -> list[Any]:
    if any(item.get("$patch") == "replace" for item in patch):
        return [item for item in patch if "$patch" not in item]
    result: list[Any] = list(old)
    for item in patch:
        at = next((i for i, one in enumerate(result) if one.get(by) == item.get(by)), None)
        if item.get("$patch") == "delete":
            if at is not None:
                del result[at]
        elif at is None:
            result.append(strategic_merge({}, item))
        else:
            result[at] = strategic_merge(result[at], item)
    return result


def _tokens(pointer: str) -> list[str]:
    if pointer and not pointer.startswith("/"):
        raise bad_request(f"json patch: invalid pointer {pointer!r}: it must start with '/'")
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def _child(node: Any, token: str, pointer: str) -> Any:  # noqa: ANN401  # a JSON node
    try:
        if isinstance(node, list):
            return cast("list[Any]", node)[int(token)]
        return node[token]
    except (KeyError, IndexError, ValueError, TypeError):
        raise unprocessable(
            f"error in patch: path {pointer!r} does not exist in the object"
        ) from None


def _resolve(doc: Any, pointer: str) -> Any:  # noqa: ANN401  # a JSON node
    for token in _tokens(pointer):
        doc = _child(doc, token, pointer)
    return doc


def json_patch(target: Obj, operations: list[Obj]) -> Obj:
    """RFC 6902, all six operations.

    Raises:
        StatusError: 400 for what is no JSON patch, 422 for a path that is not there or a failed
            `test`.
    """
    doc = clone(target)
    for operation in operations:
        _apply_operation(doc, operation)
    return doc


def _apply_operation(doc: Obj, operation: Obj) -> None:
    pointer = str(operation.get("path", ""))
    name = operation.get("op")
    match name:
        case "test":
            if _resolve(doc, pointer) != operation.get("value"):
                raise unprocessable(f"error in patch: testing path {pointer!r} failed")
        case "add" | "replace":
            _set(doc, pointer, operation.get("value"), replace=name == "replace")
        case "remove":
            _take(doc, pointer)
        case "move":
            _set(doc, pointer, _take(doc, str(operation.get("from", ""))), replace=False)
        case "copy":
            _set(doc, pointer, _resolve(doc, str(operation.get("from", ""))), replace=False)
        case _:
            raise bad_request(f"error in patch: unexpected kind of operation {name!r}")


def _set(doc: Obj, pointer: str, value: object, *, replace: bool) -> None:
    *way, last = _tokens(pointer) or [""]
    node: Any = doc
    for token in way:
        node = _child(node, token, pointer)
    if replace:
        _child(node, last, pointer)
    if not isinstance(node, list):
        node[last] = value
    elif replace:
        node[int(last)] = value
    else:
        items = cast("list[Any]", node)
        if last != "-" and not re.fullmatch(r"\d+", last):
            raise unprocessable(f"error in patch: {last!r} in {pointer!r} is no list index")
        items.insert(len(items) if last == "-" else int(last), value)


def _take(doc: Obj, pointer: str) -> Any:  # noqa: ANN401  # a JSON node
    *way, last = _tokens(pointer) or [""]
    node: Any = doc
    for token in way:
        node = _child(node, token, pointer)
    value = _child(node, last, pointer)
    del node[int(last) if isinstance(node, list) else last]
    return value
