"""One trace in, one tagged run out, in whatever column and form a table holds it."""

import gzip
import json

import pyarrow as pa
import pytest

from guardrails.batch.columns import COLUMNS
from guardrails.batch.recorded import Verdict
from guardrails.batch.scale.arrow import tag_batch, tagged_schema
from guardrails.batch.scale.table import Columns, columns_named
from guardrails.batch.scale.traces import Told, outcome_of, tag_trace
from guardrails.errors import TraceError, UsageError
from tests.batch.scale.datasets import states, table
from tests.batch.states import state

TALK = [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "Because."}]


@pytest.mark.parametrize(
    "trace",
    [
        state("r0"),
        json.dumps(state("r0")),
        json.dumps(state("r0"), indent=1).encode(),
        gzip.compress(json.dumps(state("r0")).encode()),
    ],
    ids=["object", "text", "bytes", "packed"],
)
def test_a_trace_is_read_in_every_form(trace: object) -> None:
    """With the same findings."""
    assert tag_trace(trace) == tag_trace(state("r0"))


def test_what_a_table_says_goes_before_the_trace() -> None:
    """Null says nothing; an empty text says that there is none."""
    told = Told(run_id="x", model="", fault="oom", outcome=Verdict.RIGHT)
    run = tag_trace(state("r0"), told=told)
    assert (run.run_id, run.model, run.fault, run.outcome) == ("x", "", "oom", Verdict.RIGHT)
    assert tag_trace(state("r0"), told=Told()).fault == "cart crashes"


def test_two_runs_in_one_row_are_refused() -> None:
    """One of them would be lost."""
    with pytest.raises(TraceError, match="more than one run in one row"):
        tag_trace([state("a"), state("b")])


def test_words_for_outcomes() -> None:
    """What nobody knows is refused, not taken for unknown."""
    assert outcome_of("Resolved ") is Verdict.RIGHT
    assert outcome_of(False) is Verdict.WRONG
    with pytest.raises(TraceError, match="'perhaps': no known word"):
        outcome_of("perhaps")


def test_messages_are_read_as_structs() -> None:
    """A list of structs has nulls where a message has no such field."""
    talk = pa.table({"run_id": ["a"], "messages": [[*TALK, {"role": "tool", "tool_call_id": "c"}]]})
    (row,) = tag_batch(talk).to_pylist()
    assert (row["run_id"], row["format"], row["error"]) == ("a", "chat", None)


def test_columns_have_the_names_that_they_are_given() -> None:
    """The others keep theirs."""
    columns = columns_named(["payload=body", "outcome=ok"])
    assert columns == Columns(payload="body", outcome="ok")
    rows = pa.table({"body": [json.dumps(state("a"))], "ok": [True]})
    (row,) = tag_batch(rows, columns=columns).to_pylist()
    assert (row["run_id"], row["outcome"]) == ("a", "right")


@pytest.mark.parametrize("given", ["body", "body=", "nothing=x"])
def test_a_column_that_is_no_field_is_refused(given: str) -> None:
    """With those that there are."""
    with pytest.raises(UsageError, match="FIELD is one of payload, messages"):
        columns_named([given])


def test_a_broken_row_of_a_batch_says_why() -> None:
    """Without its secrets; the rows beside it are tagged."""
    found = tag_batch(table(states(3), broken=[1]))
    assert found.schema == tagged_schema()
    assert found.schema.names == [*COLUMNS, "error"]
    assert [bool(one) for one in found["error"].to_pylist()] == [False, True, False]
    assert found["run_id"].to_pylist() == ["row-0", "row-1", "row-2"]


def test_a_null_payload_is_a_broken_row() -> None:
    """And no empty trace."""
    (row,) = tag_batch(pa.table({"payload": pa.array([None], pa.string())})).to_pylist()
    assert row["error"] == "column 'payload' is null: the row holds no trace"
