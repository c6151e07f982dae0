"""`guarded-agent trace`: folds a stored run again and compares with what was decided live."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from guardrails.cli.exits import ExitCode
from guardrails.cli.options import Debug, Policy, Profile, Settings
from guardrails.errors import UsageError

if TYPE_CHECKING:
    from guardrails.core.decisions import Decision
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
    """Replay every run of a trace file, by its own policy unless another is given.

    Exits 8 when a replay decides otherwise than the live run did.
    """
    del debug
    from guardrails.core.trace import read_trace  # noqa: PLC0415  # commands import when they run

    runs = read_trace(file)
    if not runs:
        raise UsageError(f"{file}: no run in it; name a file that `run --trace` wrote")
    different = 0
    for stored in runs:
        lines = _differences(stored, policy, profile, assignments or [])
        different += bool(lines)
        typer.echo(
            f"{stored.run}: {_summary(stored)}; {'differs' if lines else 'replays the same'}"
        )
        for line in lines:
            typer.echo(f"  {line}")
    if different:
        raise typer.Exit(ExitCode.DIFFERENT)


def compare(stored: "StoredRun", settings: "RunSettings") -> list[str]:
    """Fold a stored run again, and say where the result is another.

    Args:
        stored: The run. If it was cut off, what its last event led to may be missing.
        settings: What to decide by.

    Returns:
        One line per difference, at most ten; nothing when all decisions and findings agree.
        Findings of a trace that another version wrote are not compared: its detectors were others.
    """
    from guardrails.core.events import EVENT_SCHEMA  # noqa: PLC0415  # as above
    from guardrails.engine.replay import replay as fold_again  # noqa: PLC0415  # as above

    live = {decision.seq: decision for decision in stored.decisions}
    ended = stored.ended
    until = max(live, default=0) if ended is None else len(stored.events)
    again = fold_again((e for e in stored.events if e.seq <= until), settings=settings)
    found = [_difference(live.get(d.seq), d) for d in again.decisions if live.get(d.seq) != d]
    told = tuple(one for one in stored.found if one.seq <= until)
    if stored.schema == EVENT_SCHEMA and told != again.found:
        found.append(f"{len(told)} findings live, {len(again.found)} replayed")
    if ended is not None and ended.outcome != again.state.outcome:
        found.append(f"outcome {ended.outcome} live, {again.state.outcome} replayed")
    return found[:10]


def _differences(
    stored: "StoredRun", policy: Path | None, profile: str | None, assignments: list[str]
) -> list[str]:
    if lost := _lost(stored):
        return [lost]
    if not stored.events:  # cut off behind the header
        return []
    return compare(stored, _settings_of(stored, policy, profile, assignments))


def _lost(stored: "StoredRun") -> str | None:
    """Name the first event that is missing: without it nothing after it can be decided again."""
    for expected, event in enumerate(stored.events, start=1):
        if event.seq != expected:
            return (
                f"event {expected} is not in the file (a record could not be written, or the run "
                "began in another file)"
            )
    return None


def _difference(live: "Decision | None", folded: "Decision") -> str:
    was = f"live {live.verdict}/{live.next} ({live.reason})" if live else "not in the file"
    return f"event {folded.seq}: {was}, replayed {folded.verdict}/{folded.next} ({folded.reason})"


def _settings_of(
    stored: "StoredRun", policy: Path | None, profile: str | None, assignments: list[str]
) -> "RunSettings":
    """Return the settings that the run had, unless others are asked for."""
    from guardrails.cli.settings import parse_assignments, read_settings  # noqa: PLC0415  # as above
    from guardrails.core.events import RunStarted  # noqa: PLC0415  # as above
    from guardrails.engine.replay import settings_in  # noqa: PLC0415  # as above
    from guardrails.policy.load import with_flags  # noqa: PLC0415  # as above

    facts = (e.fact for e in stored.events)
    started = next((f for f in facts if isinstance(f, RunStarted)), None)
    if policy is None and profile is None:
        return with_flags(settings_in(stored.events), parse_assignments(assignments))
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
