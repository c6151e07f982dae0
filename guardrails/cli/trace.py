"""`guarded-agent trace`: folds a stored run again and compares with what was decided live."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guardrails.cli.exits import ExitCode
from guardrails.cli.options import Debug, Policy, Profile, Settings

if TYPE_CHECKING:
    from guardrails.core.trace import StoredRun
    from guardrails.policy.models import Settings as RunSettings

app = typer.Typer(help="Look at stored traces.", rich_markup_mode=None)


@app.callback()
def root() -> None:
    """Look at stored traces."""


@app.command("replay")
def replay(
    file: Annotated[Path, typer.Argument(metavar="FILE", show_default=False)],
    *,
    policy: Policy = None,
    profile: Profile = None,
    assignments: Settings = None,
    debug: Debug = False,
) -> None:
    """Replay every run of a trace file; without a policy each run keeps its own profile.

    Exits 8 when a replay decides otherwise than the live run did.
    """
    del debug
    from guardrails.core.trace import read_trace  # noqa: PLC0415  # commands import when they run

    runs = read_trace(file)
    if not runs:
        typer.echo(f"{file}: no run in it")
        return
    different = 0
    for stored in runs:
        settings = _settings_of(stored, policy, profile, assignments or [])
        lines = compare(stored, settings)
        different += bool(lines)
        typer.echo(
            f"{stored.run}: {_summary(stored)}; {'differs' if lines else 'replays the same'}"
        )
        for line in lines:
            typer.echo(f"  {line}")
    if different:
        if policy is None and not assignments:
            typer.echo("If the run had a --policy or --set of its own, give the same.", err=True)
        raise typer.Exit(ExitCode.DIFFERENT)


def compare(stored: "StoredRun", settings: "RunSettings") -> list[str]:
    """Fold a stored run again, and say where the result is another.

    Args:
        stored: The run.
        settings: What to decide by.

    Returns:
        One line per difference, at most ten; nothing when all decisions and findings agree.
    """
    from guardrails.engine.replay import replay as fold_again  # noqa: PLC0415  # as above

    again = fold_again(stored.events, settings=settings)
    found: list[str] = []
    for live, folded in zip(stored.decisions, again.decisions, strict=False):
        if live != folded:
            found.append(
                f"event {live.seq}: live {live.verdict}/{live.next} ({live.reason}), "
                f"replayed {folded.verdict}/{folded.next} ({folded.reason})"
            )
    if len(stored.decisions) != len(again.decisions):
        found.append(f"{len(stored.decisions)} decisions live, {len(again.decisions)} replayed")
    if stored.findings != again.findings:
        found.append(f"{len(stored.findings)} findings live, {len(again.findings)} replayed")
    ended = stored.ended
    if ended is not None and ended.outcome != again.state.outcome:
        found.append(f"outcome {ended.outcome} live, {again.state.outcome} replayed")
    return found[:10]


def _settings_of(
    stored: "StoredRun", policy: Path | None, profile: str | None, assignments: list[str]
) -> "RunSettings":
    from guardrails.cli.settings import read_settings  # noqa: PLC0415  # as above
    from guardrails.core.events import RunStarted  # noqa: PLC0415  # as above
    from guardrails.policy.shipped import shipped_profiles  # noqa: PLC0415  # as above

    facts = (e.fact for e in stored.events)
    started = next((f for f in facts if isinstance(f, RunStarted)), None)
    own = started.profile if started else ""
    if profile is None and policy is None and own in shipped_profiles():
        profile = own
    return read_settings(
        policy=policy,
        profile=profile,
        model=started.model if started else "",
        assignments=assignments,
        shadow=bool(started and started.shadow),
        environ={},
    )


def _summary(stored: "StoredRun") -> str:
    ended = stored.ended
    outcome = ended.outcome if ended else "cut off before its end"
    torn = ", last line torn" if stored.torn else ""
    return f"{outcome}, {len(stored.events)} events, {len(stored.findings)} findings{torn}"
