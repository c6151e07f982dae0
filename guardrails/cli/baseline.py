"""`guarded-agent baseline`: records what healthy looks like, for runs to be judged against."""

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from guardrails.cli import options
from guardrails.cli.exits import ExitCode
from guardrails.errors import UsageError

LIST_SECONDS = 10.0
"""Limit of one list or query, as the policy's default."""

SHOWN = 10
"""Unwell things that are listed by name."""

app = typer.Typer(help="Record what healthy looks like.", rich_markup_mode=None)


@app.callback()
def root() -> None:
    """Record what healthy looks like."""


@app.command("record")
def record(
    *,
    file: Annotated[
        Path,
        typer.Option(
            "-o",
            "--output",
            help="Snapshot file to write; compressed when it ends in .gz.",
            metavar="FILE",
        ),
    ],
    namespace: options.Namespaces = None,
    kubeconfig: options.Kubeconfig = None,
    context: options.Context = None,
    prometheus: options.Prometheus = None,
    alertmanager: options.Alertmanager = None,
    debug: options.Debug = False,
) -> None:
    """Snapshot namespaces (and alerts) while they are well.

    Exits 7 when a list could not be read: the file is written, but no run will use it.
    """
    del debug
    # The clients take half a second to import; `--help` must not.
    import asyncio  # noqa: PLC0415

    from guardrails.cli.files import check_writable  # noqa: PLC0415
    from guardrails.cli.sources import SourceOptions, open_sources, preflight  # noqa: PLC0415
    from guardrails.cli.wording import describe_fact  # noqa: PLC0415
    from guardrails.core.clock import SystemClock  # noqa: PLC0415
    from guardrails.core.incident import Incident  # noqa: PLC0415
    from guardrails.gates.reference import record_baseline  # noqa: PLC0415
    from guardrails.policy.scope import check_namespaces  # noqa: PLC0415

    check_writable(file, option="-o")
    if not namespace:
        raise UsageError("a baseline needs at least one namespace; give -n NAMESPACE")
    incident = Incident(task="", namespaces=check_namespaces(tuple(namespace)))
    chosen = SourceOptions(
        kubeconfig=kubeconfig, context=context, prometheus=prometheus, alertmanager=alertmanager
    )
    with contextlib.closing(open_sources(chosen, timeout_seconds=LIST_SECONDS)) as sources:

        async def take() -> bool:
            await preflight(sources, incident, has_baseline=False)
            snapshot, wrong = await record_baseline(
                sources.cluster,
                namespaces=incident.namespaces,
                path=file,
                at=SystemClock().now(),
                prometheus=sources.prometheus,
                alertmanager=sources.alertmanager,
            )
            count = sum(len(found.objects) for found in snapshot.lists)
            where = ", ".join(incident.namespaces)
            typer.echo(f"{file}: {count} objects of {where} at {snapshot.at:%Y-%m-%d %H:%M:%SZ}")
            if wrong:
                typer.echo(
                    f"warning: {len(wrong)} things are not well or not readable; a run may pass "
                    f"this baseline over",
                    err=True,
                )
            for fact in wrong[:SHOWN]:
                typer.echo(f"  {describe_fact(fact)}", err=True)
            return not all(found.read.ok for found in snapshot.lists)

        unread = asyncio.run(take())
    if unread:
        raise typer.Exit(ExitCode.SOURCE)
