"""Layers of settings: where each value came from, and how later layers win over earlier ones.

A layer is flat (`gate.require`), because that is how people name a setting on a command line and
how `policy explain` lists them.
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, cast, get_args, get_origin

from pydantic import BaseModel, ValidationError

from guardrails.errors import PolicyError
from guardrails.policy.document import Document, KeyPath, dotted
from guardrails.policy.durations import WRITTEN
from guardrails.policy.models import Sections, Settings
from guardrails.policy.problems import lines

ENV_PREFIX = "GUARDED_AGENT_"
_NESTING = "__"
_NOT_SET = frozenset({"profile"})
"""Chosen, not set: it has its own argument and its own variable."""
_WORDS: Mapping[str, object] = {
    "true": True,
    "yes": True,
    "on": True,
    "false": False,
    "no": False,
    "off": False,
    "null": None,
    "none": None,
}
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")


class OriginKind(StrEnum):
    """Which kind of layer set a value, weakest first."""

    DEFAULT = "default"
    PROFILE = "profile"
    FILE = "file"
    ENVIRONMENT = "environment"
    FLAG = "flag"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Who set a value."""

    kind: OriginKind
    where: str = ""
    """The profile, `FILE:LINE`, the variable or the flag."""

    def __str__(self) -> str:
        """Write it for a table: `file policy.yaml:7`."""
        return f"{self.kind.value} {self.where}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """One value of a layer, as it was written."""

    value: object
    origin: Origin


Layer = Mapping[str, Value]
"""Values by dotted key."""


def setting_keys() -> dict[str, bool]:
    """Name every setting, and tell whether it is a list."""
    found: dict[str, bool] = {}
    for name, field in Settings.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            for inner, leaf in kind.model_fields.items():
                found[f"{name}.{inner}"] = get_origin(leaf.annotation) is tuple
        elif name not in _NOT_SET:
            found[name] = False
    return found


def from_document(
    document: Document, path: KeyPath, *, kind: OriginKind = OriginKind.FILE, where: str = ""
) -> Layer:
    """Take the sections (`budgets`, `gate` …) that stand at a path of a checked document."""
    found: dict[str, Value] = {}
    around = _descend(document.data, path)
    for section in Sections.model_fields:
        for name, value in _mapping(around.get(section)).items():
            origin = Origin(kind=kind, where=where or document.at((*path, section, name)))
            found[f"{section}.{name}"] = Value(value=value, origin=origin)
    return found


def from_environment(environ: Mapping[str, str]) -> Layer:
    """Take `GUARDED_AGENT_MODE` and every `GUARDED_AGENT_SECTION__NAME` that is not empty.

    Raises:
        PolicyError: A variable names no setting or holds a wrong value; a line each.
    """
    known = {key: variable(key) for key in setting_keys()}
    _refuse_single_underscores(environ, known.values())
    texts = {
        name.removeprefix(ENV_PREFIX).lower().replace(_NESTING, "."): (name, text)
        for name, text in sorted(environ.items())
        if name.startswith(ENV_PREFIX) and (_NESTING in name or name == f"{ENV_PREFIX}MODE")
        if text.strip()
    }
    return _from_names(
        {key: text for key, (_, text) in texts.items()},
        kind=OriginKind.ENVIRONMENT,
        written={key: name for key, (name, _) in texts.items()},
        known=known,
    )


def _refuse_single_underscores(environ: Mapping[str, str], known: Iterable[str]) -> None:
    """Name variables that mean a setting and would be passed over: one underscore where two belong.

    Only exact ones. Kubernetes makes variables of its own for a Service that is called
    guarded-agent (`GUARDED_AGENT_SERVICE_HOST`).
    """
    meant = {name.replace(_NESTING, "_"): name for name in known if _NESTING in name}
    trouble = [
        f"{name}: unknown setting; did you mean {meant[name]!r}?"
        for name in sorted(environ)
        if name in meant and environ[name].strip()
    ]
    if trouble:
        raise PolicyError("\n".join(trouble))


def from_flags(flags: Mapping[str, object]) -> Layer:
    """Take settings by dotted key. None means that the flag was not given.

    Raises:
        PolicyError: A key names no setting or has a wrong value; a line each.
    """
    given = {key: value for key, value in flags.items() if value is not None}
    return _from_names(
        given,
        kind=OriginKind.FLAG,
        written={key: key for key in given},
        known={key: key for key in setting_keys()},
    )


def variable(key: str) -> str:
    """Name the environment variable of a setting.

    >>> variable("gate.require")
    'GUARDED_AGENT_GATE__REQUIRE'
    """
    return ENV_PREFIX + key.upper().replace(".", _NESTING)


def nested(values: Mapping[str, object]) -> dict[str, object]:
    """Turn dotted keys into sections."""
    found: dict[str, object] = {}
    for key, value in values.items():
        section, _, name = key.partition(".")
        if name:
            inner = cast("dict[str, object]", found.setdefault(section, {}))
            inner[name] = value
        else:
            found[key] = value
    return found


def flat(sections: Mapping[str, object]) -> dict[str, object]:
    """Turn sections into dotted keys."""
    found: dict[str, object] = {}
    for name, value in sections.items():
        if isinstance(value, dict):
            found.update(
                {f"{name}.{key}": leaf for key, leaf in _mapping(cast("object", value)).items()}
            )
        else:
            found[name] = value
    return found


def _from_names(
    given: Mapping[str, object],
    *,
    kind: OriginKind,
    written: Mapping[str, str],
    known: Mapping[str, str],
) -> Layer:
    """Check a flat layer. `written` and `known` name settings as this kind of layer does."""
    is_list = setting_keys()
    trouble: list[str] = []
    values: dict[str, object] = {}
    for key, value in given.items():
        if key not in is_list:
            trouble.append(f"{written[key]}: unknown setting; {_suggest(key, known)}")
        else:
            typed = _typed(value, key, as_list=is_list[key]) if isinstance(value, str) else value
            values[key] = typed
    data = nested(values)
    try:
        Settings.model_validate(data, context=WRITTEN)
    except ValidationError as problem:

        def locate(path: KeyPath) -> tuple[int, str]:
            return 0, written[dotted(path[:2]).partition("[")[0]]

        trouble += lines(problem, Settings, data, locate=locate)
    if trouble:
        raise PolicyError("\n".join(trouble))
    return {
        key: Value(value=value, origin=Origin(kind=kind, where=written[key]))
        for key, value in values.items()
    }


def _suggest(key: str, known: Mapping[str, str]) -> str:
    """Name the setting that was probably meant, or those of its section, or the sections."""
    if close := difflib.get_close_matches(key, known, n=1, cutoff=0.7):
        return f"did you mean {known[close[0]]!r}?"
    section = key.partition(".")[0]
    inside = [name for other, name in known.items() if other.startswith(f"{section}.")]
    if inside:
        return f"known: {', '.join(inside)}"
    return f"known sections: {', '.join(Sections.model_fields)}"


def _typed(text: str, key: str, *, as_list: bool) -> object:
    text = text.strip()
    if as_list:
        inner = text.removeprefix("[").removesuffix("]")
        return [item for part in inner.split(",") if (item := part.strip().strip("\"'"))]
    if text.lower() in _WORDS and not _takes(_annotation(key), text):
        return _WORDS[text.lower()]
    return int(text) if _WHOLE.fullmatch(text) else text


def _annotation(key: str) -> object:
    section, _, name = key.partition(".")
    field = Settings.model_fields[section]
    if not name:
        return field.annotation
    kind = cast("type[BaseModel]", field.annotation)
    return kind.model_fields[name].annotation


def _takes(annotation: object, text: str) -> bool:
    """Tell whether a setting takes a word as it is: `fsm.machine=none` means the word."""
    if get_origin(annotation) is Literal:
        return text in get_args(annotation)
    return annotation is str


def _descend(data: Mapping[str, object], path: KeyPath) -> Mapping[str, object]:
    for part in path:
        data = _mapping(data.get(str(part)))
    return data


def _mapping(value: object) -> Mapping[str, object]:
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}
