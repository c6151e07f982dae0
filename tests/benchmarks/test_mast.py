"""The figures of the labelled runs, on cells that can be counted by hand."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.mast.agreement import baselines, mode_rows, of_half, overall_rows
from benchmarks.mast.cells import (
    Counts,
    Labelled,
    gap_by_chance,
    interval,
    macro_f1,
    macro_kappa,
    pooled_kappa,
    total,
)
from benchmarks.mast.errors import error_lines
from benchmarks.mast.fates import fate_rows, halves, tagged_rows, wilson
from benchmarks.mast.gold import gold_runs, sre_runs
from guardrails.batch.recorded import Verdict
from tests.batch.states import state, tagged_run

MODES = ("1.3", "3.1", "3.3")


def run(name: str, labels: dict[str, bool], said: Sequence[str], half: str = "even") -> Labelled:
    """Return a labelled run."""
    return Labelled(run_id=name, half=half, labels=labels, said=frozenset(said))


RUNS = [
    run("1", {"1.3": True, "3.1": True}, ["1.3"]),
    run("2", {"1.3": False, "3.1": True, "3.3": False}, ["1.3", "3.1"], "odd"),
    run("3", {"1.3": False, "3.1": False, "3.3": True}, ["3.3"]),
]


def test_a_cell_without_a_label_counts_nowhere() -> None:
    """The annotators differ there."""
    assert RUNS[0].cell("3.3") == Counts()


def test_precision_recall_and_f1() -> None:
    """One hit, one false alarm, one miss."""
    counts = Counts(tp=1, fp=1, fn=1, tn=7)
    assert (counts.precision, counts.recall, counts.f1) == (0.5, 0.5, 0.5)


def test_kappa_of_a_known_table() -> None:
    """Cohen's own kind of table: 0.7 agree, 0.5 by chance."""
    assert Counts(tp=20, fp=5, fn=10, tn=15).kappa == pytest.approx(0.4)


def test_figures_that_do_not_exist_are_none() -> None:
    """Nothing said, nothing labelled."""
    counts = Counts(tn=5)
    assert (counts.precision, counts.recall, counts.f1, counts.kappa) == (None, None, None, None)


@given(st.builds(Counts, *[st.integers(0, 50)] * 4))
def test_kappa_is_at_most_one(counts: Counts) -> None:
    """And that only where all agree."""
    if counts.kappa is not None:
        assert -1 <= counts.kappa <= 1
        assert (counts.kappa == 1) == (counts.fp + counts.fn == 0)


def test_macro_figures_are_means_over_modes_that_have_them() -> None:
    """A mode that is never labelled 1 has no F1; one that is labelled one way only has no κ."""
    runs = [[Counts(tp=1), Counts(tn=1)], [Counts(fn=1), Counts(fp=1)]]
    assert macro_f1(runs) == pytest.approx(2 / 3)
    assert macro_kappa(runs) is None


def test_pooled_kappa_is_over_all_cells() -> None:
    """Not a mean of the modes' own."""
    runs = [[Counts(tp=1), Counts(tn=1)], [Counts(fn=1), Counts(tn=1)]]
    assert pooled_kappa(runs) == total([cell for one in runs for cell in one]).kappa == 0.5


def test_an_interval_holds_the_figure() -> None:
    """And is the same in every run of the benchmark."""
    runs = [[Counts(tp=1)]] * 12 + [[Counts(tn=1)]] * 12 + [[Counts(fp=1)]] * 4
    found = interval(runs, pooled_kappa)
    assert found is not None
    low, high = found
    value = pooled_kappa(runs)
    assert value is not None
    assert low < value < high
    assert interval(runs, pooled_kappa) == found


def test_halves_that_chance_does_not_explain_are_told() -> None:
    """A half on which rules were made is too good; two alike are not."""
    good = [[Counts(tp=1), Counts(tn=1)]] * 12
    bad = [[Counts(fp=1), Counts(fn=1)]] * 12
    mixed = [*good[:6], *bad[:6]]
    tuned, alike = gap_by_chance(good, bad), gap_by_chance(mixed, mixed)
    assert tuned is not None
    assert alike is not None
    assert tuned < 0.01
    assert alike == 1


def test_a_figure_that_most_draws_lack_has_no_interval() -> None:
    """Nothing is labelled."""
    assert interval([[Counts(tn=1)]] * 5, pooled_kappa) is None


