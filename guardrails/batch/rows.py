"""Tagged runs as lines of text for a person, one for each run."""

from collections.abc import Iterator

from guardrails.batch.lines import TaggedRun

_RUN = 36
"""Columns of a run's id; a UUID has as many."""
_NONE = "-"


def head() -> str:
    """Return the line above the others."""
    return f"{'RUN':<{_RUN}}  {'OUTCOME':<7}  {'STEPS':>5}  {'CALLS':>5}  MODES (* decides the run)"


def row(run: TaggedRun) -> str:
    """Return the line of a run."""
    name = run.run_id if len(run.run_id) <= _RUN else f"…{run.run_id[1 - _RUN :]}"
    counts = f"{run.steps:>5}  {run.tool_calls:>5}"
    return f"{name:<{_RUN}}  {run.outcome:<7}  {counts}  {' '.join(_modes(run)) or _NONE}"


def _modes(run: TaggedRun) -> Iterator[str]:
    for mode in run.modes:
        yield f"{mode}*" if mode in run.decisive else mode
