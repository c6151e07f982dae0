"""The page over many runs: shares with intervals, what changed, what to set."""

import re

from guardrails.batch.advise import advise
from guardrails.batch.compare import compared
from guardrails.batch.lines import TaggedRun
from guardrails.batch.recorded import Verdict
from guardrails.batch.vectors import By, tallies, vector_of
from guardrails.reports.vectors import vectors_html
from tests.batch.states import tagged_run
from tests.reports.runs import HOSTILE


def _page(after: list[TaggedRun], before: list[TaggedRun] | None = None, by: By = By.MODEL) -> str:
    tallied = tallies(after, by=by)
    vectors = [vector_of(name, tally, by=by) for name, tally in tallied.items()]
    advice = [advise(v, t) for v, t in zip(vectors, tallied.values(), strict=True)]
    change = None
    if before is not None:
        others = tallies(before, by=by).items()
        change = compared(vectors, [vector_of(name, tally, by=by) for name, tally in others])
    return vectors_html(vectors, advice, change)


def _runs(failed: int, right: int, *modes: str, model: str = "acme:large") -> list[TaggedRun]:
    bad = [tagged_run(f"f{n}", modes=list(modes), model=model) for n in range(failed)]
    good = [tagged_run(f"r{n}", outcome=Verdict.RIGHT, model=model) for n in range(right)]
    return bad + good


def _text(page: str) -> str:
    body = page[page.index("<body>") : page.index("<script>")]
    return " ".join(re.sub(r"<[^>]*>", " ", body).split())


def test_shares_have_intervals_and_modes_their_kind() -> None:
    """Fatal is what failed runs surely show more often."""
    text = _text(_page(_runs(40, 20, "3.1")))
    assert "40 of 40, 100 % (91 % to 100 %)" in text
    assert "3.1 Premature termination fatal" in text
    assert "0 of 20, 0 % (0 % to 16 %)" in text


def test_what_to_set_stands_with_the_numbers_behind_it() -> None:
    """Nobody has to believe an advice."""
    text = _text(_page(_runs(40, 20, "1.3", "2.6", "3.1", "3.3")))
    assert "(in 100 % of failed runs, 0 % of successful ones, ratio " in text
    assert "gate.require=" in text


def test_with_few_runs_no_class_is_told() -> None:
    """And it says how many are needed."""
    assert "No class is told: 2 failed runs; 10 are needed" in _text(_page(_runs(2, 1, "3.1")))


def test_a_comparison_marks_what_is_sure() -> None:
    """By words, too, and not by colour or weight alone."""
    text = _text(_page(_runs(2, 38), _runs(30, 10, "3.1")))
    assert "What changed" in text
    assert re.search(r"successful runs .* \+70 \(.*\) yes", text)
    assert re.search(r"3\.1 Premature termination .* -75 \(.*\) yes", text)


def test_names_of_models_are_text() -> None:
    """A trace may call its model anything."""
    page = _page(_runs(1, 1, model=HOSTILE), _runs(1, 1, model="<b>x"))
    assert "<script>alert" not in page
    assert "<img" not in page
    assert "<b>" not in page
