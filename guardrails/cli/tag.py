"""`guarded-agent tag`: which MAST modes stored traces show, one line for each run."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guardrails.cli.exits import ExitCode
from guardrails.cli.options import Debug
from guardrails.cli.tagscale import (
    ColumnNames,
    Engine,
    Engines,
    Partitions,
    RayAddress,
    dataset_items,
    is_folder,
    settings_of,
    tag_into,
)
from guardrails.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from guardrails.batch.items import Item, Unread
    from guardrails.batch.lines import TaggedRun
    from guardrails.batch.scale.settings import Settings
    from guardrails.core.mast import FailureMode


class Form(StrEnum):
    """What is written of each run."""

    JSONL = "jsonl"
    TABLE = "table"
    PARQUET = "parquet"


Traces = Annotated[
    list[str],
    typer.Argument(
        metavar="SOURCE...",
        help="Files of traces, folders, or URLs such as s3://bucket/runs/.",
        show_default=False,
    ),
]
Jobs = Annotated[
    int, typer.Option("-j", "--jobs", min=0, help="Processes; 0 takes one per core.", metavar="N")
]
Strict = Annotated[
    bool, typer.Option("--strict", help="Stop at the first file that cannot be read.")
]


def tag(  # noqa: PLR0913  # its options
    paths: Traces,
    *,
    form: Annotated[
        Form | None,
        typer.Option(
            "-o",
            "--format",
            help="jsonl, table or parquet; else parquet in a folder, jsonl elsewhere.",
            case_sensitive=False,
            show_default=False,
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            metavar="FILE",
            help="Write there; FOLDER/ or a URL takes parts, and goes on where it stopped.",
        ),
    ] = None,
    jobs: Jobs = 1,
    modes: Annotated[
        list[str] | None,
        typer.Option(
            "--mode",
            metavar="ID",
            help="Only this mode, such as 3.1; repeatable.",
            show_default=False,
        ),
    ] = None,
    judge: Annotated[
        str,
        typer.Option(
            "--judge",
            metavar="MODEL",
            help="Let this language model add what it finds; costs money.",
            show_default=False,
        ),
    ] = "",
    columns: ColumnNames = None,
    partition_by: Partitions = "",
    engine: Engines = Engine.LOCAL,
    ray_address: RayAddress = "",
    strict: Strict = False,
    debug: Debug = False,
) -> None:
    """Tag every run of stored traces with the MAST modes that it shows.

    Exits 2 when something could not be read; everything else is tagged all the same.
    """
    del debug
    from guardrails.cli.files import check_writable  # noqa: PLC0415  # commands import when they run

    wanted = [_mode(text) for text in modes or ()]
    into = output is not None and is_folder(output)
    given = columns or ()
    # A file is written as ever: what its rows are, `form` says there.
    settings = settings_of(
        form if into else None, partition_by=partition_by, modes=wanted, judge=judge, columns=given
    )
    if output is not None and into:
        if strict:
            raise UsageError("--strict: rows that cannot be read go to the quarantine of a folder")
        tag_into(paths, output, settings, engine=engine, jobs=jobs, ray_address=ray_address)
        return
    if partition_by or engine is not Engine.LOCAL or ray_address:
        raise UsageError("--partition-by, --engine and --ray-address need --output FOLDER/")
    file = None if output is None else Path(output)
    if file is not None:
        check_writable(file, option="--output")
    if form is Form.PARQUET:
        _require_parquet(file)
    unread = Unreads()
    found = unread.told(tagged_items(paths, settings, jobs=jobs), strict=strict)
    if form is Form.PARQUET and file is not None:
        _write_parquet(found, file)
    else:
        with _writer(file) as write:
            for text in _texts(found, form or Form.JSONL):
                write(text)
    unread.leave()


def tagged_items(sources: "Sequence[str]", settings: "Settings", *, jobs: int) -> "Iterator[Item]":
    """Yield the lines of all that a command line names, and why others are missing.

    Files of a folder that are no traces are named on standard error, which is no mistake. Files of
    this disk come before data sets.
    """
    from guardrails.batch.scale.plan import is_dataset  # noqa: PLC0415  # as above

    sets = [source for source in sources if is_dataset(source)]
    paths = [Path(source) for source in sources if source not in sets]
    if paths:
        yield from _of_paths(paths, settings, jobs=jobs)
    yield from dataset_items(sets, settings, jobs=jobs)


def _of_paths(paths: "Sequence[Path]", settings: "Settings", *, jobs: int) -> "Iterator[Item]":
    import os  # noqa: PLC0415  # as above

    from guardrails.batch.workers import preloading  # noqa: PLC0415  # as above

    jobs = jobs or os.cpu_count() or 1
    context = preloading() if jobs > 1 else None  # while this process loads what it needs itself

    from guardrails.batch.files import trace_files  # noqa: PLC0415  # as above
    from guardrails.batch.items import Unread  # noqa: PLC0415  # as above
    from guardrails.batch.jobs import tag_files  # noqa: PLC0415  # as above
    from guardrails.core.mast import FailureMode  # noqa: PLC0415  # as above

    files: list[Path] = []
    for one in trace_files(paths):
        if isinstance(one, Unread):
            yield one
        elif isinstance(one, Path):
            files.append(one)
        else:
            why = one.why.partition("; known are")[0]  # once is enough, and here it is not needed
            typer.echo(f"passed over {one.path}: {why}", err=True)
    modes = [FailureMode(mode) for mode in settings.modes]
    yield from tag_files(files, jobs=jobs, modes=modes, judge=settings.judge, context=context)


class Unreads:
    """Tells what could not be read, a line each, and leaves with the code that says so."""

    def __init__(self) -> None:
        self._code = ExitCode.OK

    def told(self, items: "Iterator[Item]", *, strict: bool) -> "Iterator[bytes]":
        """Yield the lines among the items.

        Args:
            items: What `tagged_items` yields.
            strict: Whether the first thing that cannot be read is the last.
        """
        for item in items:
            if isinstance(item, bytes):
                yield item
                continue
            self.tell(item)
            if strict:
                return

    def tell(self, item: "Unread") -> None:
        """Say one line."""
        from guardrails.hygiene.redact import redacted  # noqa: PLC0415  # as above

        typer.echo(f"error: {redacted(item.said)}", err=True)
        if self._code is not ExitCode.BUG:
            self._code = ExitCode.BUG if item.bug else ExitCode.USAGE

    def leave(self) -> None:
        """Leave, if anything could not be read.

        Raises:
            typer.Exit: With code 2, or 1 where it was our fault.
        """
        if self._code is not ExitCode.OK:
            raise typer.Exit(self._code)


def _texts(found: "Iterator[bytes]", form: Form) -> Iterator[bytes]:
    if form is Form.JSONL:
        yield from (line + b"\n" for line in found)
        return
    from guardrails.batch import rows  # noqa: PLC0415  # as above

    yield f"{rows.head()}\n".encode()
    yield from (f"{rows.row(run)}\n".encode() for run in _decoded(found))


def _decoded(found: "Iterator[bytes]") -> "Iterator[TaggedRun]":
    from guardrails.batch.lines import decode  # noqa: PLC0415  # as above

    yield from map(decode, found)


def _require_parquet(output: Path | None) -> None:
    from guardrails.batch.parquet import require_pyarrow  # noqa: PLC0415  # as above

    if output is None:
        raise UsageError("-o parquet: name the file to write with --output FILE")
    require_pyarrow()


def _write_parquet(found: "Iterator[bytes]", output: Path) -> None:
    from guardrails.batch.parquet import write_parquet  # noqa: PLC0415  # as above

    write_parquet(_decoded(found), output)


@contextmanager
def _writer(output: Path | None) -> "Generator[Callable[[bytes], None]]":
    """Yield what takes the lines: a file, or standard output."""
    if output is None:
        import sys  # noqa: PLC0415  # as above

        stream = getattr(sys.stdout, "buffer", None)
        if stream is None:
            yield lambda text: typer.echo(text.decode(), nl=False)
        else:
            yield stream.write
        sys.stdout.flush()
        return
    with output.open("wb") as file:
        yield lambda text: _discard(file.write(text))


def _discard(written: int) -> None:
    del written


def _mode(text: str) -> "FailureMode":
    from guardrails.batch.lines import mode_of  # noqa: PLC0415  # as above
    from guardrails.core.mast import FailureMode  # noqa: PLC0415  # as above

    mode = mode_of(text)
    if mode is None:
        known = ", ".join(one.removeprefix("FM-") for one in FailureMode)
        raise UsageError(f"--mode {text}: no such mode; there are {known}")
    return mode
