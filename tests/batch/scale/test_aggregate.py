"""DuckDB counts what folding counts, whatever runs are grouped by."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.batch.lines import AfterDecisive, TaggedRun
from guardrails.batch.parquet import write_parquet
from guardrails.batch.recorded import Verdict
from guardrails.batch.scale.aggregate import is_tagged_table, tagged_parts, tallies_of_table
from guardrails.batch.scale.tagging import tag_dataset
from guardrails.batch.vectors import By, tallies
from guardrails.errors import UsageError
from tests.batch.scale.datasets import PARQUET, states, write_table
from tests.batch.states import tagged_run

AFTER = st.none() | st.builds(
    AfterDecisive,
    steps=st.integers(0, 99),
    tokens=st.none() | st.integers(0, 10**6),
    seconds=st.none() | st.integers(0, 10**10).map(lambda micros: micros / 1e6),
)
RUNS = st.lists(
    st.builds(
        tagged_run,
        outcome=st.sampled_from(Verdict),
        modes=st.sets(st.sampled_from(["1.1", "1.3", "2.3", "3.1", "3.3"])),
        model=st.sampled_from(["", "acme:large", "it's"]),
        agents=st.sampled_from([(), ("planner", "investigator 1", "investigator 2"), ("w-1", "7")]),
        by=st.sampled_from(["planner", "investigator 2", "w-1"]),
        after_decisive=AFTER,
        notes=st.sampled_from([{}, {"agent": "plain"}, {"agent": ""}]),
    ),
    max_size=30,
)


@given(runs=RUNS, by=st.sampled_from(By))
@settings(max_examples=60, deadline=None)
def test_the_counts_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, runs: list[TaggedRun], by: By
) -> None:
    """To the last number, sets of modes and times among them."""
    file = tmp_path_factory.mktemp("table") / "tags.parquet"
    write_parquet(runs, file)
    assert is_tagged_table(str(file))
    assert tallies_of_table(str(file), by=by) == tallies(runs, by=by)


def test_traces_are_no_tags(tmp_path: Path) -> None:
    """Though both are Parquet."""
    assert not is_tagged_table(str(write_table(tmp_path / "a.parquet", states(1))))


def test_an_output_that_is_not_complete_is_not_counted(tmp_path: Path) -> None:
    """Its shares would be of whatever came first."""
    traces = write_table(tmp_path / "a.parquet", states(3))
    tag_dataset([str(traces)], str(tmp_path / "out"), settings=PARQUET)
    manifest = tmp_path / "out" / "_manifest.json"
    manifest.write_text(manifest.read_text().replace('"complete":true', '"complete":false'))
    with pytest.raises(UsageError, match="is not complete"):
        tagged_parts(str(tmp_path / "out"))
