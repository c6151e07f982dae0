"""Failure vectors count runs, modes and what failures cost, group by group."""

import csv
import io

import pytest

from guardrails.batch.lines import AfterDecisive, TaggedRun
from guardrails.batch.printed import HEADER, csv_text, vector_lines
from guardrails.batch.recorded import Verdict
from guardrails.batch.vectors import UNNAMED, By, ModeShares, Vector, tallies, vector_of
from tests.batch.states import tagged_run

RIGHT, WRONG = Verdict.RIGHT, Verdict.WRONG


def vectors(*runs: TaggedRun, by: By = By.MODEL) -> dict[str, Vector]:
    """Return the vectors of runs, by name."""
    counted = tallies(runs, by=by)
    return {name: vector_of(name, tally, by=by) for name, tally in counted.items()}


def shares(vector: Vector, mode: str) -> ModeShares:
    """Return one mode of a vector."""
    (found,) = [one for one in vector.modes if one.mode == mode]
    return found


MIXED = (
    tagged_run("1", modes=["1.3", "3.1"]),
    tagged_run("2", modes=["1.3"]),
    tagged_run("3", modes=["1.3"], outcome=RIGHT),
    tagged_run("4", outcome=RIGHT),
    tagged_run("5", modes=["3.1"], outcome=Verdict.UNKNOWN),
)


def test_runs_are_counted_by_how_they_came_out() -> None:
    """Unknown ones too."""
    vector = vectors(*MIXED)["acme:large"]
    assert (vector.runs, vector.failed, vector.successful, vector.unknown) == (5, 2, 2, 1)


def test_a_mode_has_its_share_of_failed_and_of_successful_runs() -> None:
    """A run counts once, however many findings it has."""
    found = shares(vectors(*MIXED)["acme:large"], "1.3")
    assert (found.failed, found.failed_rate) == (2, 1.0)
    assert (found.successful, found.successful_rate) == (1, 0.5)
    assert found.shown == 3


def test_a_mode_of_runs_of_unknown_outcome_is_shown_all_the_same() -> None:
    """It says what happened, though not what it did."""
    found = shares(vectors(*MIXED)["acme:large"], "3.1")
    assert (found.shown, found.failed, found.successful) == (2, 1, 0)


def test_modes_per_failed_run() -> None:
    """As the study counts them: distinct modes."""
    vector = vectors(*MIXED)["acme:large"]
    assert vector.modes_per_failed == 1.5
    assert vector.modes_per_successful == 0.5


def test_all_fourteen_modes_are_there() -> None:
    """A vector has a place for what never happened."""
    assert len(vectors(*MIXED)["acme:large"].modes) == 14


def test_of_what_never_happens_there_is_no_ratio() -> None:
    """Nor where no run succeeded."""
    assert shares(vectors(*MIXED)["acme:large"], "2.1").ratio is None
    assert shares(vectors(*MIXED[:2])["acme:large"], "1.3").ratio is None


@pytest.mark.parametrize(
    ("by", "names"),
    [
        (By.MODEL, ["acme:large"]),
        (By.FAULT, ["cart crashes"]),
        (By.OUTCOME, ["right", "unknown", "wrong"]),
        (By.FORMAT, ["aiopslab"]),
        (By.ALL, ["all runs"]),
    ],
)
def test_runs_are_grouped_by_what_is_asked(by: By, names: list[str]) -> None:
    """One vector for each name."""
    assert list(vectors(*MIXED, by=by)) == names


def test_runs_that_do_not_say_are_a_group_of_their_own() -> None:
    """They are not mixed with any other."""
    assert list(vectors(tagged_run(model=""), tagged_run())) == [UNNAMED, "acme:large"]


def test_an_agent_is_the_configuration_that_the_trace_names() -> None:
    """With all findings of the run."""
    found = vectors(tagged_run(modes=["1.3"], notes={"agent": "two rounds"}), by=By.AGENT)
    assert shares(found["two rounds"], "1.3").failed == 1


def test_else_each_agent_has_its_own_findings() -> None:
    """Agents that only a number tells apart are one kind."""
    run = tagged_run(modes=["1.3"], agents=("planner", "worker 1", "worker 2"), by="worker 2")
    found = vectors(run, by=By.AGENT)
    assert list(found) == ["planner", "worker"]
    assert shares(found["worker"], "1.3").failed == 1
    assert shares(found["planner"], "1.3").failed == 0


def test_what_failures_cost_is_the_mean_over_failed_runs_that_were_decided() -> None:
    """Runs without such a finding are not in it, and neither are successful ones."""
    after = AfterDecisive(steps=4, tokens=900, seconds=None)
    other = AfterDecisive(steps=2, tokens=None, seconds=None)
    spent = vectors(
        tagged_run("1", modes=["3.1"], after_decisive=after),
        tagged_run("2", modes=["3.1"], after_decisive=other),
        tagged_run("3", modes=["1.3"]),
        tagged_run("4", modes=["3.1"], after_decisive=after, outcome=RIGHT),
    )["acme:large"].spent
    assert spent is not None
    assert (spent.runs, spent.steps, spent.of_steps) == (2, 3.0, 10.0)
    assert (spent.tokens, spent.seconds) == (900.0, None)


def test_the_table_names_the_modes_that_show() -> None:
    """And no others."""
    lines = list(vector_lines(vectors(*MIXED)["acme:large"]))
    assert lines[0] == "model acme:large: 5 runs (2 failed, 2 successful, 1 unknown)"
    text = "\n".join(lines)
    assert "1.3 Step repetition" in text
    assert "2.1" not in text


def test_csv_has_a_row_per_group_and_mode() -> None:
    """What is not known is empty."""
    rows = list(csv.DictReader(io.StringIO(csv_text(vectors(*MIXED).values()))))
    assert tuple(rows[0]) == HEADER
    assert len(rows) == 14
    (row,) = [row for row in rows if row["mode"] == "2.1"]
    assert row["ratio"] == ""
