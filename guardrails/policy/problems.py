"""From pydantic's errors to lines that a person can act on.

One line per wrong value: where it stands, what was written, what is allowed. Several errors of
one value (the members of a union) become one line.
"""

import difflib
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar, cast

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from guardrails.errors import UsageError
from guardrails.policy.document import Document, KeyPath, dotted, kind_of
from guardrails.policy.durations import WRITTEN
from guardrails.policy.modelkeys import homes_of, keys_at

Model = TypeVar("Model", bound=BaseModel)
Locate = Callable[[KeyPath], tuple[int, str]]
"""Gives a value's line (for sorting) and its name at the head of the message."""

_NEARLY = 0.9
"""Likeness of two keys that differ in a letter: `namespace` where `namespaces` may stand."""

_SHOWN = 60
"""Longest quotation of a wrong value, in characters."""


def check(document: Document, model: type[Model], *, error: type[UsageError]) -> Model:
    """Read a document as a model.

    Raises:
        UsageError: As `error`; one line per wrong value, in file order.
    """

    def locate(path: KeyPath) -> tuple[int, str]:
        line = document.line(path)
        name = dotted(path)
        return line, f"{document.source}:{line}: {name}" if name else f"{document.source}:{line}"

    def written(path: KeyPath) -> str:
        place = document.places.get(path)
        return place.text if place else ""

    try:
        return model.model_validate(document.data, context=WRITTEN)
    except ValidationError as problem:
        raise error(
            "\n".join(lines(problem, model, document.data, locate=locate, written=written))
        ) from None


def lines(
    problem: ValidationError,
    model: type[BaseModel],
    data: Mapping[str, object],
    *,
    locate: Locate,
    written: Callable[[KeyPath], str] = lambda _: "",
) -> list[str]:
    """Write a validation error as lines.

    Args:
        problem: What pydantic said.
        model: The model that it validated.
        data: The value that it validated.
        locate: Names the place of a value.
        written: Gives a scalar as it was written, or an empty text.
    """
    grouped: dict[KeyPath, list[ErrorDetails]] = {}
    for detail in problem.errors(include_url=False):
        grouped.setdefault(_path(detail, data), []).append(detail)
    found: list[tuple[int, str]] = []
    for path, details in grouped.items():
        line, head = locate(path)
        found.append((line, f"{head}: {_sentence(details, path, model, written(path))}"))
    return [text for _, text in sorted(found, key=lambda item: item[0])]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Suggest a known word, or list them all.

    >>> did_you_mean("requre", ["require", "window"])
    "did you mean 'require'?"
    """
    names = list(known)
    close = difflib.get_close_matches(word.lower(), names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"known: {', '.join(names)}" if names else "none is known"


def _path(detail: ErrorDetails, data: object) -> KeyPath:
    """Keep the parts of a location that are in the data; the others name members of unions."""
    path: KeyPath = ()
    for part in detail["loc"]:
        inside = _inside(data, part)
        if inside is not _MISSING:
            path, data = (*path, part), inside
    last = detail["loc"][-1:]
    return (*path, *last) if detail["type"] == "missing" else path


_MISSING = object()


def _inside(data: object, part: str | int) -> object:
    match data:
        case dict():
            return cast("dict[object, object]", data).get(part, _MISSING)
        case list() if isinstance(part, int):
            return cast("list[object]", data)[part]
        case _:
            return _MISSING


def _sentence(
    details: Sequence[ErrorDetails], path: KeyPath, model: type[BaseModel], text: str
) -> str:
    """Say what is wrong with one value; the fixed words of a union come last."""
    words = [d for d in details if d["type"] == "literal_error"] if len(details) > 1 else []
    said = [_phrase(d, path, model, text) for d in details if d not in words]
    said += [f"write {(d.get('ctx') or {})['expected']}" for d in words]
    return ", or ".join(dict.fromkeys(said))


def _phrase(detail: ErrorDetails, path: KeyPath, model: type[BaseModel], text: str) -> str:
    shown = _shown(detail["input"], text)
    context: Mapping[str, object] = detail.get("ctx") or {}
    match detail["type"]:
        case "extra_forbidden":
            return _unknown(str(path[-1]), path[:-1], model)
        case "missing":
            return "missing"
        case "literal_error" | "enum":
            return _choice(shown, detail, context)
        case "too_short" | "string_too_short":
            return "must not be empty"
        case "string_pattern_mismatch" if not str(detail["input"]).strip():
            return "must not be empty"
        case "string_pattern_mismatch":
            return f"{shown} is not written as it must be: {context['pattern']}"
        case "value_error":
            # Validators quote the value; people know it as they wrote it.
            said = str(context.get("error", detail["msg"]))
            return said.replace(repr(detail["input"]), shown, 1) if text else said
        case "greater_than":
            return f"{shown} is too small; it must be more than {context['gt']:g}"
        case "tuple_type" if isinstance(detail["input"], str):
            return f"{shown} is not a list; write [{text or detail['input']}]"
        case kind:
            wanted = _WANTED.get(kind)
            if wanted and detail["input"] is None:
                return f"nothing is written here; write {wanted}, or leave the key out"
            return f"{shown} is not {wanted}" if wanted else f"{shown}: {detail['msg']}"


_WANTED = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "bool_type": "true or false",
    "string_type": "text (in quotes if it looks like something else)",
    "tuple_type": "a list",
    "list_type": "a list",
    "dict_type": "a mapping (key: value)",
    "model_type": "a mapping (key: value)",
    "datetime_type": "a time like 2026-01-31T09:00:00Z",
    "datetime_parsing": "a time like 2026-01-31T09:00:00Z",
    "datetime_from_date_parsing": "a time like 2026-01-31T09:00:00Z",
    "datetime_object_invalid": "a time like 2026-01-31T09:00:00Z",
    "timezone_aware": "a time with a zone; add Z or an offset",
}
"""What a field wants, by pydantic's name of the error."""


def _shown(value: object, text: str) -> str:
    if value is None or isinstance(value, (dict, list, tuple)):
        return kind_of(cast("object", value))
    shown = repr(text) if text and isinstance(value, str) else text or repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"


def _unknown(key: str, around: KeyPath, model: type[BaseModel]) -> str:
    """Say where a key belongs, if it is one at all; else which one was meant."""
    homes, here = homes_of(model, key), keys_at(model, around)
    if not homes or difflib.get_close_matches(key, here, n=1, cutoff=_NEARLY):
        return f"unknown key; {did_you_mean(key, here)}"
    if "" in homes:
        return f"not allowed here; {key!r} stands at the top of the file"
    *others, last = (f"'{home}'" for home in homes)
    places = f"{', '.join(others)} or {last}" if others else last
    return f"not allowed here; {key!r} belongs under {places}"


def _choice(shown: str, detail: ErrorDetails, context: Mapping[str, object]) -> str:
    expected = str(context.get("expected", ""))
    value = detail["input"]
    if value == expected:
        return f"{shown} in quotes is text; write {expected} without them"
    known = [word.strip("' ") for word in expected.replace(" or ", ", ").split(",")]
    hint = ""
    if isinstance(value, str) and value not in known:  # `"1"` for `1` is told by its quotes
        close = difflib.get_close_matches(value.lower(), known, n=1, cutoff=0.6)
        hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"{shown} is not allowed; write {expected}{hint}"
