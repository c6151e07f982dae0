"""What the service's pages take from reports: one look, the same words, and the report itself."""

from guardrails.core.trace import StoredRun
from guardrails.reports.building import report_of
from guardrails.reports.drawing import clock
from guardrails.reports.page import html, look, shared
from guardrails.reports.story import lines_of
from guardrails.reports.wording import describe_fact, outcome_sentence
from guardrails.sidecar.ui.pages import Pages


def served_pages() -> Pages:
    """Return what the service makes its pages with."""
    return Pages(
        look=look(),
        policy=str(shared()["policy"]),
        report=_report,
        lines=lines_of,
        fact=describe_fact,
        meaning=outcome_sentence,
        clock=clock,
    )


def _report(stored: StoredRun) -> str:
    return html(report_of(stored))
