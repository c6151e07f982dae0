"""The report as JUnit XML, for a pipeline: each check of the last look is a case, and the end one.

A check that is violated, or could not be read, fails. What is held against nobody is skipped.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Final

from guardrails.core.evidence import EvidenceState
from guardrails.reports.page import state_of
from guardrails.reports.values import RunReport, Seen

_FORBIDDEN: Final = re.compile(
    "[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"  # as XML 1.0 has it
)


def junit(reports: Sequence[RunReport]) -> str:
    """Return one document with a suite for each run."""
    root = ET.Element("testsuites", name="guarded-agent")
    for report in reports:
        root.append(_suite(report))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(report: RunReport) -> ET.Element:
    last = report.last
    cases = [_end(report), *(_case(fact) for fact in (last.evidence if last is not None else ()))]
    suite = ET.Element(
        "testsuite",
        name=_text(f"run {report.run}"),
        tests=str(len(cases)),
        failures=str(sum(case.find("failure") is not None for case in cases)),
        errors=str(sum(case.find("error") is not None for case in cases)),
        skipped=str(sum(case.find("skipped") is not None for case in cases)),
        time=f"{report.costs.seconds:.3f}",
    )
    if report.began is not None:
        suite.set("timestamp", report.began.isoformat())
    suite.extend(cases)
    return suite


def _end(report: RunReport) -> ET.Element:
    """The end itself: it passes when it was accepted on evidence."""
    case = ET.Element(
        "testcase",
        classname="run",
        name=_text(f"ends accepted ({report.task[:80]})"),
        time=f"{report.costs.seconds:.3f}",
    )
    if not report.accepted:
        outcome = report.outcome or "cut off"
        failure = ET.SubElement(case, "failure", message=f"{outcome}: {report.meaning}")
        failure.text = _text(report.why or report.reason)
    return case


def _case(fact: Seen) -> ET.Element:
    name = f"{fact.subject} {fact.field}".strip()
    case = ET.Element("testcase", classname=_text(fact.check), name=_text(name))
    said = f"{fact.observed or fact.state}" + (
        f", expected {fact.expected}" if fact.expected else ""
    )
    match state_of(fact):
        case "aside" | "allowed":
            why = fact.allowed_by or "held against nobody"
            ET.SubElement(case, "skipped", message=_text(f"{said}: {why}"))
        case "satisfied":
            pass
        case _ if fact.state is EvidenceState.UNKNOWN:
            ET.SubElement(case, "error", message=_text(said)).text = _text(fact.query)
        case _:
            ET.SubElement(case, "failure", message=_text(said)).text = _text(fact.query)
    return case


def _text(text: str) -> str:
    """Return text as XML takes it: models and tools write control characters, too."""
    return _FORBIDDEN.sub("\N{REPLACEMENT CHARACTER}", text)
