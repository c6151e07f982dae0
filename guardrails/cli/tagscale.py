"""`guarded-agent tag --output FOLDER/`: data sets in, a data set out, by local processes or Ray."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from guardrails.cli.exits import ExitCode
from guardrails.errors import UsageError

if TYPE_CHECKING:
    from guardrails.batch.items import Item
    from guardrails.batch.scale.settings import Settings
    from guardrails.batch.scale.tagging import Summary
    from guardrails.core.mast import FailureMode


class Engine(StrEnum):
    """What tags; `guardrails.batch.scale.tagging.Engine` has the same."""

    LOCAL = "local"
    RAY = "ray"


Partitions = Annotated[
    str,
    typer.Option(
        "--partition-by",
        metavar="KEYS",
        help="Folders by model, fault, outcome or format, such as model,fault.",
        show_default=False,
    ),
]
Engines = Annotated[
    Engine,
    typer.Option("--engine", help="local (processes) or ray, into a folder.", case_sensitive=False),
]
RayAddress = Annotated[
    str,
    typer.Option(
        "--ray-address",
        metavar="ADDRESS",
        help="A Ray cluster that is there; else one is started here.",
        show_default=False,
    ),
]
ColumnNames = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="FIELD=NAME",
        help="What a column of Parquet traces is called, such as payload=trace; repeatable.",
        show_default=False,
    ),
]


def is_folder(output: str) -> bool:
    """Tell whether an output is a data set: it ends in a slash, is a URL or a folder."""
    from pathlib import Path  # noqa: PLC0415  # commands import when they run

    return output.endswith("/") or "://" in output or Path(output).is_dir()


def settings_of(
    form: str | None,
    *,
    partition_by: str = "",
    modes: "Sequence[FailureMode]" = (),
    judge: str = "",
    columns: Sequence[str] = (),
) -> "Settings":
    """Return what the options ask for.

    Raises:
        UsageError: A data set has no such form, key or column.
    """
    from guardrails.batch.scale.settings import (  # noqa: PLC0415  # as above
        PartForm,
        PartitionKey,
        Settings,
    )
    from guardrails.batch.scale.table import columns_named  # noqa: PLC0415  # as above

    if form == "table":
        raise UsageError("-o table is for a terminal; a folder takes -o parquet or -o jsonl")
    keys = list(dict.fromkeys([key.strip() for key in partition_by.split(",") if key.strip()]))
    known = [str(one) for one in PartitionKey]
    if wrong := [key for key in keys if key not in known]:
        raise UsageError(f"--partition-by {wrong[0]}: no such key; there are {', '.join(known)}")
    return Settings(
        form=PartForm(form or "parquet"),
        partition_by=tuple(map(PartitionKey, keys)),
        modes=tuple(sorted(modes)),
        judge=judge,
        columns=columns_named(columns),
    )


def tag_into(
    sources: Sequence[str],
    output: str,
    settings: "Settings",
    *,
    engine: Engine,
    jobs: int,
    ray_address: str,
) -> None:
    """Tag into a folder, say what came of it, and leave with the code that says so.

    Raises:
        typer.Exit: With code 2 when rows are in the quarantine, or 1 where that is our fault.
    """
    import os  # noqa: PLC0415  # as above

    from guardrails.batch.parquet import require_pyarrow  # noqa: PLC0415  # as above
    from guardrails.batch.scale import tagging  # noqa: PLC0415  # as above
    from guardrails.batch.scale.manifest import QUARANTINE_FILE  # noqa: PLC0415  # as above
    from guardrails.batch.scale.settings import PartForm  # noqa: PLC0415  # as above
    from guardrails.batch.workers import preloading  # noqa: PLC0415  # as above

    if settings.form is PartForm.PARQUET:
        require_pyarrow()
    jobs = jobs or os.cpu_count() or 1
    summary = tagging.tag_dataset(
        sources,
        output,
        settings=settings,
        engine=tagging.Engine(engine),
        jobs=jobs,
        ray_address=ray_address,
        context=preloading() if jobs > 1 and engine is Engine.LOCAL else None,
    )
    for one in summary.passed:
        typer.echo(f"passed over {one.source}: no traces by its name", err=True)
    typer.echo(_said(summary), err=True)
    if summary.bad:
        where = f"{output.rstrip('/')}/{QUARANTINE_FILE}"
        typer.echo(f"error: {_rows(summary.bad)} could not be read: see {where}", err=True)
        raise typer.Exit(ExitCode.BUG if summary.bugs else ExitCode.USAGE)


def dataset_items(sources: Sequence[str], settings: "Settings", *, jobs: int) -> "Iterator[Item]":
    """Yield the lines of data sets, and why others are missing."""
    if not sources:
        return
    import os  # noqa: PLC0415  # as above

    from guardrails.batch.scale.lines import lines_of  # noqa: PLC0415  # as above
    from guardrails.batch.scale.plan import planned  # noqa: PLC0415  # as above

    units, passed = planned(sources, columns=settings.columns)
    for one in passed:
        typer.echo(f"passed over {one.source}: no traces by its name", err=True)
    yield from lines_of(units, settings, jobs=jobs or os.cpu_count() or 1)


def _said(summary: "Summary") -> str:
    before = f", {summary.resumed} of them done before" if summary.resumed else ""
    return (
        f"tagged {summary.rows:,} runs into {summary.parts:,} parts "
        f"({summary.units:,} units of work{before})"
    )


def _rows(number: int) -> str:
    return f"{number:,} row" if number == 1 else f"{number:,} rows"
