"""The pure function that every engine calls: one stored trace in, one tagged run out.

Nothing here reads a file or knows an engine. A trace that cannot be read raises; whoever calls
decides what becomes of it.
"""

from collections.abc import Collection, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Final

import msgspec

from guardrails.batch.lines import TaggedRun
from guardrails.batch.opening import document_of
from guardrails.batch.reading import runs_of
from guardrails.batch.recorded import RecordedRun, Verdict
from guardrails.batch.tagging import tag_run
from guardrails.core.ids import RunId
from guardrails.core.mast import FailureMode
from guardrails.errors import TraceError

OUTCOMES: Final[Mapping[str, Verdict]] = {
    "": Verdict.UNKNOWN,
    **dict.fromkeys(("right", "correct", "success", "resolved", "passed", "true"), Verdict.RIGHT),
    **dict.fromkeys(("wrong", "incorrect", "failure", "failed", "false"), Verdict.WRONG),
    "unknown": Verdict.UNKNOWN,
}
"""Words for how a run came out, as tables have them."""


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """What a table says of a trace beside the trace itself; None: nothing."""

    run_id: str | None = None
    model: str | None = None
    fault: str | None = None
    outcome: Verdict | None = None


NOTHING_TOLD: Final = Told()


def tag_trace(
    trace: str | bytes | Mapping[str, object] | list[object],
    *,
    told: Told = NOTHING_TOLD,
    source: str = "",
    modes: Collection[FailureMode] = (),
    judge: str = "",
) -> TaggedRun:
    """Tag one trace of any known format.

    Args:
        trace: The trace as JSON text, or decoded: an object, or the list of its messages, spans
            or lines.
        told: What is known of the run besides; it goes before what the trace says.
        source: Where it comes from, as it shall stand in the row.
        modes: Those of interest; empty: all.
        judge: A language model that adds what it finds; empty for none.

    Raises:
        TraceError: It is no trace, or holds more than one run.

    >>> asked = [{"role": "user", "content": "Why does the cart fail?"}]
    >>> tag_trace(asked, told=Told(run_id="monday")).run_id
    'monday'
    """
    run = with_told(run_of(trace, name=told.run_id or "trace"), told)
    return tag_run(run, source=source, modes=modes, judge=judge)


def run_of(trace: str | bytes | Mapping[str, object] | list[object], *, name: str) -> RecordedRun:
    """Read one trace.

    Raises:
        TraceError: It is none, or holds more than one run.
    """
    if isinstance(trace, str):
        data = trace.encode("utf-8", "replace")
    elif isinstance(trace, bytes):
        data = trace
    else:
        data = msgspec.json.encode(trace)
    found = list(islice(runs_of(document_of(Path(name), data)), 2))
    if len(found) > 1:
        raise TraceError("more than one run in one row: a row holds one trace")
    return found[0]


def with_told(run: RecordedRun, told: Told) -> RecordedRun:
    """Return a run with what a table says of it in the place of what its trace says."""
    return replace(
        run,
        run_id=RunId(told.run_id) if told.run_id else run.run_id,
        model=run.model if told.model is None else told.model,
        fault=run.fault if told.fault is None else told.fault,
        outcome=run.outcome if told.outcome is None else told.outcome,
    )


def outcome_of(value: object) -> Verdict | None:
    """Return how a run came out, by what a column holds; None where it holds nothing.

    Raises:
        TraceError: Nobody knows what the value means.

    >>> outcome_of("resolved"), outcome_of(False), outcome_of(None)
    (<Verdict.RIGHT: 'right'>, <Verdict.WRONG: 'wrong'>, None)
    """
    if value is None:
        return None
    word = str(value).strip().lower()
    if word not in OUTCOMES:
        known = ", ".join(filter(None, OUTCOMES))
        raise TraceError(f"outcome {word[:40]!r}: no known word; known are {known}")
    return OUTCOMES[word]
