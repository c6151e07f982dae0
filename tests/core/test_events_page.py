"""docs/reference/events.md says what the values say."""

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from guardrails.core.claims import ClaimKind
from guardrails.core.decisions import EnforcedAction, Next, Reason, Verdict
from guardrails.core.events import TEXT_LIMIT, AnyFact, ExitKind, ToolStatus
from guardrails.core.evidence import GateVerdict
from guardrails.core.outcome import Outcome
from guardrails.core.trace import Line

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "events.md").read_text(encoding="utf-8")


def table(first: str) -> dict[str, list[str]]:
    """Give the table whose first heading this is: the words in its second cell, by the first."""
    text = PAGE.partition(f"\n| {first} |")[2].partition("\n\n")[0]
    rows = [line.strip("|").split("|") for line in text.splitlines()[2:]]
    return {row[0].strip(" `"): re.findall(r"`([^`]+)`", row[1]) for row in rows}


def shapes(union: object) -> dict[str, list[str]]:
    """Give the fields of each member of a union, by its tag."""
    members = get_args(union)
    return {str(m.__struct_config__.tag): list(m.__struct_fields__) for m in members}


@pytest.mark.parametrize(("first", "union"), [("record", Line), ("fact", AnyFact)])
def test_every_record_and_fact_is_there_with_its_fields(first: str, union: object) -> None:
    """A field that is new or gone makes the page wrong."""
    assert table(first) == shapes(union)


@pytest.mark.parametrize(
    ("word", "values"),
    [
        ("exit", ExitKind),
        ("claim.kind", ClaimKind),
        ("status", ToolStatus),
        ("verdict", Verdict),
        ("action", EnforcedAction),
        ("next", Next),
        ("outcome", Outcome),
        ("report.verdict", GateVerdict),
        ("reason", Reason),
    ],
)
def test_every_word_is_there_with_its_values(word: str, values: type[Reason]) -> None:
    """Closed sets are listed whole."""
    assert table("word")[word] == [value.value for value in values]


def test_the_example_is_a_trace() -> None:
    """Every line decodes, and the limit that is named is the one that holds."""
    (block,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines():
        assert msgspec.json.decode(line, type=Line).run == "3f2a"
    assert f"cut at {TEXT_LIMIT:,} characters" in PAGE
