"""What a measured vector calls for is said only where there are runs enough to say it."""

import pytest

from guardrails.batch.advise import ANSWERS, ENOUGH, Advice, advise, answers_of, distance
from guardrails.batch.lines import TaggedRun, short_id
from guardrails.batch.printed import advice_lines
from guardrails.batch.recorded import Verdict
from guardrails.batch.vectors import By, tallies, vector_of
from guardrails.core.mast import FailureMode
from guardrails.core.signatures import SIGNATURES, Signature
from guardrails.policy.load import explain_settings
from tests.batch.states import tagged_run


def advice(*runs: TaggedRun) -> Advice:
    """Return the advice on runs of one group."""
    (tally,) = tallies(runs, by=By.ALL).values()
    return advise(vector_of("all runs", tally, by=By.ALL), tally)


def runs_of(signature: Signature) -> list[TaggedRun]:
    """Return runs that show each mode as often as a class does."""
    runs: list[TaggedRun] = []
    for outcome, number in (
        (Verdict.WRONG, signature.failed),
        (Verdict.RIGHT, signature.successful),
    ):
        for at in range(number):
            modes = [
                short_id(mode)
                for mode, shown in signature.shown.items()
                if at < (shown.failed if outcome is Verdict.WRONG else shown.successful)
            ]
            runs.append(tagged_run(f"{outcome}-{at}", outcome=outcome, modes=modes))
    return runs


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_published_class_is_known_again(name: str) -> None:
    """At no distance, and rather surely."""
    found = advice(*runs_of(SIGNATURES[name]))
    assert found.refused == ""
    assert found.profile == name
    assert found.classes[0].distance == pytest.approx(0)
    assert found.classes[0].sure > 0.8
    assert sum(one.sure for one in found.classes) == pytest.approx(1)


def test_the_modes_that_decide_are_told_from_those_that_accompany() -> None:
    """In the mid-tier class, repetition is in nearly every run, and wrong checks are not."""
    found = advice(*runs_of(SIGNATURES["mid-tier"]))
    assert "3.3" in found.fatal
    assert "1.3" in found.structural
    assert set(found.fatal).isdisjoint(found.structural)


def test_few_failed_runs_tell_no_class() -> None:
    """The refusal says how many there are, and how many it takes."""
    found = advice(*[tagged_run(str(n), modes=["3.1", "3.3"]) for n in range(ENOUGH - 1)])
    assert found.profile == ""
    assert found.classes == ()
    assert f"{ENOUGH - 1} failed runs" in found.refused


def test_runs_that_are_like_no_class_are_told_none() -> None:
    """The nearest of three that are far is not near."""
    found = advice(*[tagged_run(str(n), modes=["2.4", "2.1", "1.2"]) for n in range(40)])
    assert found.profile == ""
    assert found.refused.startswith("like none")


def test_failed_runs_without_modes_are_told_no_class() -> None:
    """Nothing measured is not a small distance."""
    assert advice(*[tagged_run(str(n)) for n in range(40)]).profile == ""


def test_modes_that_the_study_could_not_see_do_not_count() -> None:
    """Its parser read 2.5 and 3.2 as absent."""
    signature = SIGNATURES["frontier"]
    assert distance({"2.5": 1.0, "3.2": 1.0}, signature) == distance({}, signature)


@pytest.mark.parametrize("mode", FailureMode)
def test_every_setting_that_is_named_exists(mode: FailureMode) -> None:
    """In the policy, so that it can be set."""
    known = {one.key for one in explain_settings(environ={})}
    assert set(ANSWERS[mode]) <= known


def test_answers_have_the_values_of_the_profile() -> None:
    """What the advice says is what `--profile` would do."""
    (answer,) = answers_of(["2.6"], profile="mid-tier")
    assert answer.settings["fsm.alignment"] == "reconcile"


def test_a_mode_between_agents_has_no_setting_and_says_so() -> None:
    """No guard mends what agents keep from each other."""
    runs = [tagged_run(str(n), modes=["2.4", "3.3", "3.1"]) for n in range(40)]
    runs += [tagged_run(f"r{n}", outcome=Verdict.RIGHT) for n in range(40)]
    (tally,) = tallies(runs, by=By.ALL).values()
    vector = vector_of("all runs", tally, by=By.ALL)
    found = advise(vector, tally)
    if found.profile:
        assert "hand-over" in "\n".join(advice_lines(found, vector))
    assert "2.4" in found.fatal


def test_the_text_says_what_failures_cost() -> None:
    """And how sure the class is."""
    runs = runs_of(SIGNATURES["open"])
    (tally,) = tallies(runs, by=By.ALL).values()
    vector = vector_of("all runs", tally, by=By.ALL)
    text = "\n".join(advice_lines(advise(vector, tally), vector))
    assert "class: open, nearest in" in text
    assert "--profile open" in text
