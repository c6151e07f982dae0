"""What the tags say of how runs came out: likelihood ratios, and how often right runs are tagged.

No labels are needed for this: the outcome of each run is known, so every run counts.
"""

from collections.abc import Sequence
from math import sqrt

from benchmarks.mast.agreement import ends, shown
from benchmarks.mast.gold import half_of
from guardrails.batch.lines import TaggedRun
from guardrails.batch.ratios import Ratio, Z, likelihood_ratio
from guardrails.batch.recorded import Verdict

SOUND = "No fault"
"""What the SRE runs call a system that nothing is wrong with."""


def fate_rows(runs: Sequence[TaggedRun], modes: Sequence[str]) -> list[dict[str, object]]:
    """A row per mode, and one for the tag `decisive`: failed against successful runs."""
    rows = [_row(mode, runs, [mode in run.modes for run in runs]) for mode in modes]
    decided = _row("decisive", runs, [bool(run.decisive) for run in runs])
    of_mode = [
        _row(f"{mode} decisive", runs, [mode in run.decisive for run in runs])
        for mode in modes
        if any(mode in run.decisive for run in runs)
    ]
    return [*rows, *of_mode, decided]


def tagged_rows(runs: Sequence[TaggedRun]) -> list[dict[str, object]]:
    """How many runs are tagged decisive, of those where none, or all, should be."""
    groups = {
        "wrong": [run for run in runs if run.outcome is Verdict.WRONG],
        "right": [run for run in runs if run.outcome is Verdict.RIGHT],
        "no fault": [run for run in runs if run.fault == SOUND],
        "no fault, right": [
            run for run in runs if run.fault == SOUND and run.outcome is Verdict.RIGHT
        ],
    }
    rows: list[dict[str, object]] = []
    for name, some in groups.items():
        tagged = sum(bool(run.decisive) for run in some)
        share = tagged / len(some) if some else None
        rows.append(
            {
                "runs": name,
                "number": len(some),
                "tagged decisive": tagged,
                "share": shown(share),
                "95 %": ends(wilson(tagged, len(some))),
            }
        )
    return rows


def halves(runs: Sequence[TaggedRun]) -> dict[str, list[TaggedRun]]:
    """Return all runs, and the halves by place in their file."""
    numbered = list(enumerate(runs, start=1))
    return {
        "all": list(runs),
        **{
            half: [run for line, run in numbered if half_of(line) == half]
            for half in ("even", "odd")
        },
    }


def wilson(part: int, whole: int) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson 1927).

    >>> [round(end, 2) for end in wilson(1, 10)]
    [0.02, 0.4]
    """
    if not whole:
        return 0.0, 1.0
    share, z2 = part / whole, Z * Z
    middle = (share + z2 / (2 * whole)) / (1 + z2 / whole)
    reach = Z * sqrt(share * (1 - share) / whole + z2 / (4 * whole * whole)) / (1 + z2 / whole)
    return middle - reach, middle + reach


def _row(name: str, runs: Sequence[TaggedRun], tagged: Sequence[bool]) -> dict[str, object]:
    failed = [is_ for run, is_ in zip(runs, tagged, strict=True) if run.outcome is Verdict.WRONG]
    good = [is_ for run, is_ in zip(runs, tagged, strict=True) if run.outcome is Verdict.RIGHT]
    ratio: Ratio | None = None
    if failed and good and (any(failed) or any(good)):
        ratio = likelihood_ratio(
            failed=sum(failed), of_failed=len(failed), successful=sum(good), of_successful=len(good)
        )
    return {
        "mode": name,
        "wrong": _part(failed),
        "right": _part(good),
        "ratio": None if ratio is None else shown(ratio.value),
        "95 %": ends(None if ratio is None else (ratio.low, ratio.high)),
    }


def _part(tagged: Sequence[bool]) -> str:
    return f"{sum(tagged)}/{len(tagged)} ({sum(tagged) / max(1, len(tagged)):.0%})"
