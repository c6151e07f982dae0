"""Server-side apply, simplified: which manager set which field, conflicts, and removal.

Simplified against the real server: only managers that *apply* own fields (plain updates and
patches leave no entry), and lists merge by the keys of `patching.MERGE_KEYS`.
"""

import json
from typing import Any, cast

from guardrails.testing.sim.kinds import Obj, parts
from guardrails.testing.sim.patching import merge_key, strategic_merge
from guardrails.testing.sim.status import apply_conflict
from guardrails.testing.sim.store import clone

Path = tuple[str, ...]

_UNOWNED = frozenset({"apiVersion", "kind"})
_UNOWNED_META = frozenset({"name", "namespace", "uid", "resourceVersion", "managedFields"})


def _leaves(value: object, *, field: str = "") -> dict[Path, Any]:
    if isinstance(value, dict) and value:
        found: dict[Path, Any] = {}
        for key, item in cast("Obj", value).items():
            for path, leaf in _leaves(item, field=key).items():
                found[f"f:{key}", *path] = leaf
        return found
    if isinstance(value, list):
        items = cast("list[Any]", value)
        by = merge_key(field, items)
        if by is not None:
            keyed: dict[Path, Any] = {}
            for item in items:
                label = "k:" + json.dumps({by: item[by]}, separators=(",", ":"))
                for path, leaf in _leaves(item).items():
                    keyed[label, *path] = leaf
            return keyed
    return {(): value}


def owned_fields(config: Obj) -> dict[Path, Any]:
    """The leaf fields that an applied configuration sets."""
    found: dict[Path, Any] = {}
    for path, leaf in _leaves(config).items():
        if path[0].removeprefix("f:") in _UNOWNED:
            continue
        if path[0] == "f:metadata" and path[1].removeprefix("f:") in _UNOWNED_META:
            continue
        found[path] = leaf
    return found


def _to_fields(paths: list[Path]) -> Obj:
    root: Obj = {}
    for path in paths:
        node = root
        for part in path:
            node = node.setdefault(part, {})
    return root


def _from_fields(node: Obj, *, above: Path = ()) -> set[Path]:
    if not node:
        return {above}
    found: set[Path] = set()
    for part, below in node.items():
        found |= _from_fields(below, above=(*above, part))
    return found


def _display(path: Path) -> str:
    text = ""
    for part in path:
        kind, _, name = part.partition(":")
        if kind == "f":
            text += f".{name}"
        else:
            ((key, value),) = json.loads(name).items()
            text += f"[{key}={json.dumps(value)}]"
    return text


def _whole(path: Path) -> Path:
    """The item of a list, if the leaf is its key: without it, no defaulted field stays behind."""
    *above, leaf = path
    kind, _, name = above[-1].partition(":") if above else ("", "", "")
    is_key = kind == "k" and leaf.removeprefix("f:") in json.loads(name)
    return tuple(above) if is_key else path


def _remove(obj: Obj, path: Path) -> None:
    """Drop one leaf, and the list item or object that it leaves empty."""
    node: Any = obj
    trail: list[tuple[Any, Any]] = []
    for part in path:
        kind, _, name = part.partition(":")
        at: Any = name
        if kind == "k":
            ((key, value),) = json.loads(name).items()
            at = next((i for i, item in enumerate(node) if item.get(key) == value), None)
            if at is None:
                return
        elif name not in node:
            return
        trail.append((node, at))
        node = node[at]
    for holder, at in reversed(trail):
        del holder[at]
        if holder:
            return


def apply(live: Obj, config: Obj, *, manager: str, force: bool, now: str) -> Obj:
    """The object after `manager` applies `config` to `live`.

    Raises:
        StatusError: 409 if a field is owned by another manager with another value, without force.
    """
    wanted = owned_fields(config)
    current = _leaves(live)
    entries: list[Obj] = list(parts(live["metadata"], "managedFields"))
    kept: list[Obj] = []
    mine: set[Path] = set()
    others: set[Path] = set()
    for entry in entries:
        paths = _from_fields(entry.get("fieldsV1", {}))
        if entry["manager"] == manager:
            mine = paths
            continue
        clash = sorted(path for path in paths & wanted.keys() if current.get(path) != wanted[path])
        if clash and not force:
            raise apply_conflict(entry["manager"], [_display(path) for path in clash])
        paths -= set(clash)
        others |= paths
        if paths:
            kept.append({**entry, "fieldsV1": _to_fields(sorted(paths))})
    result = clone(live)
    for path in mine - wanted.keys() - others:
        _remove(result, _whole(path))
    result = strategic_merge(result, {**config, "metadata": _settable(config["metadata"])})
    kept.append(
        {
            "manager": manager,
            "operation": "Apply",
            "apiVersion": config["apiVersion"],
            "time": now,
            "fieldsType": "FieldsV1",
            "fieldsV1": _to_fields(sorted(wanted)),
        }
    )
    result["metadata"]["managedFields"] = kept
    return result


def _settable(metadata: Obj) -> Obj:
    return {key: value for key, value in metadata.items() if key != "managedFields"}
