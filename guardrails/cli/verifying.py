"""What `verify` does: opens the gate without an agent, waits, prints the report; or replays one."""

import asyncio
import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import msgspec

from guardrails.cli import stdout
from guardrails.cli.exits import ExitCode, of_verdict
from guardrails.cli.files import read_file
from guardrails.cli.options import Output
from guardrails.cli.output import encode
from guardrails.cli.signals import run_interruptible
from guardrails.cli.sources import Opened, SourceOptions, in_scope, open_sources, preflight
from guardrails.core.allowances import Allowance
from guardrails.core.claims import Claim, ClaimKind
from guardrails.core.clock import SystemClock
from guardrails.core.events import WatchEnd
from guardrails.core.evidence import (
    REPORT_SCHEMA,
    EvidenceState,
    GateProgress,
    GateReport,
    GateVerdict,
)
from guardrails.core.incident import Goal, Incident
from guardrails.core.versions import newer_version, update_needed
from guardrails.engine.scrub import scrubbed
from guardrails.errors import TraceError, UsageError
from guardrails.gates.base import GateRequest, GateRun
from guardrails.gates.composition import discrepancies, replay
from guardrails.gates.diagnosis import OBSERVED_ID
from guardrails.gates.evidence_gate import EvidenceGate
from guardrails.gates.reference import read_manifests
from guardrails.gates.registry import DEFAULT_CHECKS
from guardrails.gates.summary import summarize
from guardrails.gates.watching import Pace, named, watch_run
from guardrails.hygiene.redact import redacted
from guardrails.policy.durations import format_duration
from guardrails.policy.models import GateSettings, Settings
from guardrails.reports.wording import (
    describe_allowed,
    describe_fact,
    printable,
    tally,
    until,
    without_numbers,
)

FACTS_SHOWN = 20
"""Facts that are listed in text; JSON has all."""

_WIDTH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRequest:
    """What to judge, and by what."""

    incident: Incident
    settings: Settings
    sources: SourceOptions
    baseline: tuple[Path, ...] = ()
    manifests: tuple[Path, ...] = ()
    claim: Claim | None = None
    """The diagnosis, when one is claimed."""
    watches: bool = False
    """Whether a pass is watched, for as long as the settings say."""
    allowances: tuple[Allowance, ...] = ()
    """Losses that the person at the command line allows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What there is to print, without secrets, and what it amounts to."""

    report: GateReport
    code: ExitCode


def judge_now(request: VerifyRequest, *, output: Output) -> ExitCode:
    """Run the gate and print its report.

    Args:
        request: What to judge.
        output: With `json` the report is the one thing on standard output.

    Returns:
        The exit code of the verdict, or of the signal that ended the wait.
    """
    diagnosing = request.incident.goal is Goal.DIAGNOSIS
    if diagnosing and request.claim is None:
        raise UsageError(
            "a diagnosis names something; give --entity kind/name or --claim-file FILE"
        )
    if request.claim is not None and not diagnosing:
        raise UsageError("--entity and --claim-file name a cause; give --claim diagnosed with them")
    if diagnosing and request.watches:
        raise UsageError("a diagnosis cannot regress; leave out --watch")
    read_manifests(request.manifests)  # A mistake in them is told before anything is asked.
    opened = open_sources(request.sources, timeout_seconds=request.settings.gate.list_timeout)
    with contextlib.ExitStack() as stack:
        stack.callback(opened.close)
        write = stack.enter_context(stdout.reserved()) if output is Output.JSON else None
        judged, interruption = run_interruptible(lambda: _judge(request, opened), say=_say)
        if judged is None:
            return ExitCode(interruption.exit_code or ExitCode.ABORTED)
        if write is None:
            with stdout.surviving_reader():
                print_report(sys.stdout, judged.report)
        else:
            write(encode(judged.report))
    return ExitCode(interruption.exit_code or judged.code)


def replay_file(path: Path, *, output: Output) -> ExitCode:
    """Judge a stored report again.

    Args:
        path: A report, or an object that holds one under `report`.
        output: With `json` the report, with the verdict as judged again, is printed.

    Returns:
        The exit code of the verdict, or `DIFFERENT` when it is not the stored one.

    Raises:
        TraceError: The file is no report.
    """
    stored = _read_report(path)
    again = replay(stored)
    judged = summarize(
        msgspec.structs.replace(
            stored,
            verdict=again.verdict,
            tier=again.tier,
            waiting_for=again.waiting_for,
            waiting_until=again.waiting_until,
        )
    )
    judged = scrubbed(judged)
    if output is Output.JSON:
        stdout.put(encode(judged))
    else:
        with stdout.surviving_reader():
            print_report(sys.stdout, judged)
    wrong = discrepancies(stored)
    for what in wrong:
        _say(f"error: {path}: {what}")
    if wrong:
        return ExitCode.DIFFERENT
    return of_verdict(again.verdict)


