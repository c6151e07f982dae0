"""Two sets of runs side by side, with how sure each difference is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.batch.compare import Compared, compared
from guardrails.batch.intervals import difference, share
from guardrails.batch.lines import TaggedRun
from guardrails.batch.printed import compared_lines
from guardrails.batch.recorded import Verdict
from guardrails.batch.vectors import By, Vector, tallies, vector_of
from tests.batch.states import tagged_run

RIGHT = Verdict.RIGHT
RUNS = st.integers(0, 300)


def _vectors(runs: list[TaggedRun], by: By = By.ALL) -> list[Vector]:
    return [vector_of(name, tally, by=by) for name, tally in tallies(runs, by=by).items()]


def _runs(failed: int, right: int, *modes: str, model: str = "acme:large") -> list[TaggedRun]:
    bad = [tagged_run(f"f{n}", modes=list(modes), model=model) for n in range(failed)]
    return bad + [tagged_run(f"r{n}", outcome=RIGHT, model=model) for n in range(right)]


def _compared(after: list[TaggedRun], before: list[TaggedRun], by: By = By.ALL) -> Compared:
    return compared(_vectors(after, by), _vectors(before, by))


@given(RUNS, RUNS)
def test_a_share_lies_in_its_interval(shown: int, others: int) -> None:
    """Which never leaves 0 to 1, and is never a point."""
    found = share(shown, shown + others)
    if found is None:
        assert shown + others == 0
        return
    assert 0 <= found.low <= found.value + 1e-12
    assert found.value <= found.high + 1e-12
    assert found.low < found.high <= 1


@given(RUNS, RUNS, RUNS, RUNS)
def test_a_difference_lies_in_its_interval_and_turns_round(a: int, b: int, c: int, d: int) -> None:
    """From after to before it is the same with the other sign."""
    one, other = share(a, a + b), share(c, c + d)
    if one is None or other is None:
        return
    there, back = difference(one, other), difference(other, one)
    assert -1 - 1e-9 <= there.low <= there.value + 1e-12
    assert there.value <= there.high + 1e-12
    assert there.high <= 1 + 1e-9
    assert (there.value, there.low) == (pytest.approx(-back.value), pytest.approx(-back.high))


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        # Newcombe 1998, table II, method 10: 56/70 - 48/80, 9/10 - 3/10, 5/56 - 0/29, 10/10 - 0/20.
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((10, 10), (0, 20), 0.6791, 1.0000),
    ],
)
def test_the_interval_is_the_published_one(
    first: tuple[int, int], second: tuple[int, int], low: float, high: float
) -> None:
    """To the fourth digit."""
    one, other = share(*first), share(*second)
    assert one is not None
    assert other is not None
    found = difference(one, other)
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_a_mode_that_went_is_surely_rarer() -> None:
    """Of all runs: what succeeds now may have failed before."""
    (group,) = _compared(_runs(2, 38), _runs(30, 10, "3.1")).groups
    (mode,) = group.modes
    assert (mode.mode, mode.before.runs, mode.after.runs) == ("3.1", 30, 0)
    assert mode.change.sure
    assert mode.change.high < 0
    assert group.success_change is not None
    assert group.success_change.value == pytest.approx(38 / 40 - 10 / 40)


def test_few_runs_leave_it_open() -> None:
    """One run more or less is no change of a policy."""
    (group,) = _compared(_runs(1, 2), _runs(2, 1, "1.3")).groups
    assert group.success_change is not None
    assert not group.success_change.sure
    assert not group.modes[0].change.sure


def test_groups_are_held_against_those_of_their_name() -> None:
    """Others are named, and compared with nothing."""
    after = _runs(1, 1, model="a") + _runs(1, 1, model="b")
    before = _runs(1, 1, model="b") + _runs(1, 1, model="c")
    found = _compared(after, before, By.MODEL)
    assert [one.name for one in found.groups] == ["b"]
    assert (found.only_after, found.only_before) == (("a",), ("c",))


def test_one_group_in_each_is_compared_whatever_its_name() -> None:
    """A change of the model is a change of the name."""
    found = _compared(_runs(1, 1, model="new"), _runs(1, 1, model="old"), By.MODEL)
    assert [(one.name, one.before) for one in found.groups] == [("new", "old")]
    assert "model new against old: 2 runs before, 2 after" in list(compared_lines(found))


def test_runs_of_unknown_outcome_leave_success_open() -> None:
    """Of what is not known there is no share."""
    unknown = [tagged_run("u", modes=["1.3"], outcome=Verdict.UNKNOWN)]
    (group,) = _compared(unknown, _runs(1, 1)).groups
    assert group.success is None
    assert group.success_change is None
    assert [one.mode for one in group.modes] == ["1.3"]
