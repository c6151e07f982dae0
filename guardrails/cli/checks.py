"""`guarded-agent checks`: which checks and gates there are, what they read, where they are from.

Listing loads the plugins that are installed, because only a check itself knows its id. A broken
one is listed as such and harms nobody until a policy names it.
"""

from typing import Annotated

import typer

from guardrails.cli.options import Debug, Output, OutputFormat, Policy, Profile, Settings

app = typer.Typer(help="Look at the checks of the gate.", rich_markup_mode=None)


@app.callback()
def root() -> None:
    """Look at the checks of the gate."""


@app.command("list")
def list_checks(
    *,
    policy: Policy = None,
    profile: Profile = None,
    model: Annotated[str, typer.Option("--model", help="provider:name; chooses the profile.")] = "",
    assignments: Settings = None,
    output: OutputFormat = Output.TEXT,
    debug: Debug = False,
) -> None:
    """List every check with its tier, what it reads, where it is from, and whether it is run.

    Installed checks and gates of others are off unless the policy names them.
    """
    del debug
    # The gate takes half a second to import; `--help` must not.
    from guardrails.cli.catalogue import catalogue  # noqa: PLC0415
    from guardrails.cli.output import encode  # noqa: PLC0415
    from guardrails.cli.settings import read_settings  # noqa: PLC0415
    from guardrails.cli.stdout import put  # noqa: PLC0415

    settings = read_settings(
        policy=policy, profile=profile, model=model, assignments=assignments or (), shadow=False
    )
    found = catalogue(settings.gate)
    if output is Output.JSON:
        put(encode(found))
        return
    rows = (*found.checks, *found.gates)
    width = max(len(row.name) for row in rows)
    source = max(len(row.origin) for row in rows)
    for row in rows:
        reads = f"cannot be loaded: {row.broken}" if row.broken else ", ".join(row.reads)
        line = (
            f"{row.name:<{width}}  {row.state:<7}  {row.tier:<6}  {row.origin:<{source}}  {reads}"
        )
        typer.echo(line.rstrip())
