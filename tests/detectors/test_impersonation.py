"""FM-1.2 in conversations: work under another's name."""

import pytest

from guardrails.core.findings import Finding
from guardrails.core.mast import FailureMode
from guardrails.detectors.impersonation import LEAST_LINES, ImpersonationState, observe
from tests.detectors.conversation import Said, found, says

PROGRAM = "\n".join(f"cart_{n} = {n}" for n in range(LEAST_LINES))
CODE = f"```python\n{PROGRAM}\n```"
CODER = says("Coder", "Here it is.")
TESTER = says("Tester", "Looks fine.")


def play(*said: Said) -> tuple[Finding, ...]:
    return found(observe, ImpersonationState(), said)


@pytest.mark.parametrize(
    "label",
    [
        "### Coder's output",
        "**Coder:**",
        "**Coder's implementation:**",
        "## Step 2: Coder's code",
        "## Implementation (Coder)",
        "[Coder]",
    ],
)
def test_code_under_the_name_of_another_is_that_ones_work(label: str) -> None:
    """The planner wrote what the coder was there for."""
    (finding,) = play(says("Planner", f"## Plan\n{label}\n\n{CODE}"), CODER)
    assert finding.mode is FailureMode.DISOBEY_ROLE
    assert (finding.agent, finding.about, finding.steps) == ("Planner", "coder", (1,))
    assert finding.evidence == (label,)


def test_it_counts_when_the_other_has_spoken_before() -> None:
    """A turn of the tester in the coder's mouth, late in the talk."""
    (finding,) = play(CODER, TESTER, says("Coder", f"**Tester:**\n{CODE}"))
    assert (finding.agent, finding.about) == ("Coder", "tester")


def test_verdicts_in_the_name_of_another_are_its_review() -> None:
    """Ticks below `Tester` are a review that the tester never made."""
    review = "## Tester\n- empty cart ✅\n- one item ✅\n- refund ✅"
    (finding,) = play(says("Planner", review), TESTER)
    assert finding.about == "tester"


@pytest.mark.parametrize(
    "text",
    [
        f"## Plan\n{CODE}",
        f"### Planner's sketch\n{CODE}",
        "**Coder:**\n```python\ndef total(cart): ...\n```",
        f"**Coder:**\nWrite it.\n## Notes of the planner\n### Planner\n{CODE}",
        f"**Tester** confirmed all of it.\n{CODE}",
        "**Tester:**\n- check the empty cart\n- check one item\n- check a refund ✅",
        f"### Results\n{CODE}",
    ],
    ids=["nobody", "itself", "a signature", "its own heading", "a sentence", "a list", "a title"],
)
def test_what_only_looks_like_it_is_none(text: str) -> None:
    """Own work, hints and reports on others are sound."""
    assert not play(says("Planner", text), CODER)


def test_a_hint_for_the_next_speaker_may_hold_code() -> None:
    """Who is spoken to and then speaks has done its own work."""
    hint = says("Planner", f"**Coder, please write it like this:**\n{CODE}")
    assert not play(hint, says("Coder", ""), CODER, TESTER)


def test_a_hint_for_somebody_who_is_passed_over_was_the_work() -> None:
    """The tester goes on with what the planner wrote; the coder never had its turn."""
    hint = says("Planner", f"**Coder, please write it like this:**\n{CODE}")
    (finding,) = play(hint, TESTER)
    assert finding.about == "coder"


def test_an_agent_alone_plays_nobody() -> None:
    """Without a second agent the names are parts of one plan."""
    assert not play(says("agent", f"## Coder\n{CODE}"), says("agent", f"## Tester\n{CODE}"))


def test_any_agent_of_the_run_can_be_played() -> None:
    """Names that no framework uses are known once their agents are."""
    (finding,) = play(
        says("alertreader", "Two alerts fire."), says("Planner", f"### Alertreader\n{CODE}")
    )
    assert finding.about == "alertreader"
