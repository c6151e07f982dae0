"""Sentences, and the letters that are looked for before a pattern is."""

import re
from types import ModuleType

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardrails.actions import absences, admissions, conclusions, mechanisms
from guardrails.actions.sentences import KEPT, LONGEST_KEPT, Cued, Sentences, read
from guardrails.detectors import constraints, disregard, specification, unchecked, unfinished


def cued_of(*modules: ModuleType) -> list[Cued]:
    """Return the patterns of modules that are looked for by their letters first."""
    found = [value for module in modules for value in vars(module).values()]
    named = vars(mechanisms)["_WORDS"].values()
    return [*(one for one in found if isinstance(one, Cued)), *named]


OF_SENTENCES = cued_of(absences, admissions, conclusions)
ALL = cued_of(
    *(absences, admissions, conclusions, constraints, disregard, specification, unchecked),
    unfinished,
)
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
    words = read(text)
    for cued in ALL:
        found = cued.pattern.search(text)
        again = cued.search(words)
        assert (again and again.span()) == (found and found.span()), cued.pattern.pattern
        assert [one.span() for one in cued.all_in(words)] == [
            one.span() for one in cued.pattern.finditer(text)
        ]


@pytest.mark.parametrize("cued", [one for one in ALL if one.begins])
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_a_find_begins_with_one_of_its_letters(cued: Cued, data: st.DataObject) -> None:
    """A sentence is tried nowhere else, so that any other beginning would be missed."""
    text = data.draw(st.from_regex(cued.lower.pattern, alphabet=st.characters(codec="ascii")))
    found = cued.lower.search(text.lower())
    assert found is None or found[0].startswith(cued.begins)


def test_two_readers_of_a_text_share_what_was_read_of_it() -> None:
    """A report comes to several detectors; their strings need not be one object."""
    text = "Root cause: the disk of cart is full."
    assert read(text) is read("".join(list(text)))


def test_long_texts_are_not_kept() -> None:
    """What is kept is bounded in characters, and not only in texts."""
    text = "x" * (LONGEST_KEPT + 1)
    assert read(text) is not read(text)


def test_only_the_latest_texts_are_kept() -> None:
    """Reading more of them lets the first go."""
    first = read("the first text")
    for number in range(KEPT):
        read(f"text {number}")
    assert read("the first text") is not first


def test_a_text_is_searched_once_by_a_pattern() -> None:
    """Results are asked the same by every report that comes after them."""
    cued, words = Cued(r"\bdisk\b", ("disk",)), Sentences("The Disk is full.")
    found = cued.search(words)
    assert found is not None
    assert cued.search(words) is found


def test_letters_besides_leave_out_what_is_of_no_use() -> None:
    """Who looks for more than the pattern need not have the rest searched."""
    said = Sentences("The disk is full. The disk of the pod is full.")
    cued = Cued(r"\bdisk\b", ("disk",))
    assert list(said.that(cued, ("pod",))) == ["The disk of the pod is full"]


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
