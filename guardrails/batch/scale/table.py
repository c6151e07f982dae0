"""Traces as rows of a table: which columns hold what, and what a row says.

A Parquet data set of traces has a column with the trace itself, as JSON (`payload`) or as the list
of its messages (`messages`), and may have what else is known of the run in columns of their own.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import cast

import msgspec

from guardrails.batch.scale.traces import Told, outcome_of
from guardrails.errors import TraceError, UsageError


class Columns(msgspec.Struct, frozen=True, kw_only=True):
    """What the columns of a table of traces are called."""

    payload: str = "payload"
    """The trace as JSON: text, bytes (also packed with gzip), or a struct."""
    messages: str = "messages"
    """The conversation, where there is no payload: JSON, or a list of structs."""
    run_id: str = "run_id"
    model: str = "model"
    fault: str = "fault"
    outcome: str = "outcome"
    """`right`, `wrong` or `unknown`, or words for them; true and false likewise."""


def columns_named(given: Sequence[str]) -> Columns:
    """Read `FIELD=COLUMN` as a command line has it.

    Raises:
        UsageError: There is no such field.

    >>> columns_named(["payload=trace_json"]).payload
    'trace_json'
    """
    named: dict[str, str] = {}
    for one in given:
        field, _, column = one.partition("=")
        if field not in Columns.__struct_fields__ or not column:
            known = ", ".join(Columns.__struct_fields__)
            raise UsageError(f"--column {one}: write FIELD=COLUMN, where FIELD is one of {known}")
        named[field] = column
    return msgspec.structs.replace(Columns(), **named)


def columns_read(there: Collection[str], columns: Columns) -> list[str]:
    """Return which columns of a table are read.

    Raises:
        UsageError: There is none that holds the trace.
    """
    trace = next((one for one in (columns.payload, columns.messages) if one in there), None)
    if trace is None:
        seen = ", ".join(list(there)[:20])
        raise UsageError(
            f"no column {columns.payload!r} nor {columns.messages!r} holds the traces; there are "
            f"{seen}: say which does with --column payload=NAME"
        )
    also = (columns.run_id, columns.model, columns.fault, columns.outcome)
    return [trace, *(one for one in dict.fromkeys(also) if one in there and one != trace)]


def trace_in(
    row: Mapping[str, object], columns: Columns
) -> str | bytes | Mapping[str, object] | list[object]:
    """Return the trace of a row.

    Raises:
        TraceError: The row holds none.
    """
    name = columns.payload if columns.payload in row else columns.messages
    value = row.get(name)
    match value:
        case str() | bytes():
            return value
        case dict():
            return cast("Mapping[str, object]", bare(cast("object", value)))
        case list():
            return cast("list[object]", bare(cast("object", value)))
        case None:
            raise TraceError(f"column {name!r} is null: the row holds no trace")
        case _:
            raise TraceError(f"column {name!r} holds {type(value).__name__}, and no trace")


def told_in(row: Mapping[str, object], columns: Columns, *, default: Told) -> Told:
    """Return what a row says of its trace besides.

    Args:
        row: The row.
        columns: What its columns are called.
        default: What is known of all rows, such as by the folder that they lie in.

    Raises:
        TraceError: The outcome is no known word.
    """
    outcome = outcome_of(row.get(columns.outcome))
    return Told(
        run_id=_text(row.get(columns.run_id)) or default.run_id,
        model=_or(_text(row.get(columns.model)), default.model),
        fault=_or(_text(row.get(columns.fault)), default.fault),
        outcome=default.outcome if outcome is None else outcome,
    )


def bare(value: object) -> object:
    """Return a value without the nulls that a table puts where a struct has no such field."""
    match value:
        case dict():
            found = cast("dict[str, object]", value)
            return {key: bare(one) for key, one in found.items() if one is not None}
        case list():
            return [bare(one) for one in cast("list[object]", value)]
        case _:
            return value


def _or(value: str | None, default: str | None) -> str | None:
    return default if value is None else value


def _text(value: object) -> str | None:
    return None if value is None else str(value)
