"""Which recorded snapshots stay."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from guardrails.gates.reference.folder import Mark, StoredFile, StoredName
from guardrails.gates.reference.retention import Retention, superseded, total_bytes

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
KEEP = Retention(all_seconds=3600, hourly_seconds=86_400, daily_seconds=7 * 86_400, max_bytes=10**6)


def stored(minutes: float, *, mark: Mark = Mark.HEALTHY, size: int = 1000) -> StoredFile:
    """A file of some minutes ago."""
    at = NOW - timedelta(minutes=minutes)
    name = StoredName(first=at, last=at, mark=mark)
    return StoredFile(path=Path(str(name)), name=name, size=size)


def ages(files: list[StoredFile], keep: Retention = KEEP) -> list[int]:
    """Minutes of age of what stays."""
    gone = set(superseded(files, now=NOW, keep=keep))
    return [round((NOW - f.name.last).total_seconds() / 60) for f in files if f not in gone]


def test_all_then_hourly_then_daily() -> None:
    """The newest of each hour, then of each day, then none."""
    every_ten_minutes = [stored(m) for m in range(0, 60 * 24 * 9, 10)]
    kept = ages(every_ten_minutes)
    assert [m for m in kept if m <= 60] == [0, 10, 20, 30, 40, 50, 60]
    assert [m for m in kept if 60 < m <= 300] == [70, 130, 190, 250]
    assert [m for m in kept if m > 1440] == [1450, 2170, 3610, 5050, 6490, 7930, 9370]


def test_a_healthy_one_stands_for_its_hour() -> None:
    """A later one that is not well goes before it."""
    files = [stored(0), stored(130, mark=Mark.UNWELL), stored(140), stored(150)]
    assert ages(files) == [0, 140]


def test_the_newest_healthy_one_stays_whatever_its_age() -> None:
    """After a month of trouble it is the only picture of healthy."""
    files = [stored(m, mark=Mark.UNWELL) for m in range(0, 100, 5)]
    assert ages([*files, stored(50_000), stored(60_000)])[-1] == 50_000


def test_bytes_are_bounded_and_the_unwell_go_first() -> None:
    """The oldest of them first; then the oldest healthy ones."""
    sick = [stored(m, mark=Mark.UNWELL, size=400_000) for m in (1, 2, 3)]
    well = [stored(m, size=300_000) for m in (10, 20, 30)]
    assert ages([*sick, *well]) == [1, 10, 20]


def test_what_is_not_well_is_kept_where_nothing_is() -> None:
    """A cluster with a lasting fault still has a past."""
    assert ages([stored(m, mark=Mark.UNWELL) for m in (0, 30)]) == [0, 30]


@given(
    st.lists(
        st.tuples(st.integers(0, 40_000), st.sampled_from(Mark), st.integers(1, 500_000)),
        max_size=40,
        unique_by=lambda one: one[0],
    ),
    st.builds(
        Retention,
        all_seconds=st.integers(0, 9 * 86_400),
        hourly_seconds=st.integers(0, 9 * 86_400),
        daily_seconds=st.integers(0, 30 * 86_400),
        max_bytes=st.integers(1, 3_000_000),
    ),
)
def test_the_bounds_hold_for_any_folder(made: list[tuple[int, Mark, int]], keep: Retention) -> None:
    """The newest healthy one stays; the rest fits; thinning again deletes nothing more."""
    files = [stored(m, mark=mark, size=size) for m, mark, size in made]
    gone = set(superseded(files, now=NOW, keep=keep))
    kept = [f for f in files if f not in gone]
    healthy = [f for f in files if f.name.mark is Mark.HEALTHY]
    newest = sorted(files, key=lambda f: f.name.last)[-1:]
    precious = {*newest, *sorted(healthy, key=lambda f: f.name.last)[-1:]}
    assert precious <= set(kept)
    assert total_bytes(kept) <= keep.max_bytes or set(kept) == precious
    assert superseded(kept, now=NOW, keep=keep) == ()