def test_a_row_counts_what_was_said_and_what_is_labelled() -> None:
    """Of the runs that have a label."""
    row = mode_rows(RUNS, MODES)[0]
    assert (row["runs"], row["labelled"], row["said"], row["tp"]) == (3, 1, 2, 1)


def test_halves_do_not_overlap() -> None:
    """Together they are all."""
    even, odd = of_half(RUNS, "even"), of_half(RUNS, "odd")
    assert {one.run_id for one in even} | {one.run_id for one in odd} == {"1", "2", "3"}
    assert len(even) + len(odd) == len(of_half(RUNS, "all"))


def test_the_baseline_takes_the_modes_that_are_most_frequent() -> None:
    """Of the runs that are scored: the most that one without eyes can do."""
    often, fixed, never = baselines(RUNS).values()
    assert "3.1" in often
    assert (fixed, never) == ({"3.1", "3.3"}, frozenset())


def test_detectors_stand_beside_the_baselines() -> None:
    """Over the same cells."""
    rows = overall_rows(RUNS, MODES)
    assert rows[0]["who"] == "detectors"
    assert len(rows) == 4
    assert {row["cells"] for row in rows} == {8}


def test_ratios_of_tags_and_of_the_decisive_tag() -> None:
    """Failed against successful runs; unknown ones are in neither."""
    runs = [
        tagged_run("1", modes=["3.1"]),
        tagged_run("2", modes=["3.1"]),
        tagged_run("3", outcome=Verdict.RIGHT),
        tagged_run("4", modes=["3.1"], outcome=Verdict.UNKNOWN),
    ]
    rows = {row["mode"]: row for row in fate_rows(runs, MODES)}
    assert (rows["3.1"]["wrong"], rows["3.1"]["right"]) == ("2/2 (100%)", "0/1 (0%)")
    assert rows["decisive"]["ratio"] == pytest.approx(10 / 3, abs=0.001)
    assert rows["1.3"]["ratio"] is None


def test_sound_systems_that_are_tagged_are_counted_apart() -> None:
    """A false alarm costs as much as a miss."""
    runs = [tagged_run("1", modes=["3.1"], fault="No fault", outcome=Verdict.RIGHT)]
    rows = {row["runs"]: row for row in tagged_rows(runs)}
    assert rows["no fault"]["tagged decisive"] == rows["right"]["tagged decisive"] == 1
    assert rows["wrong"]["number"] == 0


def test_halves_of_runs_go_by_their_place() -> None:
    """The first is odd."""
    runs = [tagged_run(str(n)) for n in range(1, 6)]
    found = halves(runs)
    assert [one.run_id for one in found["odd"]] == ["1", "3", "5"]
    assert len(found["all"]) == len(found["even"]) + len(found["odd"])


def test_wilsons_interval_stays_in_its_bounds() -> None:
    """Also for none of few."""
    low, high = wilson(0, 4)
    assert low == pytest.approx(0)
    assert 0.4 < high < 0.6


def test_gold_is_joined_by_id_and_differing_labels_are_left_out(tmp_path: Path) -> None:
    """The errors name both sides' reasons."""
    text = "".join(f"{json.dumps(state(name))}\n" for name in ("a", "b"))
    (tmp_path / "sre_runs_x.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    gold = [
        {
            "run_id": "b",
            "labels": {"3.1": 0, "1.3": None, "2.3": 1},
            "evidence": {"2.3": [{"annotator": "A", "steps": ["I1"], "quote": "q", "why": "so"}]},
        },
        {"run_id": "a", "labels": {"3.1": 1}, "evidence": {}},
    ]
    (tmp_path / "gold").mkdir()
    (tmp_path / "gold" / "x_gold.jsonl").write_text("".join(f"{json.dumps(g)}\n" for g in gold))
    runs = list(gold_runs(tmp_path, {one.run_id: one for one in sre_runs(tmp_path)}))
    assert [(one.cells.run_id, one.cells.half) for one in runs] == [("b", "odd"), ("a", "even")]
    assert runs[0].cells.labels == {"3.1": False, "2.3": True}
    false = "\n".join(error_lines(runs, "3.1", half="all"))
    assert "false positive of 3.1: b" in false
    assert "without having looked" in false
    missed = "\n".join(error_lines(runs, "2.3", half="all"))
    assert "false negative of 2.3: b" in missed
    assert "gold A, ['I1']: so" in missed
    assert list(error_lines(runs, "2.3", half="even")) == []
