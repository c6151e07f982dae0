"""The tables count a case for the gate that was wrong about it, and for no other."""

from __future__ import annotations

import msgspec
import pytest

from benchmarks.gates.cases.model import Expect, Kind, RuleEdit
from benchmarks.gates.live.acting import StepError, edit_rules
from benchmarks.gates.results import OURS, CaseResult, Ours, Run, Said, write
from benchmarks.gates.table import error_rows, errors_of_ours, fault_rows, late_passes, not_run


def said(*, accepted: bool, seconds: float = 1.0) -> Said:
    """Return what a gate said."""
    return Said(accepted=accepted, seconds=seconds, said="so")


def case(
    name: str, expect: Expect, *, ours: bool, kstatus: bool, good: float | None = None
) -> CaseResult:
    """Return a case that two gates judged."""
    return CaseResult(
        id=f"{name}/unfixed",
        fault=name,
        kind=Kind.UNFIXED,
        expect=expect,
        gates={OURS: said(accepted=ours), "kstatus": said(accepted=kstatus)},
        ours=Ours(
            verdict="pass" if ours else "fail",
            first_look_seconds=0.1,
            good_seconds=good,
            window_seconds=5.0,
            poll_seconds=1.0,
            violated=("pods-ready: Pod web-1: not ready",),
        ),
    )


BROKEN = case("a", Expect.REFUSE, ours=False, kstatus=True)
MENDED = case("b", Expect.ACCEPT, ours=True, kstatus=True, good=5.5)
FOOLED = case("c", Expect.REFUSE, ours=True, kstatus=False, good=9.0)
ABSENT = CaseResult(
    id="d/unfixed", fault="d", kind=Kind.UNFIXED, expect=Expect.REFUSE, not_run="no fault"
)
RUN = Run(cases=(BROKEN, MENDED, FOOLED, ABSENT))


def test_error_rates_are_of_the_cases_that_ran() -> None:
    """What was not set up is in no denominator."""
    ours, kstatus = error_rows(list(RUN.judged))[:2]

    assert (ours["false accepts"], ours["false refusals"]) == ("1 of 2", "0 of 1")
    assert (kstatus["false accepts"], kstatus["rate"]) == ("1 of 2", "50.0 %")


def test_errors_of_ours_come_with_their_evidence() -> None:
    """A wrong case is a line that says what the report held against it."""
    (line,) = errors_of_ours(RUN)

    assert line.startswith("c/unfixed: accepted, should be refused.")
    assert "pods-ready: Pod web-1: not ready" in line
    assert not_run(RUN) == ["d/unfixed: no fault"]


def test_pass_long_after_the_window_is_late() -> None:
    """Two polls beyond the window are allowed."""
    assert [c.id for c in late_passes(RUN.judged)] == ["c/unfixed"]


def test_matrix_has_a_row_per_fault() -> None:
    """Each cell counts the cases of a fault that a gate is wrong about."""
    rows = {row["fault"]: row for row in fault_rows(list(RUN.judged))}

    assert rows["c"][OURS] == 1
    assert rows["c"]["kstatus"] == "."
    assert rows["a"]["kstatus"] == 1


def test_results_are_written_as_json(tmp_path) -> None:
    """What is written reads back."""
    path = tmp_path / "deep" / "gates.json"
    write(RUN, path)

    assert msgspec.json.decode(path.read_bytes(), type=Run) == RUN


def rules() -> dict:
    """Return a rule file."""
    return {
        "groups": [
            {"name": "one", "rules": [{"alert": "A", "expr": "up == 0"}, {"alert": "B"}]},
            {"name": "two", "rules": [{"alert": "C"}]},
        ]
    }


def test_rule_edits_touch_one_rule_and_its_group() -> None:
    """A rule is changed, deleted or limited where it stands."""
    document = rules()
    edit_rules(document, RuleEdit(alert="A", set={"expr": "vector(0) > 1"}, group={"limit": 1}))
    edit_rules(document, RuleEdit(alert="C", delete=True))

    assert document["groups"][0] == {
        "name": "one",
        "limit": 1,
        "rules": [{"alert": "A", "expr": "vector(0) > 1"}, {"alert": "B"}],
    }
    assert document["groups"][1]["rules"] == []


def test_edit_of_a_rule_that_is_not_there_fails() -> None:
    """A case whose fake fix does nothing would say nothing."""
    with pytest.raises(StepError, match="no rule for the alert Z"):
        edit_rules(rules(), RuleEdit(alert="Z", delete=True))
