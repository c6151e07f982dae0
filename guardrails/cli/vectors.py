"""`guarded-agent vectors`: what failed runs show that successful ones do not, and its answer."""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guardrails.cli.options import Debug
from guardrails.cli.tag import Jobs, Strict, Unreads, tagged_items
from guardrails.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guardrails.batch.advise import Advice
    from guardrails.batch.compare import Compared
    from guardrails.batch.items import Item
    from guardrails.batch.vectors import Tally, Vector


class Form(StrEnum):
    """How the vectors are printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"
    HTML = "html"


class Group(StrEnum):
    """What runs are grouped by; `guardrails.batch.vectors.By` has the same, and its meaning."""

    MODEL = "model"
    AGENT = "agent"
    FAULT = "fault"
    OUTCOME = "outcome"
    FORMAT = "format"
    ALL = "all"


def vectors(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="Traces, folders of them, or what `tag` wrote (JSONL).",
            show_default=False,
        ),
    ],
    *,
    by: Annotated[
        Group,
        typer.Option(
            "--by", help="model, agent, fault, outcome, format or all.", case_sensitive=False
        ),
    ] = Group.MODEL,
    form: Annotated[
        Form, typer.Option("-o", "--format", help="table, json, csv or html.", case_sensitive=False)
    ] = Form.TABLE,
    advise: Annotated[
        bool,
        typer.Option("--advise", help="Say which profile and settings answer each vector."),
    ] = False,
    against: Annotated[
        list[Path] | None,
        typer.Option(
            "--against",
            metavar="PATH",
            help="Other runs to compare with, such as those before a change; may be repeated.",
            show_default=False,
        ),
    ] = None,
    jobs: Jobs = 1,
    strict: Strict = False,
    debug: Debug = False,
) -> None:
    """Sum up which MAST modes failed and successful runs show.

    Exits 2 when something could not be read; everything else is counted all the same.
    """
    del debug
    from guardrails.batch.advise import advise as advise_on  # noqa: PLC0415  # on use, for --help
    from guardrails.batch.compare import compared  # noqa: PLC0415  # as above
    from guardrails.batch.lines import decode  # noqa: PLC0415  # as above
    from guardrails.batch.vectors import By, tallies, vector_of  # noqa: PLC0415  # as above

    if against and form is Form.CSV:
        raise UsageError("--against: a comparison is written as table, json or html")
    unread = Unreads()

    def counted(paths: "Sequence[Path]") -> "dict[str, Tally]":
        lines = unread.told(_items(paths, jobs=jobs), strict=strict)
        return tallies(map(decode, lines), by=By(by))

    def vectors_of(tallied: "dict[str, Tally]") -> "list[Vector]":
        return [vector_of(name, tally, by=By(by)) for name, tally in tallied.items()]

    tallied = counted(paths)
    found = vectors_of(tallied)
    advised = [
        advise_on(vector, tally) for vector, tally in zip(found, tallied.values(), strict=True)
    ]
    change = compared(found, vectors_of(counted(against))) if against else None
    _print(found, advised, change, form, advise=advise)
    unread.leave()


def _items(paths: "Sequence[Path]", *, jobs: int) -> "Iterator[Item]":
    """Yield lines that are there already, and tag what is not; the order says nothing here."""
    from guardrails.batch.stored import holds_lines, lines_in  # noqa: PLC0415  # as above

    stored = [path for path in paths if holds_lines(path)]
    for path in stored:
        yield from lines_in(path)
    yield from tagged_items([path for path in paths if path not in stored], jobs=jobs)


def _print(
    found: "list[Vector]",
    advice: "list[Advice]",
    change: "Compared | None",
    form: Form,
    *,
    advise: bool,
) -> None:
    from guardrails.batch.printed import (  # noqa: PLC0415  # as above
        advice_lines,
        compared_lines,
        csv_text,
        vector_lines,
    )
    from guardrails.cli.stdout import put  # noqa: PLC0415  # as above

    match form:
        case Form.CSV:
            put(csv_text(found))
        case Form.JSON:
            put(_json(found, advice if advise else [], change))
        case Form.HTML:
            from guardrails.reports.vectors import vectors_html  # noqa: PLC0415  # as above

            put(vectors_html(found, advice, change))
        case Form.TABLE:
            for vector, on in zip(found, advice, strict=True):
                lines = [*vector_lines(vector), *(advice_lines(on, vector) if advise else ())]
                put("\n".join([*lines, ""]))
            if change is not None:
                put("\n".join([*compared_lines(change), ""]))


def _json(found: "list[Vector]", advice: "list[Advice]", change: "Compared | None") -> str:
    import msgspec  # noqa: PLC0415  # as above

    whole: dict[str, object] = {"vectors": found, "advice": advice}
    if change is not None:
        whole["compared"] = change
    text = msgspec.json.encode(whole)
    return msgspec.json.format(text, indent=2).decode()
