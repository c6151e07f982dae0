"""`--policy`, `--profile`, `--set` and the environment, put together as the run's settings."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from guardrails.errors import PolicyError

if TYPE_CHECKING:
    from guardrails.policy.models import Settings


def read_settings(
    *,
    policy: Path | None,
    profile: str | None,
    model: str,
    assignments: Sequence[str],
    shadow: bool,
    wait: str | None = None,
    watch: str | None = None,
    environ: Mapping[str, str] | None = None,
) -> "Settings":
    """Resolve the settings: defaults < profile < file < environment < flags.

    Args:
        policy: `--policy`.
        profile: `--profile`.
        model: `--model`; chooses the profile.
        assignments: `--set`.
        shadow: `--shadow`.
        wait: `--wait`: how long the gate may wait.
        watch: `--watch`: how long an accepted end is still watched.
        environ: The environment; the process's own when left out.

    Raises:
        PolicyError: Any of them is wrong; one line each.
    """
    # Pydantic takes 0.1 s to import, which `--help` has no use for.
    from guardrails.policy.load import load_settings  # noqa: PLC0415

    flags = parse_assignments(assignments)
    if shadow:
        flags["mode"] = "shadow"
    if wait is not None:
        flags["gate.wait_at_most"] = 0 if wait.strip() == "0" else wait
    if watch is not None:
        flags["gate.watch_for"] = 0 if watch.strip() == "0" else watch
    return load_settings(
        file=policy,
        profile=profile,
        model=model,
        environ=os.environ if environ is None else environ,
        flags=flags,
    )


def parse_assignments(assignments: Sequence[str]) -> dict[str, object]:
    """Read `KEY=VALUE`; a value is written as in a policy file.

    Raises:
        PolicyError: Not `KEY=VALUE`, or the value is no YAML.

    >>> parse_assignments(["budgets.steps=7", "gate.window=90s"])
    {'budgets.steps': 7, 'gate.window': '90s'}
    """
    import yaml  # noqa: PLC0415  # as above

    values: dict[str, object] = {}
    for assignment in assignments:
        key, separator, text = assignment.partition("=")
        if not separator or not key.strip():
            raise PolicyError(
                f"--set {assignment}: write KEY=VALUE, such as --set gate.require=alerts"
            )
        try:
            values[key.strip()] = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise PolicyError(f"--set {assignment}: not a value of a policy file") from error
    return values
