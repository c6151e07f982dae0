"""Conclusions, taken apart."""

import pytest

from guardrails.actions.absences import demanded, said_gone, setting_as_cause
from guardrails.actions.admissions import (
    inconclusive,
    left_for_later,
    unconfirmed,
    undecided,
    waived,
)
from guardrails.actions.conclusions import names_in, read_conclusion
from guardrails.actions.sentences import read


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("root_cause: cart is full", "cart is full"),
        ("## Root cause\nThe disk of cart is full.", "The disk of cart is full."),
        ("**Root Cause:** cart is full", "cart is full"),
        (
            "All checked. Pods restart because the disk is full.",
            "Pods restart because the disk is full",
        ),
        ("All is well.", ""),
    ],
)
def test_the_cause_is_found_under_its_heading_or_in_a_sentence_that_blames(
    text: str, cause: str
) -> None:
    """Headings, fields and plain words are how agents state it."""
    assert read_conclusion(text).cause.strip("* ") == cause


def test_a_list_of_places_is_read_with_its_words() -> None:
    """Items may be names, paths, or names with words around them."""
    said = read_conclusion('localization: ["pod/cart-0", "web (its cache)"]')
    assert said.listed == ("pod/cart-0", "web (its cache)")
    assert read_conclusion("localization: [not json").listed == ()


def test_names_are_words_in_lower_case() -> None:
    """Of an address, its first label: a Service's name in DNS."""
    assert names_in("Pod cart-0 calls web.shop.svc and Redis") == ("cart-0", "calls", "web", "and")


@pytest.mark.parametrize(
    "text",
    [
        "Lower-priority checks were not required.",
        "The remaining tasks are unnecessary.",
        "No further tasks were needed.",
    ],
)
def test_waived_steps_are_told(text: str) -> None:
    """Several ways to say that something was left out."""
    assert list(waived(read_conclusion(text)))


@pytest.mark.parametrize("text", ["No restart is needed.", "All planned checks were done."])
def test_what_is_not_a_step_is_not_waived(text: str) -> None:
    """A repair that is not needed is no check that was left out."""
    assert not list(waived(read_conclusion(text)))


def test_the_unconfirmed_is_told_from_what_comes_next() -> None:
    """Recommendations stand in right answers, too."""
    assert list(unconfirmed(read_conclusion("Whether it ran was not confirmed.")))
    assert not list(unconfirmed(read_conclusion("Next steps: scale it up.")))
    assert list(left_for_later(read_conclusion("Next steps: scale it up.")))


def test_an_inconclusive_answer_says_so() -> None:
    """Its own words, quoted."""
    assert inconclusive(read_conclusion("We were unable to determine the cause."))
    assert not inconclusive(read_conclusion("The cause is a full disk."))


def test_alternatives_leave_a_cause_undecided() -> None:
    """A guess with an `or` behind it."""
    assert undecided(read_conclusion("Root cause: likely a full disk or a slow network."))
    assert not undecided(read_conclusion("Root cause: likely a full disk."))


def test_a_hedge_over_files_is_no_missing_setting() -> None:
    """A comma ends the clause in which something is missing."""
    text = "Root cause: a missing or invalid file, wrong paths in the config of the pod template."
    assert setting_as_cause(read_conclusion(text)) == ()


def test_a_program_that_demands_a_setting_is_believed() -> None:
    """It says so itself, in its log."""
    assert demanded(map(read, ["fatal: missing required env PORT"]))
    assert not demanded(map(read, ["listening on PORT 80"]))


def test_what_is_called_gone_is_read_from_the_cause_only() -> None:
    """Evidence may speak of other things that are missing."""
    said = read_conclusion("Root cause: Service basket was deleted.\nLogs of web are missing.")
    assert [name for name, _ in said_gone(said)] == ["basket", "was", "deleted"]