def print_report(stream: TextIO, report: GateReport) -> None:
    """Write a report as lines: the verdict, then what speaks against it."""
    tier = f", tier {report.tier} of {report.required_tier}" if report.tier else ""
    stream.write(f"{report.verdict}{tier}: {printable(report.summary, width=_WIDTH)}\n")
    detail = f" ({report.reference.detail})" if report.reference.detail else ""
    reference = printable(f"{report.reference.source}{detail}", width=_WIDTH)
    stream.write(f"  reference  {reference}\n")
    open_facts = [e for e in report.evidence if e.counts and e.state is not EvidenceState.SATISFIED]
    stream.writelines(
        f"  {fact.state:<9}  {printable(describe_fact(fact), width=_WIDTH)}\n"
        for fact in open_facts[:FACTS_SHOWN]
    )
    stream.writelines(
        f"  allowed    {printable(describe_allowed(fact), width=_WIDTH)}\n"
        for fact in report.allowed
    )
    stream.write(f"  {tally(report)}, {len(report.trail)} looks\n")
    stream.flush()


async def _judge(request: VerifyRequest, opened: Opened) -> Judged:
    clock = SystemClock()
    incident = in_scope(request.incident, opened)
    known = bool(request.baseline or request.manifests)
    for warning in await preflight(opened, incident, has_baseline=known):
        _say(f"warning: {warning}")
    gate = EvidenceGate(
        reader=opened.cluster,
        prometheus=opened.prometheus,
        alertmanager=opened.alertmanager,
        settings=request.settings.gate,
        clock=clock,
        baselines=request.baseline,
        manifests=request.manifests,
        # Nobody saw the agent's tools, so what they looked at cannot be asked.
        checks=[c for c in DEFAULT_CHECKS if c.id != OBSERVED_ID],
    )
    waits = request.settings.gate.wait_at_most > 0
    run = await gate.open(incident)
    end = GateRequest(
        incident=incident,
        claim=request.claim or Claim(kind=ClaimKind.MITIGATED),
        wait=waits,
        allowances=request.allowances,
        # Whoever waits has just changed something, and alerts take their time to clear.
        last_write_at=clock.now() if waits else None,
    )
    report = await run.evaluate(end, on_progress=_Progress())
    if request.watches and report.verdict is GateVerdict.PASS:
        return await _watch(run, end, report, request.settings.gate)
    return Judged(report=scrubbed(report), code=of_verdict(report.verdict))


async def _watch(
    run: GateRun, end: GateRequest, passed: GateReport, settings: GateSettings
) -> Judged:
    """Watch a pass; what held is proved by the pass, anything else by the watch's last look."""
    seconds = settings.watch_for
    _say(f"passed; watching for {format_duration(seconds)}")
    pace = Pace(
        clock=SystemClock(),
        for_seconds=seconds,
        poll_seconds=settings.poll_every,
        grace_seconds=settings.unknown_grace,
    )
    try:
        watched = await watch_run(run, end, accepted=passed, pace=pace, on_progress=_Progress())
    except asyncio.CancelledError:
        # A signal. The pass was earned and is worth printing; the exit code is the signal's.
        _say("the watch was broken off")
        return Judged(report=scrubbed(passed), code=ExitCode.OK)
    _say(f"{watched.end} after {watched.seconds:.0f} s of watching, {watched.looks} looks")
    held = watched.end is WatchEnd.HELD
    shown = scrubbed(passed if held else named(watched))
    return Judged(report=shown, code=_WATCH_CODES[watched.end])


_WATCH_CODES = {
    WatchEnd.HELD: ExitCode.OK,
    WatchEnd.REGRESSED: ExitCode.UNRESOLVED,
    WatchEnd.UNREAD: ExitCode.ESCALATED,
    WatchEnd.SETTLING: ExitCode.UNVERIFIABLE,
}


class _Progress:
    """Says on standard error what the gate waits for, whenever that changes."""

    def __init__(self) -> None:
        self._said: tuple[str, ...] = ()

    def __call__(self, progress: GateProgress) -> None:
        reasons = tuple(without_numbers(r) for r in progress.waiting_for)
        if reasons and reasons != self._said:
            self._said = reasons
            _say(f"waiting: {'; '.join(progress.waiting_for)}{until(progress)}")


def _read_report(path: Path) -> GateReport:
    data = read_file(path, option="--replay")
    try:
        holder = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
        body = holder.get("report", msgspec.Raw(data)) if "evidence" not in holder else data
        if newer := newer_version(body, known=REPORT_SCHEMA):
            found = update_needed("report", found=newer, known=REPORT_SCHEMA)
            raise TraceError(f"--replay {path}: {found}")
        return msgspec.json.decode(body, type=GateReport)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise TraceError(f"--replay {path}: not a gate report: {error}") from error


def _say(text: str) -> None:
    sys.stderr.write(f"{redacted(text)}\n")
    sys.stderr.flush()
