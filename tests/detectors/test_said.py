"""Small readings of words: the sentences that hold certain letters."""

from hypothesis import given
from hypothesis import strategies as st

from guardrails.detectors.said import sentences, sentences_with

WORDS = st.sampled_from(["Disk", "full", "ruled out", "İ", "v1.2", "\u2014"])
MARKS = st.sampled_from([" ", ". ", ".", "\n", "; ", '", "', "['", '"]', '",\n "', "'"])


@given(pieces=st.lists(st.tuples(WORDS, MARKS), max_size=20))
def test_only_lines_with_the_letters_are_split_and_nothing_is_missed(
    pieces: list[tuple[str, str]],
) -> None:
    """The sentences are those of the whole text that hold the letters, in order."""
    text = "".join(word + mark for word, mark in pieces)
    wanted = [one for one in sentences(text) if "disk" in one.lower() or "out" in one.lower()]
    assert list(sentences_with(("disk", "out"), text)) == wanted
