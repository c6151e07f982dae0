"""`guarded-agent fsm`: proves machine files, draws them, and steps through stored traces."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guardrails.cli.exits import ExitCode
from guardrails.cli.options import Debug, Output, OutputFormat, Policy, Profile, Settings
from guardrails.errors import UsageError

if TYPE_CHECKING:
    from guardrails.fsm.machine import Machine

app = typer.Typer(
    help="Look at the machines that end runs: prove, draw, simulate.", rich_markup_mode=None
)

MachineName = Annotated[
    str,
    typer.Argument(
        metavar="FILE|NAME", show_default=False, help="A machine file, or mitigation, diagnosis."
    ),
]


class Form(StrEnum):
    """What a machine is written as."""

    MERMAID = "mermaid"
    TABLE = "table"
    YAML = "yaml"


@app.callback()
def root() -> None:
    """Look at the machines that end runs."""


@app.command("schema")
def schema(*, debug: Debug = False) -> None:
    """Print the JSON Schema of a machine file."""
    del debug
    from guardrails.cli.stdout import put  # noqa: PLC0415  # commands import when they run
    from guardrails.fsm.schema import rendered_schema  # noqa: PLC0415  # as above

    put(rendered_schema().rstrip("\n"))


@app.command("check")
def check(  # the machine, and the policy whose budgets bound it
    machine: MachineName,
    *,
    policy: Policy = None,
    profile: Profile = None,
    model: Annotated[str, typer.Option("--model", help="provider:name; chooses the profile.")] = "",
    assignments: Settings = None,
    output: OutputFormat = Output.TEXT,
    debug: Debug = False,
) -> None:
    """Prove that every run of a machine ends, and print the most that any can take.

    Each fault gets a line with its place; with any the exit code is 2.
    """
    del debug
    from guardrails.cli.settings import read_settings  # noqa: PLC0415  # as above
    from guardrails.cli.stdout import put  # noqa: PLC0415  # as above
    from guardrails.fsm.load import document_named, read_machine, said_of  # noqa: PLC0415  # as above
    from guardrails.fsm.proof import bound_of, faults_of  # noqa: PLC0415  # as above

    budgets = read_settings(
        policy=policy, profile=profile, model=model, assignments=assignments or (), shadow=False
    ).budgets
    table = read_machine(document_named(machine))
    faults = faults_of(table)
    # There is no bound of a machine with a fault, and looking for one may not even end.
    bound = None if faults else bound_of(table, turns=budgets.steps, calls=budgets.tool_calls)
    if output is Output.JSON:
        import msgspec  # noqa: PLC0415  # as above

        found = {
            "machine": table.name,
            "source": table.source,
            "states": len(table.states),
            "faults": faults,
            "bound": bound,
        }
        put(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    elif bound is None:
        for fault in faults:
            typer.echo(said_of(fault, source=table.source), err=True)
    else:
        put(
            f"{table.source}: every run ends; {len(table.states)} states. Any run takes at most "
            f"{bound.turns} model turns and {bound.calls} tool calls ({bound.by})."
        )
    if faults:
        raise typer.Exit(ExitCode.USAGE)


@app.command("export")
def export(
    machine: MachineName,
    *,
    form: Annotated[Form, typer.Option("--as", help="How it is written.")] = Form.MERMAID,
    debug: Debug = False,
) -> None:
    """Write a machine as a Mermaid diagram, as a Markdown table, or as its file."""
    del debug
    from guardrails.cli.stdout import put  # noqa: PLC0415  # as above
    from guardrails.fsm.export import markdown, mermaid  # noqa: PLC0415  # as above
    from guardrails.fsm.load import named_machine, text_named  # noqa: PLC0415  # as above

    match form:
        case Form.MERMAID:
            text = mermaid(named_machine(machine))
        case Form.TABLE:
            text = markdown(named_machine(machine))
        case Form.YAML:
            text = text_named(machine)
    put(text.rstrip("\n"))


@app.command("simulate")
def simulate(
    trace: Annotated[Path, typer.Argument(metavar="TRACE", show_default=False)],
    *,
    machine: Annotated[
        str | None,
        typer.Option("--machine", metavar="FILE|NAME", help="Another machine than the run's own."),
    ] = None,
    debug: Debug = False,
) -> None:
    """Step through a stored run, and tell where it stands and what the machine says at each event.

    The events are those of the stored run: a call that would have been refused has run all the
    same, so this shows what a machine thinks of a run, not how another run would have gone.
    """
    del debug
    from guardrails.cli.simulation import simulated  # noqa: PLC0415  # as above
    from guardrails.cli.stdout import put  # noqa: PLC0415  # as above
    from guardrails.core.trace import read_trace  # noqa: PLC0415  # as above

    runs = read_trace(trace)
    if not runs:
        raise UsageError(f"{trace}: no run in it; name a file that `run --trace` wrote")
    table = _machine(machine)
    for stored in runs:
        put(f"run {stored.run}")
        for line in simulated(stored.events, machine=table):
            put(f"  {line}")


def _machine(name: str | None) -> "Machine | None":
    from guardrails.fsm.load import named_machine  # noqa: PLC0415  # as above

    return None if name is None else named_machine(name)
