"""`guarded-agent policy`: the schema of a policy file, and whether a file is one."""

from pathlib import Path
from typing import Annotated

import typer

from guardrails.cli.options import Debug, Policy, Profile, Settings

app = typer.Typer(help="Look at policy files.", rich_markup_mode=None)


@app.command("schema")
def schema(*, debug: Debug = False) -> None:
    """Print the JSON Schema of a policy file."""
    del debug
    import msgspec  # noqa: PLC0415  # commands import when they run

    from guardrails.policy.load import policy_schema  # noqa: PLC0415  # as above

    typer.echo(msgspec.json.format(msgspec.json.encode(policy_schema()), indent=2).decode())


@app.command("check")
def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False)],
    *,
    profile: Profile = None,
    debug: Debug = False,
) -> None:
    """Say whether a policy file is right; every mistake gets a line with its place.

    The checks and gates of others that it names are loaded, so that a broken one shows here.
    """
    del debug
    from guardrails.engine.rules import Rules  # noqa: PLC0415  # as above
    from guardrails.gates.choice import chosen  # noqa: PLC0415  # as above
    from guardrails.gates.plugins import extra_gates  # noqa: PLC0415  # as above
    from guardrails.gates.registry import DEFAULT_CHECKS, ignorable  # noqa: PLC0415  # as above
    from guardrails.policy.load import load_settings  # noqa: PLC0415  # as above
    from guardrails.policy.stored import policy_digest  # noqa: PLC0415  # as above

    settings = load_settings(file=file, profile=profile, environ={})
    Rules.of(settings)  # reads and proves the machine
    ignorable(settings.gate.ignore_lists)
    chosen(DEFAULT_CHECKS, settings.gate)
    extra_gates(settings.gate)
    typer.echo(f"{file}: good; profile {settings.profile}, {policy_digest(settings)}")


@app.command("explain")
def explain(
    *,
    policy: Policy = None,
    profile: Profile = None,
    model: Annotated[str, typer.Option("--model", help="provider:name; chooses the profile.")] = "",
    assignments: Settings = None,
    debug: Debug = False,
) -> None:
    """List every setting of a run with its value and where it comes from."""
    del debug
    from guardrails.cli.settings import parse_assignments  # noqa: PLC0415  # as above
    from guardrails.policy.load import explain_settings  # noqa: PLC0415  # as above

    explained = explain_settings(
        file=policy, profile=profile, model=model, flags=parse_assignments(assignments or ())
    )
    width = max(len(row.key) for row in explained)
    for row in explained:
        typer.echo(f"{row.key:<{width}}  {_shown(row.value):<24}  {row.origin}")


def _shown(value: object) -> str:
    import msgspec  # noqa: PLC0415  # as above

    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
