"""Small letters of the same length, and statements looked for in them."""

import re

from hypothesis import given
from hypothesis import strategies as st

from guardrails.actions.lettercase import ascii_lowered, folded
from guardrails.actions.statements import Statement, Statements

_LETTERS = st.text(st.characters() | st.sampled_from("aAiIkKsS \u0130\u0131\u017f\u212a"))
_WORDS = st.lists(
    st.sampled_from(("we", "gave", "up", "was", "not", "fixed", "cart", "so", "\n", "-"))
).map(" ".join)
_STATEMENTS = Statements(
    Statement("gave", r"\s+up\b", before=r"we\s+"),
    Statement("not", r"\s+fixed\b", before=r"was\s+"),
)
_PLAIN = re.compile(r"\b(?:we\s+gave\s+up\b|was\s+not\s+fixed\b)")


@given(_LETTERS)
def test_small_letters_take_as_many_places(text: str) -> None:
    """A place in the text in small letters is the same place in the text."""
    assert len(folded(text)) == len(text)
    assert len(ascii_lowered(text)) == len(text)


@given(_LETTERS, st.sampled_from("abcdefghijklmnopqrstuvwxyz"))
def test_a_rule_in_small_letters_finds_what_one_that_ignores_case_finds(
    text: str, letter: str
) -> None:
    """Dotted, dotless and long letters are found where ignoring case finds them."""
    ignoring = [m.span() for m in re.finditer(rf"\b{letter}\w", text, re.IGNORECASE)]
    assert [m.span() for m in re.finditer(rf"\b{letter}\w", folded(text))] == ignoring


@given(_LETTERS, st.sampled_from("abcdefghijklmnopqrstuvwxyz"))
def test_ascii_rules_find_the_same_without_ignoring_case(text: str, letter: str) -> None:
    """Where only ASCII counts, other letters stay as they are."""
    ignoring = [m.span() for m in re.finditer(letter, text, re.IGNORECASE | re.ASCII)]
    assert [m.span() for m in re.finditer(letter, ascii_lowered(text), re.ASCII)] == ignoring


@given(_WORDS)
def test_statements_are_found_where_their_patterns_match(text: str) -> None:
    """Looking for letters first leaves no statement out."""
    assert list(_STATEMENTS.places_in(text)) == [m.start() for m in _PLAIN.finditer(text)]


@given(_WORDS)
def test_statements_are_taken_out(text: str) -> None:
    """What is left of a text has a space for each statement."""
    assert _STATEMENTS.without(text) == _PLAIN.sub(" ", text)
