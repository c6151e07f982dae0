"""JUnit for a pipeline: what fails there is what refused the end."""

import xml.etree.ElementTree as ET

from guardrails.core.evidence import EvidenceState, GateVerdict
from guardrails.reports.building import report_of
from guardrails.reports.junit import junit
from tests.reports.runs import ALERT, ALLOWED, BAD, GOOD, HOSTILE, OLD, fact, judged, told


def _suite(*facts: object) -> ET.Element:
    text = junit([report_of(told(facts))])  # type: ignore[arg-type]
    (suite,) = ET.fromstring(text)  # noqa: S314  # our own
    return suite


def test_each_check_is_a_case_and_so_is_the_end() -> None:
    """Violated fails, unknown is an error, what counts against nobody is skipped."""
    suite = _suite(*judged(GateVerdict.FAIL, GOOD, BAD, ALERT, OLD, ALLOWED))
    counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "6", "failures": "2", "errors": "1", "skipped": "2"}
    end = suite.find("testcase[@classname='run']")
    assert end is not None
    assert end.find("failure") is not None


def test_an_accepted_run_fails_nothing() -> None:
    """A pipeline goes on."""
    suite = _suite(*judged(GateVerdict.PASS, GOOD))
    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")


def test_control_characters_and_markup_do_not_break_the_document() -> None:
    """Logs hold escape sequences, and XML takes none."""
    seen = fact("rollout-complete", EvidenceState.VIOLATED, name=f"{HOSTILE}\x00", observed="\x1b")
    suite = _suite(*judged(GateVerdict.FAIL, seen))
    names = [case.get("name") or "" for case in suite]
    assert any("<script>alert(1)</script>" in name for name in names)


def test_several_runs_are_suites_of_one_document() -> None:
    """A matrix of runs gives one file."""
    reports = [report_of(told(judged(GateVerdict.PASS, GOOD))) for _ in range(3)]
    assert len(ET.fromstring(junit(reports))) == 3  # noqa: S314  # our own
