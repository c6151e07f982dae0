"""Sentences, and the letters that are looked for before a pattern is."""

import re
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.actions import absences, admissions, conclusions, mechanisms
from guardrails.actions.sentences import Cued, Sentences, worded
from guardrails.detectors import constraints, specification, unchecked


def cued_of(*modules: ModuleType) -> list[Cued]:
    """Return the patterns of modules that are looked for by their letters first."""
    found = [value for module in modules for value in vars(module).values()]
    named = vars(mechanisms)["_WORDS"].values()
    return [*(one for one in found if isinstance(one, Cued)), *named]


OF_SENTENCES = cued_of(absences, admissions, conclusions)
ALL = cued_of(absences, admissions, conclusions, constraints, specification, unchecked)
WORDS = sorted({word for one in ALL for word in re.findall(r"[a-z'_-]{2,}", one.pattern.pattern)})
BETWEEN = st.sampled_from([" ", " ", " ", "  ", "\n", ". ", "; ", ", ", ": ", "-", " (", ") "])


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Texts of the words that the patterns are made of, so that they find something."""
    words = draw(st.lists(st.tuples(st.sampled_from(WORDS), BETWEEN), max_size=30))
    text = "".join(f"{word}{between}" for word, between in words)
    return draw(st.sampled_from([text, text.upper(), text.title(), f"İ{text}"]))


@settings(max_examples=200, deadline=None)
@given(text=texts())
def test_letters_leave_no_sentence_out(text: str) -> None:
    """Looking for letters first finds the sentences that the pattern alone finds."""
    said = Sentences(text)
    for cued in OF_SENTENCES:
        if "[A-Z]" not in cued.pattern.pattern:  # case counts, and it is not asked of sentences
            assert list(said.that(cued)) == [one for one in said if cued.pattern.search(one)]


@settings(max_examples=200, deadline=None)
@given(text=texts())
def test_letters_leave_no_text_out(text: str) -> None:
    """The same for whole texts, such as results and tasks."""
    (words,) = worded([text])
    for cued in ALL:
        found = cued.pattern.search(text)
        again = cued.search(words)
        assert (again and again.span()) == (found and found.span()), cued.pattern.pattern
        assert [one.span() for one in cued.all_in(words)] == [
            one.span() for one in cued.pattern.finditer(text)
        ]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Cart is down; its pod waits. Why?", ["Cart is down", "its pod waits", "Why?"]),
        ("image v1.2.3 is old", ["image v1.2.3 is old"]),
        ("[]; {}", []),
    ],
)
def test_a_text_is_split_where_a_finding_ends(text: str, sentences: list[str]) -> None:
    """A dot within a word ends none, and what is only punctuation is none."""
    assert [one.rstrip("?") for one in Sentences(text)] == [one.rstrip("?") for one in sentences]
