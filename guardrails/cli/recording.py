"""What `baseline record` does: one look into a file, or looks into a folder until a signal."""

import asyncio
import contextlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import typer

from guardrails.cli.exits import ExitCode
from guardrails.cli.files import check_writable
from guardrails.cli.keeping import read_every, read_retention
from guardrails.cli.signals import run_interruptible
from guardrails.cli.sources import Opened, SourceOptions, open_sources, preflight
from guardrails.core.clock import SystemClock
from guardrails.core.evidence import Evidence, EvidenceState, SourceRef
from guardrails.core.incident import Incident
from guardrails.errors import TemporarySourceError, UsageError
from guardrails.gates.reference import (
    BaselineRecorder,
    Recorded,
    RecordedAs,
    Retention,
    record_baseline,
)
from guardrails.hygiene.redact import redacted
from guardrails.policy.scope import check_namespaces
from guardrails.reports.wording import describe_fact

LIST_SECONDS = 10.0
"""Limit of one list or query, as the policy's default."""

SHOWN = 10
"""Unwell things that are listed by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRequest:
    """The options of `baseline record`, as they were given."""

    namespaces: Sequence[str]
    sources: SourceOptions
    file: Path | None = None
    folder: Path | None = None
    every: str | None = None
    keep: Sequence[str] = ()


def record(request: RecordRequest) -> ExitCode:
    """Record what healthy looks like.

    Raises:
        UsageError: The options do not go together, or one of them is wrong.
    """
    every, keep = _checked(request)
    if not request.namespaces:
        raise UsageError("a baseline needs at least one namespace; give -n NAMESPACE")
    scope = Incident(task="", namespaces=check_namespaces(tuple(request.namespaces)))
    opened = open_sources(request.sources, timeout_seconds=LIST_SECONDS)
    with contextlib.closing(opened):
        if request.file is not None:
            return asyncio.run(_into_file(request.file, scope, opened))
        recorder = BaselineRecorder(
            opened.cluster,
            namespaces=scope.namespaces,
            folder=request.folder or Path(),
            prometheus=opened.prometheus,
            alertmanager=opened.alertmanager,
            every=every or 1.0,
            keep=keep,
            on_look=_tell,
        )
        recorder.prepare()
        if every is None:
            return asyncio.run(_once(recorder, scope, opened))
        _, interruption = run_interruptible(lambda: _on_timer(recorder, scope, opened), say=_say)
        return ExitCode(interruption.exit_code or ExitCode.OK)


def _checked(request: RecordRequest) -> tuple[float | None, Retention]:
    if request.file is not None and request.folder is not None:
        raise UsageError("-o writes one file and --dir fills a folder; give one of them")
    if request.file is not None:
        for option, given in (("--every", request.every), ("--keep", request.keep)):
            if given:
                raise UsageError(f"{option} goes with --dir FOLDER, not with -o")
        check_writable(request.file, option="-o")
    elif request.folder is None:
        raise UsageError("nothing says where to write; give -o FILE, or --dir FOLDER")
    elif request.folder.exists() and not request.folder.is_dir():
        raise UsageError(f"--dir {request.folder}: this is a file; name a folder")
    every = None if request.every is None else read_every(request.every)
    return every, read_retention(request.keep)


async def _into_file(file: Path, scope: Incident, opened: Opened) -> ExitCode:
    await preflight(opened, scope, has_baseline=False)
    snapshot, wrong = await record_baseline(
        opened.cluster,
        namespaces=scope.namespaces,
        path=file,
        at=SystemClock().now(),
        prometheus=opened.prometheus,
        alertmanager=opened.alertmanager,
    )
    count = sum(len(found.objects) for found in snapshot.lists)
    where = ", ".join(scope.namespaces)
    typer.echo(f"{file}: {count} objects of {where} at {snapshot.at:%Y-%m-%d %H:%M:%SZ}")
    _tell_wrong(wrong)
    unread = any(
        e.state is EvidenceState.UNKNOWN and isinstance(e.subject, SourceRef) for e in wrong
    )
    return ExitCode.SOURCE if unread else ExitCode.OK


async def _once(recorder: BaselineRecorder, scope: Incident, opened: Opened) -> ExitCode:
    await preflight(opened, scope, has_baseline=False)
    recorded = await recorder.look()
    _tell(recorded)
    _tell_wrong(recorded.wrong)
    return ExitCode.SOURCE if recorded.outcome is RecordedAs.SKIPPED else ExitCode.OK


async def _on_timer(recorder: BaselineRecorder, scope: Incident, opened: Opened) -> None:
    try:
        for warning in await preflight(opened, scope, has_baseline=False):
            _say(f"warning: {warning}")
    except TemporarySourceError as error:
        # A recorder that starts with the cluster is there first.
        _say(f"warning: {error}")
    await recorder.run()


def _tell(recorded: Recorded) -> None:
    when = f"{recorded.at:%Y-%m-%d %H:%M:%SZ}"
    if recorded.outcome is RecordedAs.SKIPPED:
        _say(f"warning: {when} look skipped: {recorded.trouble}")
        return
    name = recorded.path.name if recorded.path is not None else ""
    removed = f", {recorded.removed} older deleted" if recorded.removed else ""
    typer.echo(f"{when} {recorded.outcome}: {name}{removed}")
    if recorded.trouble:
        _say(f"warning: {when} {recorded.trouble}")


def _tell_wrong(wrong: Sequence[Evidence]) -> None:
    if wrong:
        _say(
            f"warning: {len(wrong)} things are not well or not readable; a run may pass this "
            f"baseline over"
        )
    for fact in wrong[:SHOWN]:
        _say(f"  {describe_fact(fact)}")


def _say(text: str) -> None:
    sys.stderr.write(f"{redacted(text)}\n")
    sys.stderr.flush()
