"""Turns of agents, line by line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.actions.passages import Label, label_of, lines_of


@pytest.mark.parametrize(
    ("line", "label"),
    [
        ("### Coder's output", Label("coder", 3, addressed=False)),
        ("**Coder:**", Label("coder", 7, addressed=False)),
        ("**Coder:** here it is", Label("coder", 7, addressed=False)),
        ("> ## Tester", Label("tester", 2, addressed=False)),
        ("**Step 3 — Tester**", Label("tester", 7, addressed=False)),
        ("## 2. Tester", Label("tester", 2, addressed=False)),
        ("## Tests by the Tester", Label("tester", 2, addressed=False)),
        ("Coder:", Label("coder", 7, addressed=False)),
        ("**Coder, please go on:**", Label("coder", 7, addressed=True)),
        ("**Coder:** Implement this:", Label("coder", 7, addressed=True)),
        ("## Coder — once it is planned", Label("coder", 2, addressed=True)),
    ],
)
def test_a_label_says_whose_words_follow(line: str, label: Label) -> None:
    """A heading, a bold line or a name alone, and whether it speaks to somebody."""
    assert label_of(line) == label


@pytest.mark.parametrize(
    "line", ["", "Notes for Coder:", "Coder: go on", "**Coder** will do it", "- **Coder:** x", "**"]
)
def test_a_sentence_is_no_label(line: str) -> None:
    """Prose that names a role is about it."""
    assert label_of(line) is None


def test_quoted_and_torn_blocks_are_code() -> None:
    """A block that is cut off goes on to the end."""
    turn = "> ```python\n> x = 1\n> ```\nso\n~~~\ny"
    assert [line.language for line in lines_of(turn)] == ["python", None, ""]


@given(st.text(alphabet=st.sampled_from("#*_>`~[]()': \nCoderAs1é"), max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    """Whatever agents write, every line comes out once and in order."""
    lines = list(lines_of(text))
    kept = iter(text.split("\n"))
    assert all(line.text in kept for line in lines)
    for line in lines:
        label = label_of(line.text)
        assert label is None or (label.name == label.name.lower() and label.level >= 1)
