"""FM-2.6 from words that their own evidence contradicts.

Two annotators of the same runs agree little on this mode (Cohen's kappa 0.34 on 36 runs), so only
plain contradictions count: what is denied stands in what was quoted, or in what a tool showed.
"""

from collections.abc import Iterator
from typing import Final

from guardrails.actions.absences import denied_address, denied_errors
from guardrails.actions.conclusions import Conclusion
from guardrails.actions.sentences import read
from guardrails.core.events import Event
from guardrails.core.findings import Finding
from guardrails.core.mast import FailureMode, Weight
from guardrails.detectors.base import finding
from guardrails.detectors.scene import Scene

DETECTOR: Final = "Contradiction"


def judge(event: Event, scene: Scene, said: Conclusion) -> Iterator[Finding]:
    """Judge a final answer, or a report.

    Structural, both: 5 of 195 wrong runs of an SRE agent and 5 of 81 right ones deny an address
    that they quote, 38 and 32 deny errors that their own tools showed.
    """
    if (quotes := denied_address(said)) is not None:
        why = "says that no address was configured, and quotes the address that was read"
        yield _finding(event, "denied address", why=why, evidence=quotes)
    seen = (read(one.text) for one in scene.shown if one.agent == event.agent)
    if (quotes := denied_errors(said, seen)) is not None:
        why = "says that there are no traces with errors, and was shown some"
        yield _finding(event, "denied errors", why=why, evidence=quotes)


def _finding(event: Event, about: str, *, why: str, evidence: tuple[str, ...]) -> Finding:
    return finding(
        event,
        FailureMode.REASONING_ACTION_MISMATCH,
        DETECTOR,
        why=why,
        about=about,
        evidence=evidence,
        confidence=0.7,
        severity=Weight.STRUCTURAL,
    )
