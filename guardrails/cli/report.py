"""`guarded-agent report`: what became of a run, to look at or for a pipeline to read."""

from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guardrails.cli.options import Debug
from guardrails.errors import UsageError

if TYPE_CHECKING:
    from guardrails.core.trace import StoredRun
    from guardrails.reports.values import RunReport


OPTION = "--output"


class Form(StrEnum):
    """What a report is written as."""

    HTML = "html"
    MD = "md"
    JSON = "json"
    JUNIT = "junit"


def report(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="TRACE", help="A file that `run --trace` wrote.", show_default=False
        ),
    ],
    *,
    form: Annotated[
        Form,
        typer.Option("-f", "--format", help="html, md, json or junit.", case_sensitive=False),
    ] = Form.HTML,
    output: Annotated[
        Path | None,
        typer.Option("-o", OPTION, metavar="FILE", help="Write there; else to standard output."),
    ] = None,
    run: Annotated[
        str,
        typer.Option(
            "--run",
            metavar="ID",
            help="Which run, where the file holds several.",
            show_default=False,
        ),
    ] = "",
    debug: Debug = False,
) -> None:
    """Write the report of a run.

    A page is one file that needs nothing else. Everything in it that came from an agent or a
    cluster is shown as text.
    """
    del debug
    from guardrails.cli.files import check_writable, write_text  # noqa: PLC0415  # on use, for --help
    from guardrails.cli.stdout import put  # noqa: PLC0415  # as above
    from guardrails.core.trace import read_trace  # noqa: PLC0415  # as above
    from guardrails.reports.building import report_of  # noqa: PLC0415  # as above

    if output is not None:
        check_writable(output, option=OPTION)
    stored = _chosen(file, read_trace(file), run, several=form in {Form.JSON, Form.JUNIT})
    text = _writer(form)([report_of(one) for one in stored])
    if output is None:
        put(text)
    else:
        write_text(output, text, option=OPTION)


def _chosen(
    file: Path, runs: "Sequence[StoredRun]", wanted: str, *, several: bool
) -> "Sequence[StoredRun]":
    """Return the runs that are meant.

    Raises:
        UsageError: There is none, or a form that shows one run has several to choose from.
    """
    if not runs:
        raise UsageError(f"{file}: no run in it; name a file that `run --trace` wrote")
    found = [one for one in runs if one.run.startswith(wanted)]
    if not found:
        known = ", ".join(one.run for one in runs[:5])
        raise UsageError(f"{file}: no run {wanted!r} in it; there are {known}")
    if len(found) > 1 and not several:
        known = ", ".join(one.run for one in found[:5])
        raise UsageError(f"{file}: {len(found)} runs in it; choose one with --run: {known}")
    return found


def _writer(form: Form) -> "Callable[[Sequence[RunReport]], str]":
    match form:
        case Form.HTML:
            from guardrails.reports.page import html  # noqa: PLC0415  # as above

            return lambda reports: html(reports[0])
        case Form.MD:
            from guardrails.reports.markdown import markdown  # noqa: PLC0415  # as above

            return lambda reports: markdown(reports[0])
        case Form.JUNIT:
            from guardrails.reports.junit import junit  # noqa: PLC0415  # as above

            return junit
        case Form.JSON:
            import msgspec  # noqa: PLC0415  # as above

            return lambda reports: "".join(
                msgspec.json.encode(one).decode() + "\n" for one in reports
            )
