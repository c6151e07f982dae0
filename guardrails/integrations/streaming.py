"""Findings in LangGraph's custom stream: what detectors see shows while the agent works.

A hook that hands records to the stream writer of the node in which they were made, so a sub-agent's
findings carry its place in the graph. Whatever happens outside of a graph has no writer and is left
out; the trace file, logs and metrics have it.
"""

from typing import Any, Final, Literal, TypedDict

from langgraph.config import get_stream_writer

from guardrails.core.decisions import Decision, EnforcedAction, Verdict
from guardrails.core.findings import Finding, FindingWithdrawn
from guardrails.core.hooks import Record
from guardrails.core.ids import RunId
from guardrails.core.mast import MODES
from guardrails.integrations.replies import MARK, StreamEvent


class StreamedFinding(TypedDict):
    """What `stream_mode="custom"` shows of a finding, under the key `guardrails`.

    A finding that grew is shown again; those of the same `mode`, `agent` and `about` are one.
    """

    type: Literal["finding"]
    run: str
    mode: str
    """MAST id, such as `FM-1.3`."""
    name: str
    """What MAST calls it."""
    agent: str
    about: str
    detector: str
    severity: str
    """`decisive`, `structural` or `unseen`."""
    confidence: float
    steps: list[int]
    why: str
    quotes: list[str]
    judged: bool


class StreamedWithdrawal(TypedDict):
    """What it shows when later evidence speaks against a finding."""

    type: Literal["withdrawn"]
    run: str
    mode: str
    name: str
    agent: str
    about: str
    detector: str
    why: str


StreamPart = StreamedFinding | StreamedWithdrawal | StreamEvent


class StreamHook:
    """Writes findings, withdrawals and warnings to the stream of the graph that runs."""

    name = "langgraph-stream"

    def on_record(self, run: RunId, record: Record, /) -> None:
        """Write one record, if it is one to be shown and a graph runs here."""
        part = part_of(run, record)
        if part is None:
            return
        try:
            write = get_stream_writer()
        except (RuntimeError, KeyError):  # no graph, or one that a tool was called without
            return
        write({MARK: part})


STREAM: Final = StreamHook()
"""It keeps nothing, so there is one."""


def part_of(run: RunId, record: Record) -> StreamPart | None:
    """Return what the stream shows of a record; None for most of them.

    Decisions that hold something back are shown by the adapters, which know the message or the
    call that they concern.
    """
    match record:
        case Finding():
            return _finding(record)
        case FindingWithdrawn():
            return _withdrawal(record)
        case Decision() if _is_warning(record):
            return StreamEvent(
                type="warned",
                run=run,
                reason=str(record.reason),
                message=record.to_person or record.to_model,
                message_id="",
                outcome=None,
            )
        case _:
            return None


def _is_warning(decision: Decision) -> bool:
    free = decision.action is EnforcedAction.ALLOW and decision.outcome is None
    return free and (decision.verdict is not Verdict.ALLOW or bool(decision.cascade))


def _finding(finding: Finding) -> StreamedFinding:
    return StreamedFinding(
        type="finding",
        **_named(finding),
        severity=finding.weight.value,
        confidence=finding.confidence,
        steps=list(finding.steps),
        why=finding.why,
        quotes=list(finding.evidence),
        judged=finding.judged,
    )


def _withdrawal(withdrawn: FindingWithdrawn) -> StreamedWithdrawal:
    return StreamedWithdrawal(type="withdrawn", **_named(withdrawn), why=withdrawn.why)


def _named(found: Finding | FindingWithdrawn) -> Any:  # noqa: ANN401  # part of either TypedDict
    return {
        "run": str(found.run),
        "mode": found.mode.value,
        "name": MODES[found.mode].name,
        "agent": found.agent,
        "about": found.about,
        "detector": found.detector,
    }
