"""Which recorded snapshots stay: all of the last hours, then one an hour, then one a day.

A reference is looked for shortly before an incident, so detail is worth most where it is newest.
The newest healthy snapshot stays whatever its age: after a week of trouble it is all there is.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from guardrails.gates.reference.folder import Mark, StoredFile

_HOUR, _DAY = 3600, 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long snapshots are kept, and how many bytes of them."""

    all_seconds: float = 6 * _HOUR
    """Age up to which every one is kept: the hour before an incident is compared step by step, and
    a person may be called hours after it began."""
    hourly_seconds: float = 2 * _DAY
    """Age up to which one an hour is kept: an incident of the weekend is worked on Monday."""
    daily_seconds: float = 14 * _DAY
    """Age up to which one a day is kept: after two weeks a reference shows another application."""
    max_bytes: int = 256 * 1024 * 1024
    """Most bytes of the whole folder: the times above, at every 5 minutes, are at most 130 files,
    which is 2 MB each for a namespace of thousands of pods."""


def superseded(
    files: Sequence[StoredFile], *, now: datetime, keep: Retention
) -> tuple[StoredFile, ...]:
    """Return the files to delete, oldest first.

    Args:
        files: All that recorders wrote into the folder.
        now: The time that ages are counted from.
        keep: How much stays.
    """
    newest_first = sorted(files, key=lambda f: (f.name.last, f.name.first), reverse=True)
    precious = _precious(newest_first)
    kept = _thinned(newest_first, now, keep) | precious
    total = sum(f.size for f in files if f in kept)
    # What is not well goes first: it can hardly become a reference.
    for file in sorted(kept - precious, key=lambda f: (_is_healthy(f), f.name.last)):
        if total <= keep.max_bytes:
            break
        kept.discard(file)
        total -= file.size
    return tuple(f for f in reversed(newest_first) if f not in kept)


def _precious(newest_first: Sequence[StoredFile]) -> set[StoredFile]:
    """Return what is never deleted: the newest healthy one, and the newest of all.

    The newest of all is what the next look is compared with.
    """
    healthy = next((f for f in newest_first if _is_healthy(f)), None)
    return {f for f in (healthy, *newest_first[:1]) if f is not None}


def _thinned(newest_first: Sequence[StoredFile], now: datetime, keep: Retention) -> set[StoredFile]:
    kept: set[StoredFile] = set()
    steps: dict[tuple[int, int], StoredFile] = {}
    # Healthy ones first, so that they stand for their hour or day.
    for file in sorted(newest_first, key=_is_healthy, reverse=True):
        age = (now - file.name.last).total_seconds()
        if age <= keep.all_seconds:
            kept.add(file)
        elif age <= keep.hourly_seconds:
            steps.setdefault((_HOUR, _step(file, _HOUR)), file)
        elif age <= keep.daily_seconds:
            steps.setdefault((_DAY, _step(file, _DAY)), file)
    return kept | set(steps.values())


def _step(file: StoredFile, seconds: int) -> int:
    return int(file.name.last.timestamp()) // seconds


def _is_healthy(file: StoredFile) -> bool:
    return file.name.mark is Mark.HEALTHY


def total_bytes(files: Iterable[StoredFile]) -> int:
    """Return how much the files take."""
    return sum(file.size for file in files)
