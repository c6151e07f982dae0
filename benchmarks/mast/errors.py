"""Lists where detectors and labels differ, with both sides' reasons: what tuning works from."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

from benchmarks.mast.gold import GoldRun


def error_lines(
    runs: Sequence[GoldRun], mode: str, *, half: str, agreed: bool = False
) -> Iterator[str]:
    """Yield what a person reads on every run in which a mode was told wrongly.

    Args:
        runs: The gold runs.
        mode: `3.1`.
        half: `even`, `odd` or `all`.
        agreed: Whether runs that were told rightly positive are listed too.
    """
    for run in runs:
        labelled, said = run.cells.labels.get(mode), mode in run.cells.said
        right = labelled is None or labelled == said
        if half not in {"all", run.cells.half} or (right and not (agreed and said and labelled)):
            continue
        kind = "agreed" if right else "false positive" if said else "false negative"
        tagged = run.tagged
        yield f"{kind} of {mode}: {run.cells.run_id} ({run.cells.half}; {tagged.outcome}; "
        yield f"  fault {tagged.fault!r}; {tagged.steps} steps)"
        for found in tagged.findings:
            if found.mode in mode:  # `3.2|3.3` stands for both
                steps = ", ".join(map(str, found.steps))
                yield f"  said by {found.detector} of {found.agent!r}, steps {steps}: {found.why}"
                yield f"    about {found.about!r}; {found.severity}; {found.confidence:.2f}"
                yield from (f"    quote: {quote}" for quote in found.evidence)
        yield from _gold_lines(run.record, mode)
        yield ""


def _gold_lines(record: dict[str, Any], mode: str) -> Iterator[str]:
    if note := record.get("note"):
        yield f"  annotator's note: {note}"
        return
    evidence = cast("dict[str, list[dict[str, Any]]]", record.get("evidence") or {})
    for one in evidence.get(mode, ()):
        yield f"  gold {one.get('annotator')}, {one.get('steps')}: {one.get('why')}"
        yield f"    quote: {one.get('quote')}"
    others = sorted(key for key in evidence if key != mode)
    yield f"  gold also has {', '.join(others) or 'nothing else'}"
