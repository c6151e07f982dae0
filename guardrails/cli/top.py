"""`guarded-agent top`: the runs of a service, in the terminal or as one picture."""

import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guardrails.cli.options import Debug, Output, OutputFormat
from guardrails.errors import UsageError

if TYPE_CHECKING:
    from guardrails.sidecar.client import Endpoint
    from guardrails.top.options import Options

USUAL_URL = "http://127.0.0.1:8787"
"""Where `guarded-agent serve` listens unless it is told otherwise."""
INSTALL = "the terminal view needs textual: pip install 'guarded-agent[tui]', or take --once"


def top(
    url: Annotated[
        str,
        typer.Argument(
            metavar="[URL]", help="Of the service.", envvar="GUARDED_AGENT_URL", show_envvar=True
        ),
    ] = USUAL_URL,
    *,
    token_file: Annotated[
        Path | None,
        typer.Option(
            "--token-file",
            help="File of the bearer token; role viewer reads, role operator answers too.",
            metavar="FILE",
            envvar="GUARDED_AGENT_TOKEN_FILE",
            show_default=False,
        ),
    ] = None,
    ca_file: Annotated[
        Path | None,
        typer.Option(
            "--ca-file",
            help="Certificates that the service's own is verified with.",
            metavar="FILE",
            envvar="GUARDED_AGENT_CA_FILE",
            show_default=False,
        ),
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all/--open", help="Ended runs too, or open ones only.")
    ] = False,
    limit: Annotated[
        int, typer.Option("--limit", help="Runs at most, those changed last.", min=1, max=1_000)
    ] = 1_000,
    interval: Annotated[
        float, typer.Option("--interval", help="Seconds between two looks.", min=0.2, max=3_600)
    ] = 2.0,
    once: Annotated[
        bool, typer.Option("--once", help="Print one table, or with -o json one object; then end.")
    ] = False,
    output: OutputFormat = Output.TEXT,
    debug: Debug = False,
) -> None:
    """Watch the runs of a service.

    Opens a list of runs; Enter follows one of them, and `?` names all keys. A question can be
    answered there by whoever has role operator.
    """
    del debug
    if output is Output.JSON and not once:
        raise UsageError("-o json is one object: add --once")
    if not once:
        _check_screen()
    from guardrails.sidecar.client import Endpoint  # noqa: PLC0415  # on use, for --help
    from guardrails.top.asking import Scope  # noqa: PLC0415  # as above
    from guardrails.top.options import Options  # noqa: PLC0415  # as above

    endpoint = Endpoint.of(url, token_file=token_file, ca_file=ca_file)
    options = Options(scope=Scope.ALL if everything else Scope.OPEN, limit=limit, interval=interval)
    if once:
        _print(endpoint, options, output)
        return
    from guardrails.top.running import show  # noqa: PLC0415  # as above

    raise typer.Exit(show(endpoint, options))


def _check_screen() -> None:
    """Refuse to begin where there is nothing to draw with, or on.

    Raises:
        UsageError: textual is not installed, or nobody is at a terminal.
    """
    if importlib.util.find_spec("textual") is None:
        raise UsageError(INSTALL)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("this is no terminal: take --once, with -o json for a script")


def _print(endpoint: "Endpoint", options: "Options", output: Output) -> None:
    from guardrails.cli.stdout import put, surviving_reader  # noqa: PLC0415  # as above
    from guardrails.top.once import as_json, print_table  # noqa: PLC0415  # as above
    from guardrails.top.running import listed, now  # noqa: PLC0415  # as above

    listing = listed(endpoint, options)
    if output is Output.JSON:
        put(as_json(listing, listing.sessions, url=endpoint.url))
        return
    with surviving_reader():
        print_table(sys.stdout, listing.sessions, now=now())
