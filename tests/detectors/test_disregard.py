"""FM-2.5: a report says that it is not so, and the conclusion says that it is."""

import pytest
from written_runs import Run

from guardrails.core.mast import FailureMode
from guardrails.detectors.disregard import ruled_out_in

MODE = FailureMode.IGNORED_INPUT
DISPROVEN = "The hypothesis that the service was renamed is disproven by the list of services."
RENAMED = "Root cause: the service was renamed by the last release."


def _reported(text: str) -> Run:
    return Run().task("scout", "Was it renamed?").report("scout", text)


def test_a_conclusion_against_a_report_ignores_it() -> None:
    """The lead concludes what its helper had disproven."""
    (found,) = _reported(DISPROVEN).ends(RENAMED, agent="lead").of(MODE)
    assert found.agent == "lead"
    assert DISPROVEN.rstrip(".") in found.evidence


@pytest.mark.parametrize(
    "said",
    [
        "Root cause: the service was renamed, although scout rejected this: the list is stale.",
        "Root cause: the service was not renamed; its pods have no memory.",
        "Root cause: cart has no memory left.",
    ],
    ids=["weighed", "denied", "something else"],
)
def test_a_conclusion_that_weighs_or_follows_a_report_heeds_it(said: str) -> None:
    """To reject it with a reason is no disregard."""
    assert not _reported(DISPROVEN).ends(said, agent="lead").of(MODE)


@pytest.mark.parametrize(
    ("sentence", "faults"),
    [
        ("We ruled out a network policy, and suspect the DNS.", ("network policy",)),
        ("The failing probe hypothesis was refuted.", ("failing probe",)),
        ("The port hypothesis was ruled out, instead the service was renamed.", ()),
        ("The hypothesis that it was not renamed is disproven.", ()),
        ("The hypothesis was ruled out and points to DNS.", ()),
        ("The service was renamed.", ()),
    ],
)
def test_what_a_sentence_rules_out_is_read_narrowly(sentence: str, faults: tuple[str, ...]) -> None:
    """Only the fault that the verb speaks of."""
    assert ruled_out_in(sentence) == faults


def test_one_agent_may_change_its_mind() -> None:
    """What it said itself is nobody else's input."""
    run = Run().ends(DISPROVEN).ends(RENAMED)
    assert not run.of(MODE)
