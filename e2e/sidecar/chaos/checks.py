"""What must be true of a run's records, whatever happened to those who wrote them."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass

import msgspec

from guardrails.core.decisions import Decision
from guardrails.core.events import (
    Event,
    GateReported,
    ModelReplied,
    ToolRequested,
    ToolReturned,
)
from guardrails.core.evidence import GateVerdict
from guardrails.core.ids import RunId
from guardrails.sidecar.stores.base import Record
from guardrails.sidecar.stores.opening import open_store


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the records of one run say."""

    records: int
    accepted: int
    """Decisions that accept an end."""
    unproven: int
    """Those of them without a passing report before them."""
    lost: int
    """Numbers of the caller's that are missing, and places that are."""
    doubled: int
    """Numbers, calls, results or words that are there twice."""
    ended: bool
    refused: int
    """Reports that do not pass."""


def found_in(url: str, run: str) -> Found:
    """Read a run from a store."""
    with contextlib.closing(open_store(url)) as store:
        stored = store.load(RunId(run))
        if stored is None:
            raise LookupError(f"no run {run}")
        return _examined(list(store.records(RunId(run))), ended=stored.row.ended)


def runs_in(url: str) -> list[str]:
    """Return the runs of a store."""
    with contextlib.closing(open_store(url)) as store:
        return [str(row.run) for row in store.rows()]


def _examined(records: list[Record], *, ended: bool) -> Found:
    events = [msgspec.json.decode(one.event, type=Event) for one in records]
    decisions = [msgspec.json.decode(one.decision, type=Decision) for one in records]
    numbers = Counter(one.number for one in records if one.number)
    places = {one.seq for one in records}
    things = Counter(filter(None, (_thing(one) for one in events)))
    passed, accepted, unproven = False, 0, 0
    for event, decision in zip(events, decisions, strict=True):
        report = event.fact.report if isinstance(event.fact, GateReported) else None
        passed = passed or (report is not None and report.verdict is GateVerdict.PASS)
        if decision.outcome is not None and decision.outcome.accepted:
            accepted += 1
            unproven += not passed
    return Found(
        records=len(records),
        accepted=accepted,
        unproven=unproven,
        lost=max(numbers, default=0) - len(numbers) + max(places) - len(places),
        doubled=sum(count - 1 for each in (numbers, things) for count in each.values()),
        ended=ended,
        refused=sum(
            isinstance(one.fact, GateReported) and one.fact.report.verdict is not GateVerdict.PASS
            for one in events
        ),
    )


def _thing(event: Event) -> str:
    match event.fact:
        case ModelReplied(text=text, tool_calls=calls):
            ids = " ".join(str(call.call_id) for call in calls)
            return f"said {text} {ids}"
        case ToolRequested(call_id=call):
            return f"asked {call}"
        case ToolReturned(call_id=call):
            return f"back {call}"
        case _:
            return ""
