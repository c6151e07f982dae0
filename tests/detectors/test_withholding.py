"""FM-2.4: an agent saw what mattered and did not hand it on."""

import msgspec
from written_runs import Run

from guardrails.core.events import MessagePassed
from guardrails.core.mast import FailureMode, Weight
from guardrails.detectors.registry import DetectorStates
from guardrails.detectors.scene import MESSAGES

MODE = FailureMode.INFORMATION_WITHHOLDING
LOG = "starting\nwarming caches\nquota exceeded for object store bucket cart-media\nready\n" * 3
WELL = "cart runs, with one replica and no restarts."


def _reported(text: str) -> Run:
    run = Run().task("scout", "Look at cart.")
    return run.kubectl("logs deploy/cart -n shop", LOG, agent="scout").report("scout", text)


def test_a_report_that_leaves_out_what_was_seen_withholds_it() -> None:
    """Nobody says a word of the quota up to the end."""
    (found,) = _reported(WELL).ends("Cause unknown.", agent="lead").of(MODE)
    assert found.agent == "scout"
    assert "quota exceeded" in found.evidence[0]
    assert found.weight is Weight.STRUCTURAL


def test_a_report_that_hints_at_it_hands_it_on() -> None:
    """Loose words are enough."""
    run = _reported("cart runs, but its store is over quota.")
    assert not run.ends("Cause unknown.", agent="lead").of(MODE)


def test_a_conclusion_that_knows_it_was_told_somehow() -> None:
    """The receiver did not lack it."""
    assert not _reported(WELL).ends("The quota of the store is spent.", agent="lead").of(MODE)


def test_what_is_handed_on_later_is_no_longer_withheld() -> None:
    """The finding stood after the first end, and is taken back."""
    run = _reported(WELL).ends("Cause unknown.", agent="lead")
    assert run.of(MODE)
    run.fact(MessagePassed(to="lead", text="I also saw a quota error."), "scout")
    assert not run.of(MODE)


def test_what_was_told_long_ago_is_not_withheld() -> None:
    """It counts still when the scene no longer holds the message that told it."""
    run = Run().fact(MessagePassed(to="lead", text="The store is over quota."), "keeper")
    for number in range(MESSAGES + 1):
        run.fact(MessagePassed(to="lead", text=f"Turn {number}."), "keeper")
    run.task("scout", "Look at cart.")
    run.kubectl("logs deploy/cart -n shop", LOG, agent="scout").report("scout", WELL)
    assert not run.ends("Cause unknown.", agent="lead").of(MODE)


def test_what_was_told_before_anybody_saw_it_is_not_withheld() -> None:
    """The others know, whoever told them."""
    run = Run().fact(MessagePassed(to="lead", text="The store is over quota."), "keeper")
    run.task("scout", "Look at cart.")
    run.kubectl("logs deploy/cart -n shop", LOG, agent="scout").report("scout", WELL)
    assert not run.ends("Cause unknown.", agent="lead").of(MODE)


def test_a_healthy_result_holds_nothing_to_withhold() -> None:
    """Only what a tool words as trouble counts."""
    run = Run().task("scout", "Look at cart.")
    run.kubectl("logs deploy/cart -n shop", "ready\n" * 20, agent="scout").report("scout", WELL)
    assert not run.ends("Cause unknown.", agent="lead").of(MODE)


def test_one_agent_withholds_nothing() -> None:
    """There is nobody to keep it from."""
    run = Run().kubectl("logs deploy/cart -n shop", LOG)
    assert not run.ends("Cause unknown.").of(MODE)


def test_the_states_of_all_detectors_survive_being_stored() -> None:
    """A session is snapshot as JSON and goes on from there."""
    run = _reported("cart was not renamed: that is ruled out.").task(
        "scout", "Only in namespace a."
    )
    run.call("get_traces", '{"service": "web-entry"}', "The service web-entry does not exist")
    run.ends("Root cause: web-entry is missing.", agent="lead")
    stored = msgspec.json.encode(run.states)
    assert msgspec.json.decode(stored, type=DetectorStates) == run.states
