"""Guards: what can be written, what it means, and what is said of the rest."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardrails.fsm.facts import FACTS, INDEX, Values
from guardrails.fsm.guards import (
    Compare,
    Either,
    Every,
    Guard,
    GuardError,
    compiled,
    parse_guard,
    unmet,
    written,
)

PYTHON = {name: f"v[{at}]" for name, at in INDEX.items()}

counts = st.integers(0, 6)
values = st.tuples(*(counts for _ in FACTS))
one_comparison = st.builds(
    lambda name, sign, number: f"{name} {sign} {number}",
    st.sampled_from([fact.name for fact in FACTS if fact.most is None]),
    st.sampled_from([">=", "<=", ">", "<", "==", "!="]),
    counts,
)
texts = st.recursive(
    one_comparison | st.just("always"),
    lambda inner: st.one_of(
        st.builds("({} and {})".format, inner, inner),
        st.builds("({} or {})".format, inner, inner),
        st.builds("not ({})".format, one_comparison),
    ),
    max_leaves=6,
)


def in_python(text: str, at: Values) -> bool:
    """Ask Python, whose `and`, `or` and `not` mean the same."""
    for name in sorted(PYTHON, key=len, reverse=True):
        text = text.replace(name, f"<{INDEX[name]}>")
    text = text.replace("<", " <").replace("always", "True")
    for name, at_place in PYTHON.items():
        text = text.replace(f" <{INDEX[name]}>", f" {at_place}")
    return bool(eval(text, {"v": at}))  # noqa: S307  # text of our own making


@given(text=texts, at=values)
def test_a_guard_means_what_python_means_by_it(text: str, at: Values) -> None:
    """Precedence, brackets and `not` are those that everybody knows."""
    assert compiled(parse_guard(text))(at) == in_python(text, at)


@given(text=texts)
def test_a_written_guard_is_read_as_the_same(text: str) -> None:
    """Diagrams and tables show guards that could be copied back."""
    guard = parse_guard(text)
    assert parse_guard(written(guard)) == guard


@given(text=texts, at=values)
def test_nothing_is_unmet_exactly_when_a_guard_holds(text: str, at: Values) -> None:
    """What an agent is told to be missing is really what keeps the guard from holding."""
    guard = parse_guard(text)
    assert (unmet(guard, at) == ()) == compiled(guard)(at)


@given(text=texts, at=values)
def test_meeting_what_is_unmet_is_enough(text: str, at: Values) -> None:
    """Of alternatives one is named, and nothing more than that one needs."""
    guard = parse_guard(text)
    lacking = unmet(guard, at)
    assert set(lacking) <= set(comparisons_in(guard))


def comparisons_in(guard: Guard) -> list[Compare]:
    """List the comparisons of a guard."""
    match guard:
        case Compare():
            return [guard]
        case Every(parts=parts) | Either(parts=parts):
            return [one for part in parts for one in comparisons_in(part)]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "at the end: a condition; write one like 'reads.logs >= 1'"),
        ("read >= 1", "at 'read >= 1': no fact is called 'read'; did you mean 'reads'?"),
        ("reads", "at the end: a sign must follow reads: one of >=, <=, >, <, ==, !="),
        ("reads = 2", "at '= 2': a sign must follow reads: one of >=, <=, >, <, ==, !="),
        ("reads >= two", "at 'two': a whole number from 0 up must follow"),
        ("reads >= -1", "at '-1': a whole number from 0 up must follow"),
        ("reads >= 1 writes >= 1", "at 'writes >= 1': write 'and' or 'or' between two conditions"),
        ("(reads >= 1", "at the end: a ')' is missing"),
        ("not always", "at the end: 'not always' never holds; leave the row out"),
        ("reads.logs >= 65", "reads.logs >= 65: reads.logs is never more than 64"),
        ("reads >= 1 and " * 40, "longer than 500 characters; split it over states"),
    ],
)
def test_a_wrong_guard_is_refused_with_its_place(text: str, said: str) -> None:
    """The message says what stands where, and what could."""
    with pytest.raises(GuardError) as caught:
        parse_guard(text)
    assert str(caught.value) == said
