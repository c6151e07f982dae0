"""`guarded-agent baseline`: records what healthy looks like, for runs to be judged against."""

from pathlib import Path
from typing import Annotated

import typer

from guardrails.cli import options

app = typer.Typer(help="Record what healthy looks like.", rich_markup_mode=None)


@app.callback()
def root() -> None:
    """Record what healthy looks like."""


@app.command("record")
def record(
    *,
    file: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--output",
            help="Snapshot file to write; compressed when it ends in .gz.",
            metavar="FILE",
        ),
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option(
            "--dir",
            help="Folder to write into; files are named by time, and old ones go.",
            metavar="FOLDER",
        ),
    ] = None,
    every: Annotated[
        str | None,
        typer.Option(
            "--every",
            help="With --dir: look again and again, such as every 5m, until a signal.",
            metavar="DURATION",
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option(
            "--keep",
            help="With --dir: how much stays. Every one up to an age (all=6h), then one an hour "
            "(hourly=2d), then one a day (daily=14d), and never more than size=256MiB; repeatable.",
            metavar="KEY=VALUE",
            show_default=False,
        ),
    ] = None,
    namespace: options.Namespaces = None,
    kubeconfig: options.Kubeconfig = None,
    context: options.Context = None,
    prometheus: options.Prometheus = None,
    alertmanager: options.Alertmanager = None,
    debug: options.Debug = False,
) -> None:
    """Snapshot namespaces (and alerts) while they are well.

    Exits 7 when a list could not be read: a file given by -o is written, but no run will use it;
    a folder keeps what it has.
    """
    del debug
    # The clients take half a second to import; `--help` must not.
    from guardrails.cli.recording import RecordRequest  # noqa: PLC0415
    from guardrails.cli.recording import record as record_now  # noqa: PLC0415
    from guardrails.cli.sources import SourceOptions  # noqa: PLC0415

    request = RecordRequest(
        namespaces=namespace or (),
        sources=SourceOptions(
            kubeconfig=kubeconfig,
            context=context,
            prometheus=prometheus,
            alertmanager=alertmanager,
        ),
        file=file,
        folder=folder,
        every=every,
        keep=keep or (),
    )
    code = record_now(request)
    if code:
        raise typer.Exit(code)
