"""The incident of a command line: from a file, from an alert payload, or from options alone."""

import sys
from collections.abc import Sequence
from pathlib import Path

from guardrails.core.incident import Goal, Incident
from guardrails.errors import UsageError


def read_incident(
    *,
    file: Path | None,
    payload: str | None,
    task: str | None,
    goal: Goal | None,
    namespaces: Sequence[str],
    needs_task: bool = True,
) -> Incident:
    """Put the incident together.

    Args:
        file: `--incident`.
        payload: `--alert-payload`: a path, or `-`.
        task: `--task`; over what file or payload say.
        goal: `--goal`; likewise.
        namespaces: `-n`; likewise.
        needs_task: Whether somebody is going to be told a task. `verify` tells nobody.

    Raises:
        UsageError: Nothing says what to do, or two things do.
        IncidentError: File or payload are wrong.
    """
    incident = _read(file, payload, task, namespaces, needs_task=needs_task)
    if goal is None:
        return incident
    return Incident(
        task=incident.task,
        goal=goal,
        namespaces=incident.namespaces,
        workloads=incident.workloads,
        alerts=incident.alerts,
        slo=incident.slo,
    )


def _read(
    file: Path | None,
    payload: str | None,
    task: str | None,
    namespaces: Sequence[str],
    *,
    needs_task: bool,
) -> Incident:
    # Pydantic takes 0.1 s to import, which `--help` has no use for.
    from guardrails.policy.incidents import load_incident, read_alert_payload  # noqa: PLC0415
    from guardrails.policy.scope import check_namespaces  # noqa: PLC0415

    words = task if needs_task else task or "verify"
    if file is not None and payload is not None:
        raise UsageError("--incident and --alert-payload both say what happened; give one of them")
    if file is not None:
        return load_incident(file, task=words, namespaces=tuple(namespaces))
    if payload is not None:
        data, source = _payload(payload)
        return read_alert_payload(data, source=source, task=words, namespaces=tuple(namespaces))
    if not words:
        raise UsageError(
            "nothing says what to do; give --task TEXT, --incident FILE or --alert-payload FILE"
        )
    return Incident(task=words, namespaces=check_namespaces(tuple(namespaces)))


def _payload(where: str) -> tuple[bytes, str]:
    if where == "-":
        return sys.stdin.buffer.read(), "standard input"
    try:
        return Path(where).read_bytes(), where
    except OSError as error:
        raise UsageError(
            f"--alert-payload {where}: cannot read it: {error.strerror or error}"
        ) from error
