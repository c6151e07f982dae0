"""`guarded-agent vectors`: what failed runs show that successful ones do not, and its answer."""

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guardrails.cli.options import Debug
from guardrails.cli.tag import Jobs, Strict, Unreads, tagged_items
from guardrails.cli.tagscale import ColumnNames, settings_of
from guardrails.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from guardrails.batch.advise import Advice
    from guardrails.batch.compare import Compared
    from guardrails.batch.items import Item
    from guardrails.batch.scale.settings import Settings
    from guardrails.batch.vectors import By, Tally, Vector


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
        list[str],
        typer.Argument(
            metavar="SOURCE...",
            help="Traces, folders or URLs of them, or what `tag` wrote.",
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
        list[str] | None,
        typer.Option(
            "--against",
            metavar="SOURCE",
            help="Other runs to compare with, such as those before a change; may be repeated.",
            show_default=False,
        ),
    ] = None,
    jobs: Jobs = 1,
    columns: ColumnNames = None,
    strict: Strict = False,
    debug: Debug = False,
) -> None:
    """Sum up which MAST modes failed and successful runs show.

    Exits 2 when something could not be read; everything else is counted all the same.
    """
    del debug
    from guardrails.batch.advise import advise as advise_on  # noqa: PLC0415  # on use, for --help
    from guardrails.batch.compare import compared  # noqa: PLC0415  # as above
    from guardrails.batch.vectors import By, vector_of  # noqa: PLC0415  # as above

    if against and form is Form.CSV:
        raise UsageError("--against: a comparison is written as table, json or html")
    unread = Unreads()

    settings = settings_of(None, columns=columns or ())

    def counted(sources: "Sequence[str]") -> "dict[str, Tally]":
        return _counted(sources, settings, by=By(by), jobs=jobs, unread=unread, strict=strict)

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


def _counted(  # what the command line says, taken apart
    sources: "Sequence[str]",
    settings: "Settings",
    *,
    by: "By",
    jobs: int,
    unread: Unreads,
    strict: bool,
) -> "dict[str, Tally]":
    """Count what sources hold: tables of tagged runs by DuckDB, the others run by run."""
    from guardrails.batch.lines import decode  # noqa: PLC0415  # as above
    from guardrails.batch.scale.plan import is_dataset  # noqa: PLC0415  # as above
    from guardrails.batch.vectors import tallies, together  # noqa: PLC0415  # as above

    others: list[str] = []
    some: list[dict[str, Tally]] = []
    for source in sources:
        tabled = _tabled(source, by=by) if is_dataset(source) or _is_output(source) else None
        if tabled is None:
            others.append(source)
        else:
            some.append(tabled)
    lines = unread.told(_items(others, settings, jobs=jobs), strict=strict)
    return together([*some, tallies(map(decode, lines), by=by)])


def _tabled(source: str, *, by: "By") -> "dict[str, Tally] | None":
    """Count a table of tagged runs; None for what is none."""
    from guardrails.batch.scale import aggregate  # noqa: PLC0415  # as above
    from guardrails.batch.scale.settings import PartForm  # noqa: PLC0415  # as above

    if aggregate.is_tagged_table(source):
        return aggregate.tallies_of_table(source, by=by)
    parts = aggregate.tagged_parts(source)
    if parts is None or parts[1].settings.form is not PartForm.PARQUET:
        return None
    return aggregate.tallies_of_parts(*parts, by=by)


def _is_output(source: str) -> bool:
    """Tell whether `tag` wrote into a folder of this disk; without fsspec nothing has."""
    return (Path(source) / "_manifest.json").is_file()


def _items(sources: "Sequence[str]", settings: "Settings", *, jobs: int) -> "Iterator[Item]":
    """Yield lines that are there already, and tag what is not; the order says nothing here."""
    from guardrails.batch.stored import holds_lines, lines_in  # noqa: PLC0415  # as above

    untagged: list[str] = []
    for source in sources:
        if "://" in source or _is_output(source):
            found = _stored(source)
            if found is None:
                untagged.append(source)
            else:
                yield from found
        elif holds_lines(Path(source)):
            yield from lines_in(Path(source))
        else:
            untagged.append(source)
    yield from tagged_items(untagged, settings, jobs=jobs)


def _stored(source: str) -> "Iterator[Item] | None":
    """Return the lines of an output in JSON lines; None for what is none."""
    from guardrails.batch.scale import aggregate  # noqa: PLC0415  # as above

    parts = aggregate.tagged_parts(source)
    return None if parts is None else aggregate.lines_of_parts(*parts)


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
