"""Writes what the documentation says of the settings file: its schema, and a table of each part.

`python -m guardrails.sidecar.schema docs/reference` renews both; a test compares them.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Annotated, Final, Union, cast, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from guardrails.policy.durations import format_duration
from guardrails.sidecar.config import ServeSettings
from guardrails.sidecar.configfile import serve_schema

BEGIN: Final = "<!-- settings: written by guardrails.sidecar.schema -->"
END: Final = "<!-- end of settings -->"
SCHEMA: Final = "serve.schema.json"
PAGE: Final = "serve.md"


def rendered_schema() -> str:
    """Return the schema as text."""
    return json.dumps(serve_schema(), indent=2, ensure_ascii=False) + "\n"


def rendered_tables() -> str:
    """Return one table for each part of the file, in Markdown."""
    return "\n".join(_table(path, model) for path, model in _parts("", ServeSettings))


def with_tables(page: str) -> str:
    """Return a page with the tables between its marks.

    Raises:
        ValueError: It has no marks.
    """
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"the page has no {BEGIN!r} and {END!r}")
    return f"{head}{BEGIN}\n{rendered_tables()}{END}{tail}"


def write(directory: Path) -> None:
    """Write the schema, and the tables into the page."""
    (directory / SCHEMA).write_text(rendered_schema(), encoding="utf-8")
    page = directory / PAGE
    page.write_text(with_tables(page.read_text(encoding="utf-8")), encoding="utf-8")


def _parts(path: str, model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield the models of the file with where they stand, outermost first."""
    if path:
        yield path, model
    for name, field in model.model_fields.items():
        for inner, suffix in _models(field.annotation):
            yield from _parts(f"{path}.{name}".removeprefix(".") + suffix, inner)


def _models(kind: object, suffix: str = "") -> Iterator[tuple[type[BaseModel], str]]:
    """Yield the models in a type, with what stands for the position in lists and mappings."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        # The parts of incidents have a reference of their own.
        if kind.__module__.startswith("guardrails.sidecar"):
            yield kind, suffix
        return
    arguments = cast("tuple[object, ...]", get_args(kind))
    origin = get_origin(kind)
    if origin is Annotated:
        yield from _models(arguments[0], suffix)
    elif origin in {Union, UnionType}:
        for one in arguments:
            yield from _models(one, suffix)
    elif origin in {tuple, list}:
        yield from _models(arguments[0], f"{suffix}[N]")
    elif origin in {dict, Mapping}:
        yield from _models(arguments[1], f"{suffix}.NAME")


def _table(path: str, model: type[BaseModel]) -> str:
    about = " ".join((model.__doc__ or "").split())
    rows = [
        f"| `{name}` | {_default(field)} | {_said(field)} |"
        for name, field in model.model_fields.items()
        if not any(True for _ in _models(field.annotation))
    ]
    if not rows:
        return f"### `{path}`\n{about}\n"
    head = "| setting | default | meaning |\n|---|---|---|\n"
    return f"### `{path}`\n{about}\n\n{head}" + "\n".join(rows) + "\n"


def _said(field: FieldInfo) -> str:
    return " ".join((field.description or "").split()).replace("|", "\\|")


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default: object = field.default
    match default:
        case None:
            return "none"
        case bool() as flag:
            return f"`{str(flag).lower()}`"
        case float() as seconds:
            return f"`{format_duration(seconds)}`"
        case Enum() as choice:
            return f"`{choice.value}`"
        case tuple() | dict() if not default:
            return "none"
        case tuple():
            return "see there"
        case value:
            return f"`{value}`" if value != "" else "none"


if __name__ == "__main__":
    write(Path(sys.argv[1]))
